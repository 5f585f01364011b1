"""From bytes to records."""

from __future__ import annotations

import csv
import io
import re
import sys
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from object_consumer import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from obstore import Bytes

    type Content = bytes | Bytes | memoryview

# What a file is, by the end of its key.
EXTENSIONS = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
}
_DELIMITERS = {"csv": ",", "tsv": "\t"}

_BYTE_ORDER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_UTF_8_MARK = b"\xef\xbb\xbf"
_AT_BYTE = re.compile(r" \(byte (\d+)\)$")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)")

# The field size is limited for fear of unclosed quotes; an object's size is limited already.
csv.field_size_limit(sys.maxsize)

_values = msgspec.json.Decoder(Raw)
_arrays = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.encode


class RecordFormatError(PermanentError):
    """A file can't be read; the message names line and column."""


def input_format(key: str) -> str:
    """Tell a file's format by the end of its key, in any case.

    Raises
    ------
    RecordFormatError
        The end is none of `EXTENSIONS`.
    """
    name = key.rpartition("/")[2]
    extension = f".{name.rpartition('.')[2]}".lower() if "." in name else ""
    if extension not in EXTENSIONS:
        known = ", ".join(EXTENSIONS)
        raise RecordFormatError(f"file type {extension or 'none'!r} of {key!r}; known are {known}")
    return EXTENSIONS[extension]


def read_records(
    content: Content, kind: str, column_types: Mapping[str, str] | None = None
) -> list[Raw]:
    """Read every record of a file.

    Parameters
    ----------
    content
        The file, in UTF-8, with or without a byte order mark.
    kind
        A value of `EXTENSIONS`.
    column_types
        For columns of CSV that are no text: their JSON Schema type, ``integer``, ``number`` or
        ``boolean``. An empty field of such a column is null.

    Returns
    -------
    list[Raw]
        The texts of JSON values. A JSON array gives its elements, any other JSON value itself;
        CSV gives an object for each row.

    Raises
    ------
    RecordFormatError
        The file is empty, not UTF-8, malformed, or not of its kind.
    """
    text = _utf_8(content)
    match kind:
        case "json":
            return _read_json(text)
        case "jsonl":
            return _read_lines(text)
        case _:
            return list(_read_rows(text.decode(), _DELIMITERS[kind], column_types or {}))


def _utf_8(content: Content) -> bytes:
    data = bytes(content).removeprefix(_UTF_8_MARK)
    if not data.strip():
        raise RecordFormatError("the file is empty")
    if data[:2] in _BYTE_ORDER_MARKS:
        raise RecordFormatError(f"the file is {_BYTE_ORDER_MARKS[data[:2]]}; expected UTF-8")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        where = _place(data, error.start)
        raise RecordFormatError(
            f"{where}: byte 0x{data[error.start]:02x} is not UTF-8; expected UTF-8"
        ) from None
    if (position := data.find(b"\0")) >= 0:
        raise RecordFormatError(f"{_place(data, position)}: a NUL byte; expected text in UTF-8")
    return data


def _read_json(data: bytes) -> list[Raw]:
    try:
        return _arrays.decode(data) if data.lstrip()[:1] == b"[" else [_values.decode(data)]
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _malformed(data, error) from None


def _read_lines(data: bytes) -> list[Raw]:
    records = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            # In one line, however it was spaced.
            records.append(Raw(msgspec.json.format(bytes(_values.decode(line)), indent=-1)))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise _malformed(line, error, line_number=number) from None
    return records


def _read_rows(text: str, delimiter: str, column_types: Mapping[str, str]) -> Iterator[Raw]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        header = next(reader)
        _check_header(header)
        names = [_encode(name) + b":" for name in header]
        types = [column_types.get(name) for name in header]
        begins = reader.line_num + 1
        for row in reader:
            # An empty line is no row, except where a row has but one, empty, field.
            if row and len(row) != len(header):
                raise RecordFormatError(
                    f"line {begins}, column {min(len(row), len(header)) + 1}: the row has "
                    f"{len(row)} fields and the header {len(header)}"
                )
            if row:
                fields = [
                    name + (_encode(field) if kind is None else _typed(field, kind))
                    for name, field, kind in zip(names, row, types, strict=True)
                ]
                yield Raw(b"{" + b",".join(fields) + b"}")
            begins = reader.line_num + 1
    except csv.Error as error:
        raise RecordFormatError(f"line {begins}, column 1: {error}") from None


def _check_header(header: list[str]) -> None:
    seen: set[str] = set()
    for position, name in enumerate(header, start=1):
        if not name.strip():
            raise RecordFormatError(f"line 1, column {position}: the column has no name")
        if name in seen:
            raise RecordFormatError(f"line 1, column {position}: a second column {name!r}")
        seen.add(name)


def _typed(field: str, kind: str) -> bytes:
    """Write a field as its column's type; one that doesn't fit stays text for the schema to refuse.

    The digits are taken over as they are.
    """
    if not field:
        return b"null"
    fits = {
        "integer": _INTEGER.fullmatch(field) is not None,
        "number": _NUMBER.fullmatch(field) is not None,
        "boolean": field in {"true", "false"},
    }
    return field.encode() if fits.get(kind, False) else _encode(field)


def _malformed(data: bytes, error: Exception, line_number: int | None = None) -> RecordFormatError:
    if isinstance(error, RecursionError):
        return RecordFormatError(f"line {line_number or 1}, column 1: nested too deeply")
    message = str(error)
    found = _AT_BYTE.search(message)
    position = int(found[1]) if found else len(data)
    reason = _AT_BYTE.sub("", message).removeprefix("JSON is malformed: ")
    if not found:
        reason = "the JSON ends too soon"
    elif reason == "trailing characters":
        # msgspec has read the first of them already.
        position -= 1
    return RecordFormatError(f"{_place(data, position, line_number)}: {reason}")


def _place(data: bytes, position: int, line_number: int | None = None) -> str:
    before = data[:position].decode(errors="replace")
    line = (line_number or 1) + before.count("\n")
    return f"line {line}, column {len(before) - before.rfind('\n')}"
