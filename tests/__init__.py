"""The tests: one directory for each room, the peers they talk to, and the suites of others."""
