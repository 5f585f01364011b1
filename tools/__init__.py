"""What `make` runs: set-up of the checkout and packaging of the functions."""
