"""Work that takes more than one invocation: what a function returns to be called again."""

from __future__ import annotations

from typing import Any

import msgspec

from object_consumer.errors import PermanentError

# The ledger writes the cursor with each claim, and a write unit has 1 KB.
MAX_CURSOR_BYTES = 4096


class Continue(msgspec.Struct, frozen=True):
    """What a function returns if another invocation is to go on with the object.

    The next invocation for the same event has the cursor as `ObjectStore.cursor`. What the function
    has done must be in effect before it returns. If an invocation fails or crashes, the next one
    has the cursor of the last one that returned, so the same part may be done again.

    Attributes
    ----------
    cursor
        Where to go on: plain JSON data that differs from the cursor of this invocation, at most
        4,096 bytes as JSON.
    progress
        How far it is, for operators, such as ``"1,200,000 of 3,000,000 records"``.

    Raises
    ------
    PermanentError
        The cursor is not plain JSON data, or too long.
    """

    cursor: Any
    progress: str | None = None

    def __post_init__(self) -> None:
        encode(self.cursor)


def encode(cursor: object) -> str:
    """Encode a cursor as JSON.

    Raises
    ------
    PermanentError
        It is not plain JSON data: the next invocation would have another cursor, such as a list
        instead of a tuple. Or it is too long.
    """
    try:
        text = msgspec.json.encode(cursor)
        same = decode(text) == cursor
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise PermanentError(f"the cursor of Continue can't be written as JSON: {error}") from None
    if not same:
        raise PermanentError(
            "the cursor of Continue would change if it is written as JSON: it may have numbers, "
            "texts, lists, and dictionaries with texts as keys"
        )
    if len(text) > MAX_CURSOR_BYTES:
        raise PermanentError(
            f"the cursor of Continue has {len(text):,} bytes as JSON; the ledger keeps at most "
            f"{MAX_CURSOR_BYTES:,}: write more to S3, and keep the key in the cursor"
        )
    return text.decode()


def decode(text: str | bytes | None) -> Any:
    """Decode a cursor; None if there is none."""
    return None if text is None else msgspec.json.decode(text)
