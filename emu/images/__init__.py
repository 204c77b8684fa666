"""Images built in code."""
