"""Where exactly something is wrong: a second, slow look at what a parser has refused already."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# More than any document needs, fewer than any parser here gives up at.
_DEPTH = 1000

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"(\s*+:)?|[\[\]{}]')
_LINE_END = re.compile(rb"\r\n?|\n")
# Bytes that are looked at together, and need memory together.
_PART = 64 * 1024
# All bytes of a character in UTF-8 but its first.
_CONTINUATION = bytes(range(0x80, 0xC0))
_CHECKED_EVERY = 10_000


def first_duplicate(
    data: bytes, check: Callable[[], None] = lambda: None
) -> tuple[int, str] | None:
    """Find the first name that is in an object already: its byte position and the name.

    Parameters
    ----------
    data
        Well-formed JSON.
    check
        Asked now and then; raises when the time is over.
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
            case 0x22 if token.start(1) >= 0:  # a quote, and a colon behind the text
                name = json.loads(data[token.start() : token.start(1)])
                if name in objects[-1]:
                    return token.start(), name
                objects[-1].add(name)
    return None


def first_too_deep(data: bytes) -> int:
    """Find the first bracket that lies deeper than a thousand others: its byte position."""
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
    """Find a field of a row, or what is wrong with its quotes before that.

    Parameters
    ----------
    data
        The table.
    position
        Where the row begins.
    delimiter
        What separates fields.
    field
        The field looked for, from 0; -1 for none but what is wrong.

    Returns
    -------
    tuple[int, str]
        The position, and what is wrong with the quotes there. A field that is missing is where
        the row ends.
    """
    unquoted = re.compile(rb"[^%b\r\n]*+" % delimiter)
    for number in itertools.count():
        if number == field:
            return position, ""
        if data.startswith(b'"', position):
            opened = position
            position = _closing(data, opened)
            if position < 0:
                return opened, "the quote is never closed"
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
    """Find the quote that closes a field; two in a row are a quote in its text."""
    position = data.find(b'"', opened + 1)
    while position >= 0 and data.startswith(b'"', position + 1):
        position = data.find(b'"', position + 2)
    return position


def first_not_utf_8(data: bytes) -> int | None:
    """Find the first byte that is not UTF-8, if there is one, a part of the text at a time."""
    start = 0
    while start < len(data):
        end = start + _PART
        # Not between the bytes of a character.
        while end < len(data) and end > start + _PART - 4 and data[end] in _CONTINUATION:
            end -= 1
        try:
            data[start:end].decode()
        except UnicodeDecodeError as error:
            return start + error.start
        start = end
    return None


def line_start(data: bytes, line_number: int) -> int:
    """Find where a line of a table begins; lines end as csv has them end."""
    ends = itertools.islice(_LINE_END.finditer(data), line_number - 1)
    return max((end.end() for end in ends), default=0)


def place(data: bytes, position: int, *, start: int = 0, line_number: int = 1) -> str:
    """Name a position by line and column, a column being a number of characters.

    Parameters
    ----------
    data
        The text.
    position
        The position in it.
    start, line_number
        A position before it at which a line begins, and the line's number.
    """
    line = line_number + data.count(b"\n", start, position)
    begins = max(start, data.rfind(b"\n", start, position) + 1)
    column = 1
    for part in range(begins, position, _PART):
        column += len(data[part : min(part + _PART, position)].translate(None, _CONTINUATION))
    return f"line {line}, column {column}"
