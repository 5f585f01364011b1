"""A consumer's filter, which the function checks after the filters of S3, SNS and EventBridge.

A new SNS subscription may deliver unfiltered messages for a short time, and not every route can
filter by prefix and suffix, so the function checks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from object_consumer.errors import SettingError

if TYPE_CHECKING:
    from object_consumer.events import ObjectEvent

_S3 = "s3:"


class ObjectFilter(Struct, frozen=True, forbid_unknown_fields=True):
    """The filter of a consumer; an empty list matches everything.

    Attributes
    ----------
    prefixes, suffixes
        Prefixes and suffixes of keys, not encoded; one of each must match.
    events
        Event names of S3 notifications, such as ``s3:ObjectCreated:*``.
    min_bytes, max_bytes
        The smallest and the largest size; an event without a size (a deletion) has neither.
    """

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    min_bytes: int | None = None
    max_bytes: int | None = None

    def wants(self, event: ObjectEvent) -> bool:
        """Return whether an event matches."""
        return (
            (not self.prefixes or event.key.startswith(self.prefixes))
            and (not self.suffixes or event.key.endswith(self.suffixes))
            and (not self.events or any(_names(name, event.event_name) for name in self.events))
            and (
                self.min_bytes is None or (event.size is not None and event.size >= self.min_bytes)
            )
            and (
                self.max_bytes is None or (event.size is not None and event.size <= self.max_bytes)
            )
        )


def parse_filter(name: str, text: str) -> ObjectFilter:
    """Read a filter from the JSON text of an environment variable.

    Raises
    ------
    SettingError
        The text is not a valid filter; the message names the variable and the error.
    """
    try:
        return msgspec.json.decode(text, type=ObjectFilter)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise SettingError(
            f"environment variable {name} is {text!r}: {error}; accepted: JSON such as "
            '{"prefixes": ["incoming/"], "suffixes": [".json"], "events": ["s3:ObjectCreated:*"]}'
        ) from None


def _names(pattern: str, event_name: str) -> bool:
    pattern = pattern.removeprefix(_S3)
    if pattern.endswith("*"):
        return event_name.startswith(pattern[:-1])
    return event_name == pattern
