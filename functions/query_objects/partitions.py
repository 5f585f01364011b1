"""The partition of an output, from its source's key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from object_consumer import PermanentError, SettingError, settings

if TYPE_CHECKING:
    from collections.abc import Callable

# Characters that mean the same in an S3 key, in a path of Hive's and in a URI. Hive encodes others:
# https://docs.aws.amazon.com/athena/latest/ug/partitions.html
_VALUE = re.compile(r"[A-Za-z0-9_.-]+")


def load_partition() -> Callable[[str], str]:
    r"""Read PARTITION_PATTERN: a regular expression with named groups, searched in the key.

    ``(?P<year>\d{4})/(?P<month>\d\d)/`` puts the output of ``in/2026/01/a.csv`` under
    ``year=2026/month=01/``. The partition depends on nothing but the key, so that a new version of
    a file replaces the output of the previous one.

    Returns
    -------
    Callable[[str], str]
        Returns the partition of a key, which ends with a slash; empty without a pattern. Raises
        PermanentError for a key that doesn't match.

    Raises
    ------
    SettingError
        It is not a regular expression, or has no named group.
    """
    text = settings.text("PARTITION_PATTERN", "")
    if not text:
        return lambda _: ""
    accepted = "a regular expression with named groups, such as (?P<year>\\d{4})/(?P<month>\\d\\d)/"
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise SettingError(
            f"environment variable PARTITION_PATTERN is {text!r}: {error}; accepted: {accepted}"
        ) from None
    if not pattern.groupindex:
        raise SettingError(
            f"environment variable PARTITION_PATTERN is {text!r}; accepted: {accepted}"
        )
    return lambda key: _partition(pattern, key)


def _partition(pattern: re.Pattern[str], key: str) -> str:
    found = pattern.search(key)
    if found is None:
        raise PermanentError(f"the key {key!r} doesn't match PARTITION_PATTERN, {pattern.pattern}")
    parts = []
    for name in pattern.groupindex:
        value = found[name]
        if value is None or not _VALUE.fullmatch(value):
            raise PermanentError(
                f"the key {key!r} gives the partition {name} the value {value!r}; accepted: "
                "letters, digits, '_', '-' and '.'"
            )
        parts.append(f"{name}={value}/")
    return "".join(parts)
