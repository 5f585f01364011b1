"""The table and its key, from the settings."""

from __future__ import annotations

import re

import msgspec

from object_consumer import SettingError, settings

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_MAX_NAME_BYTES = 255
_MAX_PARTITION_KEY_BYTES = 2048
_MAX_SORT_KEY_BYTES = 1024


class Key(msgspec.Struct, frozen=True):
    """A key attribute of the table.

    Attributes
    ----------
    name
        The attribute's name.
    kind
        Its type in the table: ``S`` (string) or ``N`` (number).
    role
        ``"partition"`` or ``"sort"``.
    """

    name: str
    kind: str
    role: str

    @property
    def max_bytes(self) -> int:
        """The maximum length of a string key, in bytes of UTF-8."""
        return _MAX_PARTITION_KEY_BYTES if self.role == "partition" else _MAX_SORT_KEY_BYTES


def load_table_name() -> str:
    """Read TABLE_NAME.

    Raises
    ------
    SettingError
        It is missing or not a valid table name.
    """
    name = settings.text("TABLE_NAME")
    if not _TABLE_NAME.fullmatch(name):
        raise SettingError(
            f"environment variable TABLE_NAME is {name!r}; accepted: a table's name of 3 to 255 "
            "letters, digits, '_', '-' and '.'"
        )
    return name


def load_keys() -> list[Key]:
    """Read the table's key from PARTITION_KEY and SORT_KEY with their types, in this order.

    Raises
    ------
    SettingError
        A variable is missing or invalid.
    """
    keys = [_load_key("partition")]
    if settings.text("SORT_KEY", ""):
        keys.append(_load_key("sort"))
        if keys[0].name == keys[1].name:
            raise SettingError(
                f"environment variable SORT_KEY is {keys[1].name!r}; accepted: another attribute "
                "than PARTITION_KEY, or none"
            )
    return keys


def _load_key(role: str) -> Key:
    variable = f"{role.upper()}_KEY"
    name = settings.text(variable)
    if len(name.encode()) > _MAX_NAME_BYTES:
        raise SettingError(
            f"environment variable {variable} is {name!r}; accepted: an attribute's name of at "
            f"most {_MAX_NAME_BYTES} bytes"
        )
    return Key(name, settings.text(f"{variable}_TYPE", "S", choices=("N", "S")), role)
