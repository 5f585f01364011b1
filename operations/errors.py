"""What goes wrong between an operator and a pipeline."""


class WrongUseError(Exception):
    """What was asked for is not possible; the message says what would be."""


class OperationError(Exception):
    """AWS or Terraform did not do its part; the message says which and why."""
