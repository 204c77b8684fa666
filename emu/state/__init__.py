"""State of a machine as data."""
