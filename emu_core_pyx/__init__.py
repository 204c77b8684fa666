"""Shared headers of the core; see types.pxd."""
