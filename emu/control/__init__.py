"""Servers through which other programs control a machine."""
