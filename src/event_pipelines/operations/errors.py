"""The errors of the tool, and their exit codes."""

# 0: no problem is known, or done. 130: interrupted.
TROUBLE, WRONG_USE, REFUSED = 1, 2, 3


class WrongUseError(Exception):
    """The request is not possible; the message says what is."""


class OperationError(Exception):
    """AWS or Terraform failed; the message says which and why."""
