"""The tools behind the `make` targets."""
