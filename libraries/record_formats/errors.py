"""What is wrong with a file."""

from __future__ import annotations

from object_consumer import PermanentError


class RecordFormatError(PermanentError):
    """A file can't be read; the message names line and column, both counted from 1.

    A column is a number of characters, in CSV too.
    """
