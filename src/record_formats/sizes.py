"""Estimate the memory for values before they are created.

The first step is a fast upper bound, which suffices for ordinary files. Only if it is too large,
the second step counts exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Raw

    from object_consumer.memory import Allowance

# A text of this length needs at most a few megabytes, whatever its structure.
SMALL = 64 * 1024

# Bytes of memory for a `Raw` in a list.
RAW = 64

# A few kilobytes can describe terabytes of text, which take time even if they take no memory. The
# text may have this multiple of the memory, and of the file's bytes.
_TIMES_LIMIT, _TIMES_FILE = 4, 64

_PART = 16 * 1024


def need_values(
    allowance: Allowance, text: bytes | Raw, size: int, what: str, *, byte: int | None = None
) -> None:
    """Reject JSON whose values would need more memory than is left.

    Parameters
    ----------
    allowance
        The available memory and time.
    text
        JSON, which may be malformed.
    size
        Bytes of memory for each value, in addition to its text.
    what
        A description of the text, with its position in the file.
    byte
        Bytes of memory for each byte of the text; by default, those of a Python string.

    Raises
    ------
    MemoryLimitError
        They would need too much memory.
    """
    if memoryview(text).nbytes <= SMALL:
        return
    text = bytes(text)
    # A Python string has the same number of bytes for each character, set by the widest one.
    characters = len(text) * (byte or (1 if text.isascii() else 4))
    if not allowance.fits(characters + size * _count_separators(text)):
        allowance.need(characters + size * (sum(separators(text)) + 1), what)


def need_names(allowance: Allowance, text: bytes, size: int, what: str) -> None:
    """Reject JSON whose names would need more memory than is left; see `need_values`."""
    if not allowance.fits(len(text) + size * text.count(b":")):
        names = sum(part.count(b":") for part in _outside_strings(text))
        allowance.need(len(text) + size * names, what)


def most_expanded(limit: int | None, file_bytes: int) -> int | None:
    """Return the most bytes that a file's records may have as text; None for any number.

    Parameters
    ----------
    limit
        The memory for processing; None for no limit.
    file_bytes
        The bytes of the file that the records are from.
    """
    return None if limit is None else max(_TIMES_LIMIT * limit, _TIMES_FILE * file_bytes)


def separators(text: bytes) -> tuple[int, int]:
    """Count the commas and opening brackets outside of strings."""
    commas = opened = 0
    for part in _outside_strings(text):
        commas += part.count(b",")
        opened += part.count(b"[") + part.count(b"{")
    return commas, opened


def _outside_strings(text: bytes) -> Iterator[bytes]:
    """Yield the text without strings, in parts, because the pieces need memory too."""
    plain = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    is_inside = False
    for start in range(0, len(plain), _PART):
        pieces = plain[start : start + _PART].split(b'"')
        yield b"".join(pieces[is_inside::2])
        is_inside ^= len(pieces) % 2 == 0


def _count_separators(text: bytes) -> int:
    """Count the characters that precede a value: every value except the first has one."""
    return text.count(b",") + text.count(b"[") + text.count(b"{") + 1
