"""What can go wrong during development."""


class DevelopmentError(Exception):
    """Something in the author's folder has to be changed; the message names it and the change."""
