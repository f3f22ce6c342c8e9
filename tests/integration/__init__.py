"""Our producer through other people's clients, to other people's servers and to our receiver."""
