"""Describe an error that a JSON decoder raised, with its position in the file."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from record_formats.faults import first_duplicate, first_too_deep
from record_formats.names import DuplicateNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from record_formats.errors import RecordFormatError

# What decoding raises for a malformed text.
FAULTS = (DuplicateNameError, RecursionError, msgspec.MsgspecError)
_SHOWN_CHARACTERS = 100
TRAILING = "trailing characters"
# The length of an escape such as \ud83d.
_ESCAPE = 6
_AT_BYTE = re.compile(r" \(byte (\d+)\)$")
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*(\\u[dD][89abAB][0-9a-fA-F]{2})(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)


@contextmanager
def explained(data: bytes, error: Callable[[int, str], RecordFormatError]) -> Iterator[None]:
    """Replace a decoder's error.

    Parameters
    ----------
    data
        The text that is decoded.
    error
        Makes the new error of a position in it and a reason.
    """
    try:
        yield
    except DuplicateNameError:
        position, name = first_duplicate(data) or (0, "")
        raise error(position, f"a second {name[:_SHOWN_CHARACTERS]!r} in one object") from None
    except RecursionError:
        raise error(first_too_deep(data), "nested too deeply") from None
    except msgspec.MsgspecError as fault:
        position, reason = _located(data, fault)
        raise error(position, reason) from None


def trailing(fault: msgspec.MsgspecError) -> int | None:
    """Return where a value has ended, if something else follows it."""
    message = str(fault)
    found = _AT_BYTE.search(message)
    # msgspec has already consumed the first trailing character.
    return int(found[1]) - 1 if found and TRAILING in message else None


def may_go_on(data: bytes, start: int, fault: Exception) -> bool:
    """Return whether an error may be only that the text isn't read to its end.

    Parameters
    ----------
    data
        The text, of which a value from `start` was decoded.
    start
        The position.
    fault
        The decoder's error.
    """
    if not isinstance(fault, msgspec.MsgspecError):
        return False
    if found := _AT_BYTE.search(str(fault)):
        # Such as a number that ends with its decimal point.
        return start + int(found[1]) >= len(data)
    # msgspec says the same of half of a surrogate pair; the other half may follow.
    lone = _LONE_SURROGATE.search(data, start)
    return lone is None or lone.end() + _ESCAPE > len(data)


def _located(data: bytes, fault: msgspec.MsgspecError) -> tuple[int, str]:
    message = str(fault)
    if (position := trailing(fault)) is not None:
        return position, TRAILING
    if found := _AT_BYTE.search(message):
        reason = _AT_BYTE.sub("", message).removeprefix("JSON is malformed: ")
        return int(found[1]), reason
    if lone := _LONE_SURROGATE.search(data):
        return lone.start(1), "half of a surrogate pair"
    return len(data), "the JSON ends too soon"
