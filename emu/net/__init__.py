"""What a network card's cable leads to: an in-process switch, a user-mode network, sockets, captures."""
