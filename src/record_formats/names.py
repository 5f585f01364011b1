"""Check that no JSON object has a duplicate name; msgspec would use the last value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from record_formats.faults import first_duplicate
from record_formats.sizes import SMALL, need_names

if TYPE_CHECKING:
    from object_consumer.memory import Allowance

# The maximum bytes of the records whose names are checked together.
TOGETHER = 4 * SMALL
# Bytes of memory for a name in the set of an object's names, in addition to its text.
_NAME = 160
# Other spellings of a quote and a colon.
_RESPELT = (b"\\u0022", b"\\u003a", b"\\u003A")

_values = msgspec.json.Decoder()
_encode = msgspec.json.encode


class DuplicateNameError(Exception):
    """An object has a duplicate name."""


def are_distinct(compact: bytes) -> bool:
    """Return whether no object of a small compact JSON text has a duplicate name, if that is clear.

    Decoding discards duplicates, so the text that is made of the values again has fewer names.
    """
    try:
        again = _encode(_values.decode(compact))
    except (msgspec.MsgspecError, RecursionError):
        # Such as a number out of range, which is no error in a text.
        return False
    return has_all_names(compact, again)


def has_all_names(text: bytes, again: bytes) -> bool:
    """Return whether a text made of another one's values has all of its names, if that is clear.

    Neither text has white space before a colon. A name ends with a quote and a colon, which nothing
    else does but an escaped quote in a string; of these the second text has no more than the first,
    unless the first spells them otherwise.
    """
    if b"\\u00" in text and any(spelling in text for spelling in _RESPELT):
        return False
    return text.count(b'":') == again.count(b'":')


def check_names(text: bytes, allowance: Allowance, what: str) -> None:
    """Check one record.

    The decoder is faster, but keeps all arrays and strings until the outermost object ends. A large
    text is therefore scanned instead, which keeps only the names of the open objects.

    Raises
    ------
    DuplicateNameError
        An object has a duplicate name.
    RecursionError
        It is nested too deeply.
    MemoryLimitError
        The names would need more memory than allowed.
    """
    if len(text) <= SMALL:
        _names.raw_decode(text.decode())
        return
    need_names(allowance, text, _NAME, what)
    if first_duplicate(text, allowance.check) is not None:
        raise DuplicateNameError


def _check_members(members: list[tuple[str, object]]) -> None:
    if len(dict(members)) != len(members):
        raise DuplicateNameError


# Discards objects, and replaces each number by its length.
_names = json.JSONDecoder(object_pairs_hook=_check_members, parse_int=len, parse_float=len)
