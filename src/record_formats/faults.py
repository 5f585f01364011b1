"""Find the exact position of an error: a second, slow pass over input that a parser rejected."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# More than any document needs, but less than the limits of the parsers used here.
_DEPTH = 1000

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"(\s*+:)?|[\[\]{}]')
# Bytes searched at a time, which limits the memory.
_PART = 64 * 1024
# The continuation bytes of a UTF-8 character.
_CONTINUATION = bytes(range(0x80, 0xC0))
_CHECKED_EVERY = 10_000

NEVER_CLOSED = "the quote is never closed"


def first_duplicate(
    data: bytes, check: Callable[[], None] = lambda: None
) -> tuple[int, str] | None:
    """Find the first duplicate name in an object: its byte position and the name.

    Parameters
    ----------
    data
        Well-formed JSON.
    check
        Called regularly; raises when the time is over.
    """
    objects: list[set[str]] = []
    for number, token in enumerate(_TOKEN.finditer(data)):
        if number % _CHECKED_EVERY == 0:
            check()
        match data[token.start()]:
            case 0x7B:  # {
                objects.append(set())
            case 0x7D:  # }
                objects.pop()
            case 0x22 if token.start(1) >= 0:  # a quote, with a colon after the string
                name = json.loads(data[token.start() : token.start(1)])
                if name in objects[-1]:
                    return token.start(), name
                objects[-1].add(name)
    return None


def first_too_deep(data: bytes) -> int:
    """Find the first bracket nested deeper than a thousand others: its byte position."""
    depth = 0
    for token in _TOKEN.finditer(data):
        if data[token.start()] in b"[{":
            depth += 1
            if depth > _DEPTH:
                return token.start()
        elif data[token.start()] in b"]}":
            depth -= 1
    return 0


def malformed_field(data: bytes, position: int, delimiter: bytes, field: int) -> tuple[int, str]:
    """Find a field of a row, or an error in the quotes before it.

    Parameters
    ----------
    data
        The table.
    position
        The start of the row.
    delimiter
        The field delimiter.
    field
        The index of the field, from 0; -1 to find only errors.

    Returns
    -------
    tuple[int, str]
        The position, and the error in the quotes there. The position of a missing field is the end
        of the row.
    """
    unquoted = re.compile(rb"[^%b\r\n]*+" % delimiter)
    for number in itertools.count():
        if number == field:
            return position, ""
        if data.startswith(b'"', position):
            opened = position
            position = _closing(data, opened)
            if position < 0:
                return opened, NEVER_CLOSED
            position += 1
            if position < len(data) and data[position] not in delimiter + b"\r\n":
                expected = repr(delimiter.decode())
                return position, f"expected {expected} or the row's end after the closing quote"
        elif found := unquoted.match(data, position):
            position = found.end()
        if not data.startswith(delimiter, position):
            break
        position += 1
    return position, "the row ends here"


def _closing(data: bytes, opened: int) -> int:
    """Find the closing quote of a field; two consecutive quotes are an escaped quote."""
    position = data.find(b'"', opened + 1)
    while position >= 0 and data.startswith(b'"', position + 1):
        position = data.find(b'"', position + 2)
    return position


def first_not_utf_8(data: bytes) -> int | None:
    """Find the first byte that is not UTF-8, if any, in one part of the text at a time."""
    start = 0
    while start < len(data):
        end = start + _PART
        # Don't split a character.
        while end < len(data) and end > start + _PART - 4 and data[end] in _CONTINUATION:
            end -= 1
        try:
            data[start:end].decode()
        except UnicodeDecodeError as error:
            return start + error.start
        start = end
    return None


def place(data: bytes, position: int, *, line_number: int = 1, column: int = 1) -> str:
    """Return a position as line and column, counted in characters.

    Parameters
    ----------
    data
        The text.
    position
        The position in it.
    line_number, column
        Those of the text's beginning.
    """
    line = line_number + data.count(b"\n", 0, position)
    begins = data.rfind(b"\n", 0, position) + 1
    column = characters(data, begins, position) + (1 if begins else column)
    return f"line {line}, column {column}"


def characters(data: bytes, start: int, end: int) -> int:
    """Count the characters of a part of a text."""
    return sum(
        len(data[part : min(part + _PART, end)].translate(None, _CONTINUATION))
        for part in range(start, end, _PART)
    )
