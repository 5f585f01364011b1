"""The names of the columns in a CSV file, from its header or from the settings."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from object_consumer import PermanentError
from query_objects.columns import add_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    type Options = Mapping[str, str | int | bool | list[str]]

# What "surrogateescape" makes of bytes that it can't decode.
_NOT_DECODED = re.compile("[\udc80-\udcff]")
# DuckDB's default.
MAX_LINE_BYTES = 2_000_000


def read_columns(file: BinaryIO, options: Options) -> list[str]:
    """Return the names of the columns.

    Parameters
    ----------
    file
        The file, at its beginning.
    options
        The options of `query_objects.configuration`.

    Raises
    ------
    PermanentError
        The file is empty, or its header is malformed or has a name twice.
    """
    names = options.get("names")
    if not isinstance(names, list):
        row = _first_row(file, options)
        names = row if options["header"] else [f"column{number}" for number in range(len(row))]
    columns: dict[str, bytes] = {}
    for name in names:
        if name in columns:
            raise PermanentError(f"the header has the column {name!r} twice")
        add_columns(columns, [name])
    return list(columns)


def _first_row(file: BinaryIO, options: Options) -> list[str]:
    quote, escape = str(options["quote"]), str(options["escape"])
    reader = csv.reader(
        _lines(file, options),
        delimiter=str(options["delim"]),
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        doublequote=escape == quote,
        escapechar=escape if escape != quote else None,
        strict=True,
    )
    try:
        row = next((row for row in reader if row), None)
    except csv.Error as error:
        raise PermanentError(f"the header: {error}") from None
    if row is None:
        raise PermanentError("the file is empty")
    return row


def _lines(file: BinaryIO, options: Options) -> Iterator[str]:
    """Yield lines until the first row is complete; DuckDB reads the rest."""
    comment = str(options.get("comment", ""))
    encoding = str(options.get("encoding", "utf-8"))
    text = io.TextIOWrapper(
        file,
        {"utf-8": "utf-8-sig"}.get(encoding, encoding),
        # It decodes ahead of the header.
        errors="surrogateescape",
        newline="",
    )
    left = int(str(options.get("max_line_size", MAX_LINE_BYTES)))
    try:
        for _ in range(int(str(options.get("skip", 0)))):
            text.readline(left)
        while line := text.readline(left):
            left -= len(line)
            if left <= 0:
                raise PermanentError(
                    f"the header is longer than {options.get('max_line_size', MAX_LINE_BYTES):,} "
                    "bytes (INPUT_OPTIONS max_line_size)"
                )
            if not line.isprintable() and _NOT_DECODED.search(line):
                raise PermanentError(f"the header is not {encoding.upper()}")
            if not (comment and line.startswith(comment)):
                yield line
    except UnicodeError as error:
        raise PermanentError(f"the header: {error}") from None
    finally:
        text.detach()
