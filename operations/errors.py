"""What goes wrong between an operator and a pipeline, and with which exit code the tool ends."""

# 0: all is well, or done. 130: interrupted.
TROUBLE, WRONG_USE, REFUSED = 1, 2, 3


class WrongUseError(Exception):
    """What was asked for is not possible; the message says what would be."""


class OperationError(Exception):
    """AWS or Terraform did not do its part; the message says which and why."""
