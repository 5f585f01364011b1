"""Errors in files."""

from __future__ import annotations

from object_consumer import PermanentError


class RecordFormatError(PermanentError):
    """A file is malformed; the message names line and column, both counted from 1.

    Columns are counted in characters, in CSV too.
    """
