"""Where exactly something is wrong: a second, slow look at what a parser has refused already."""

from __future__ import annotations

import json
import re

# More than any document needs, fewer than any parser here gives up at.
_DEPTH = 1000

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"(\s*+:)?|[\[\]{}]')


def first_duplicate(data: bytes) -> tuple[int, str]:
    """Find the first name that is in an object already: its byte position and the name.

    Parameters
    ----------
    data
        Well-formed JSON in which there is such a name.
    """
    objects: list[set[str]] = []
    for token in _TOKEN.finditer(data):
        match token[0][:1]:
            case b"{":
                objects.append(set())
            case b"}":
                objects.pop()
            case b'"' if token[1]:
                name = json.loads(data[token.start() : token.start(1)])
                if name in objects[-1]:
                    return token.start(), name
                objects[-1].add(name)
    raise ValueError("no object has a name twice")


def first_too_deep(data: bytes) -> int:
    """Find the first bracket that lies deeper than a thousand others: its byte position."""
    depth = 0
    for token in _TOKEN.finditer(data):
        if token[0] in b"[{":
            depth += 1
            if depth > _DEPTH:
                return token.start()
        elif token[0] in b"]}":
            depth -= 1
    return 0


def malformed_field(text: str, delimiter: str, field: int) -> tuple[int, str]:
    """Find a field of the first row, or what is wrong with its quotes before that.

    Parameters
    ----------
    text
        What begins with the row.
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
    position = 0
    for number in range(len(text) + 1):
        if number == field:
            return position, ""
        if text.startswith('"', position):
            opened = position
            position = _closing(text, opened)
            if position < 0:
                return opened, "the quote is never closed"
            position += 1
            if position < len(text) and text[position] not in f"{delimiter}\r\n":
                return position, f"expected {delimiter!r} or the row's end after the closing quote"
        while position < len(text) and text[position] not in f"{delimiter}\r\n":
            position += 1
        if not text.startswith(delimiter, position):
            break
        position += 1
    return position, "the row ends here"


def _closing(text: str, opened: int) -> int:
    """Find the quote that closes a field; two in a row are a quote in its text."""
    position = text.find('"', opened + 1)
    while position >= 0 and text.startswith('"', position + 1):
        position = text.find('"', position + 2)
    return position
