"""What is made of a file in memory, counted before it is made.

Counted is in two steps: quickly and from above, which is all that an ordinary file needs, and
exactly where that is too much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Raw

    from object_consumer.memory import Allowance

# A text so short takes a few megabytes at most, whatever it is.
SMALL = 64 * 1024

# Bytes of a `Raw` in a list.
RAW = 64

_OPENING = {ord("["), ord("{")}
_CLOSING = {ord("]"), ord("}")}
_PART = 16 * 1024
_NOT_COUNTED = bytes(set(range(256)) - set(b"[]{},"))


def need_values(
    allowance: Allowance, text: bytes | Raw, size: int, what: str, *, byte: int | None = None
) -> None:
    """Refuse JSON whose values would take more memory than is left.

    Parameters
    ----------
    allowance
        What may be used.
    text
        JSON, not necessarily well-formed.
    size
        Bytes that each value takes, beside those of its text.
    what
        What the text is, with its place in the file.
    byte
        Bytes that each byte of the text takes; by default those it has in Python's texts.

    Raises
    ------
    MemoryLimitError
        They are too many.
    """
    if memoryview(text).nbytes <= SMALL:
        return
    text = bytes(text)
    # Python's texts have as many bytes for each character as their widest one needs.
    characters = len(text) * (byte or (1 if text.isascii() else 4))
    if not allowance.fits(characters + size * _count_separators(text)):
        allowance.need(characters + size * (sum(separators(text)) + 1), what)


def need_names(allowance: Allowance, text: bytes, size: int, what: str) -> None:
    """Refuse JSON whose names would take more memory than is left; see `need_values`."""
    if not allowance.fits(len(text) + size * text.count(b":")):
        names = sum(part.count(b":") for part in _outside_strings(text))
        allowance.need(len(text) + size * names, what)


def separators(text: bytes) -> tuple[int, int]:
    """Count the commas, and the brackets that open, that are structure: not in texts or names."""
    commas = opened = 0
    for part in _outside_strings(text):
        commas += part.count(b",")
        opened += part.count(b"[") + part.count(b"{")
    return commas, opened


def _outside_strings(text: bytes) -> Iterator[bytes]:
    """Leave out texts and names, a part at a time: the pieces between them take memory as well."""
    plain = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    is_inside = False
    for start in range(0, len(plain), _PART):
        pieces = plain[start : start + _PART].split(b'"')
        yield b"".join(pieces[is_inside::2])
        is_inside ^= len(pieces) % 2 == 0


def need_elements(allowance: Allowance, document: bytes, size: int, what: str) -> None:
    """Refuse a JSON array whose elements would take more memory than is left; see `need_values`."""
    if not allowance.fits(size * (document.count(b",") + 1)):
        allowance.need(size * _count_elements(document, allowance), what)


def _count_separators(text: bytes) -> int:
    """Count what stands before a value: all but the first have something."""
    return text.count(b",") + text.count(b"[") + text.count(b"{") + 1


def _count_elements(document: bytes, allowance: Allowance) -> int:
    """Count the elements of an array, but not those in them."""
    depth = commas = 0
    for part in _outside_strings(document):
        allowance.check()
        for character in part.translate(None, _NOT_COUNTED):
            if character in _OPENING:
                depth += 1
            elif character in _CLOSING:
                depth -= 1
            else:
                commas += depth == 1
    return commas + 1
