"""A consumer that logs every event it is given."""
