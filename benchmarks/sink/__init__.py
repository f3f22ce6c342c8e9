"""Servers that cost as little as possible, so that clients are measured: see `__main__`."""
