"""A consumer that logs every event."""
