"""A consumer that fails on purpose, as the key of the object tells it to."""
