"""Image files: disks (formats, locks, overlays), floppy formats, initial RAM disks built in code."""
