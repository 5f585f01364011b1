"""One module for each command: its options, its function, and its output."""
