"""Where a person or another program is at the other end."""
