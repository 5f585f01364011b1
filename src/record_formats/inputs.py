"""The files that a function reads: their formats, and the settings for them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from object_consumer import settings
from record_formats.errors import RecordFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

# The format of a file, by the extension of its key.
EXTENSIONS: Mapping[str, str] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
}
# The extension of a compressed file, after the one of its format.
COMPRESSED = ".gz"


def input_format(key: str, extensions: Mapping[str, str] = EXTENSIONS) -> str:
    """Return a file's format, by the extension of its key (case-insensitive), without ``.gz``.

    Parameters
    ----------
    key
        The key.
    extensions
        The formats, by extension.

    Raises
    ------
    RecordFormatError
        The extension is none of them.
    """
    name = key.rpartition("/")[2].lower().removesuffix(COMPRESSED)
    extension = f".{name.rpartition('.')[2]}" if "." in name else ""
    if extension not in extensions:
        known = ", ".join(extensions)
        raise RecordFormatError(
            f"file type {extension or 'none'!r} of {key!r}; known: {known}, each also with "
            f"{COMPRESSED}; INPUT_FORMAT is for keys with another extension, or with none"
        )
    return extensions[extension]


class Input(msgspec.Struct, frozen=True):
    """The settings for the files that a function reads.

    Attributes
    ----------
    extensions
        The formats that the function reads, by extension.
    only_format
        The format of all files; None if the extension of the key says it.
    records_member
        The member of a JSON document that has the records in a list; None for none.
    max_object_bytes
        The largest accepted file, as stored and decompressed.
    """

    extensions: Mapping[str, str]
    only_format: str | None
    records_member: str | None
    max_object_bytes: int

    @property
    def sources(self) -> tuple[str, ...]:
        """The extensions of the accepted keys, for `record_formats.output_key`."""
        return tuple(self.extensions) if self.only_format is None else ("",)

    def format_of(self, key: str) -> str:
        """Return the format of a file; raises as `input_format` does."""
        return self.only_format or input_format(key, self.extensions)


def load_input(
    extensions: Mapping[str, str] = EXTENSIONS, *, max_object_bytes: int = sys.maxsize
) -> Input:
    """Read INPUT_FORMAT, RECORDS_MEMBER and MAX_OBJECT_BYTES.

    Parameters
    ----------
    extensions
        The formats that the function reads, by extension.
    max_object_bytes
        The default of MAX_OBJECT_BYTES; none of its own, because the function's time is a limit.

    Raises
    ------
    SettingError
        One is invalid; the message names the variable.
    """
    return Input(
        extensions,
        settings.text("INPUT_FORMAT", "", choices=set(extensions.values())) or None,
        settings.text("RECORDS_MEMBER", "") or None,
        settings.integer("MAX_OBJECT_BYTES", max_object_bytes, minimum=1),
    )
