"""The command lines: `emu` and its subcommands, and the QEMU-compatible one."""
