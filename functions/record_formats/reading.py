"""From bytes to records."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import sys
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from object_consumer import PermanentError
from record_formats.faults import first_duplicate, first_too_deep, malformed_field

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    type ColumnTypes = Mapping[str, Collection[str]]

# What a file is, by the end of its key.
EXTENSIONS = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
}
_DELIMITERS = {"csv": ",", "tsv": "\t"}

_UTF_8_MARK = b"\xef\xbb\xbf"
# UTF-32's marks begin with UTF-16's.
_NOT_TEXT = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x1f\x8b": "compressed with gzip",
}
_AT_BYTE = re.compile(r" \(byte (\d+)\)$")
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*(\\u[dD][89abAB][0-9a-fA-F]{2})(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

# The field size is limited for fear of unclosed quotes; an object's size is limited already.
csv.field_size_limit(sys.maxsize)

_values = msgspec.json.Decoder(Raw)
_arrays = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.encode


class RecordFormatError(PermanentError):
    """A file can't be read; the message names line and column, both counted from 1.

    A column is a number of characters, in CSV too.
    """


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


def read_records(content: bytes, kind: str, column_types: ColumnTypes | None = None) -> list[Raw]:
    """Read every record of a file.

    Parameters
    ----------
    content
        The file, in UTF-8, with or without a byte order mark.
    kind
        A value of `EXTENSIONS`.
    column_types
        For columns of CSV that are no text: their JSON Schema types, of ``integer``, ``number``
        and ``boolean``. An empty field of such a column is null.

    Returns
    -------
    list[Raw]
        The texts of JSON values. A JSON array gives its elements, any other JSON value itself;
        CSV gives an object for each row.

    Raises
    ------
    RecordFormatError
        The file is empty, not UTF-8, malformed, or not of its kind. A name that occurs twice in
        one JSON object is malformed: one of its values would be lost, and which is anyone's guess.
    """
    data = content.removeprefix(_UTF_8_MARK)
    _check_text(data)
    match kind:
        case "json":
            return _read_json(data)
        case "jsonl":
            return list(_read_lines(data))
        case _:
            return list(_read_rows(data, _DELIMITERS[kind], column_types or {}))


def _check_text(data: bytes) -> None:
    for mark, name in _NOT_TEXT.items():
        if data.startswith(mark):
            raise RecordFormatError(f"the file is {name}; expected text in UTF-8")
    if not data or data.isspace():
        raise RecordFormatError("the file is empty")
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise RecordFormatError(
                f"{_place(data, error.start)}: byte 0x{data[error.start]:02x} is not UTF-8"
            ) from None
    if (position := data.find(b"\0")) >= 0:
        raise RecordFormatError(f"{_place(data, position)}: a NUL byte; expected text in UTF-8")


def _read_json(data: bytes) -> list[Raw]:
    def read(text: bytes) -> list[Raw]:
        return _arrays.decode(text) if text.lstrip()[:1] == b"[" else [_values.decode(text)]

    return _read_strictly(data, read)


def _read_lines(data: bytes) -> Iterator[Raw]:
    def read(text: bytes) -> Raw:
        # In one line, however it was spaced.
        return Raw(msgspec.json.format(bytes(_values.decode(text)), indent=-1))

    for number, line in enumerate(io.BytesIO(data), start=1):
        if not line.isspace():
            yield _read_strictly(line.rstrip(b"\n"), read, line_number=number)


def _read_strictly[T](data: bytes, read: Callable[[bytes], T], line_number: int = 1) -> T:
    """Read JSON whose objects have each name once; msgspec alone takes a name's last value."""
    try:
        value = read(data)
        _names.decode(data.decode())
    except _DuplicateNameError:
        position, name = first_duplicate(data)
        raise RecordFormatError(
            f"{_place(data, position, line_number)}: a second {name!r} in one object"
        ) from None
    except RecursionError:
        raise RecordFormatError(
            f"{_place(data, first_too_deep(data), line_number)}: nested too deeply"
        ) from None
    except msgspec.MsgspecError as error:
        raise _malformed(data, str(error), line_number) from None
    return value


class _DuplicateNameError(Exception):
    """An object has a name twice."""


def _check_names(members: list[tuple[str, object]]) -> None:
    if len(dict(members)) != len(members):
        raise _DuplicateNameError


# Keeps nothing of what it reads: no objects, and of each number only how long it is.
_names = json.JSONDecoder(object_pairs_hook=_check_names, parse_int=len, parse_float=len)


def _malformed(data: bytes, message: str, line_number: int) -> RecordFormatError:
    found = _AT_BYTE.search(message)
    reason = _AT_BYTE.sub("", message).removeprefix("JSON is malformed: ")
    if found:
        # Of trailing characters msgspec has read the first already.
        position = int(found[1]) - (reason == "trailing characters")
    elif lone := _LONE_SURROGATE.search(data):
        position, reason = lone.start(1), "half of a surrogate pair"
    else:
        position, reason = len(data), "the JSON ends too soon"
    return RecordFormatError(f"{_place(data, position, line_number)}: {reason}")


def _place(data: bytes, position: int, line_number: int = 1) -> str:
    before = data[:position].decode(errors="replace")
    line = line_number + before.count("\n")
    return f"line {line}, column {len(before) - before.rfind('\n')}"


def _lines_of(data: bytes) -> io.TextIOWrapper:
    """Give the lines one by one: the whole text at once would take four bytes a character."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")


def _read_rows(data: bytes, delimiter: str, column_types: ColumnTypes) -> Iterator[Raw]:
    reader = csv.reader(_lines_of(data), delimiter=delimiter, strict=True)
    header: list[str] = []
    names: list[bytes] = []
    types: list[Collection[str] | None] = []
    begins = 1
    try:
        for row in reader:
            if row and not header:
                header = row
                if fault := _fault_in_header(header):
                    raise _row_error(data, begins, delimiter, *fault)
                names = [_encode(name) + b":" for name in header]
                types = [column_types.get(name) for name in header]
            elif row:
                if len(row) != len(header):
                    field, reason = _raggedness(row, header)
                    raise _row_error(data, begins, delimiter, field, reason)
                fields = [
                    name + (_typed(field, kinds) if kinds else _encode(field))
                    for name, field, kinds in zip(names, row, types, strict=True)
                ]
                yield Raw(b"{" + b",".join(fields) + b"}")
            begins = reader.line_num + 1
    except csv.Error:
        raise _row_error(data, begins, delimiter) from None


def _fault_in_header(header: list[str]) -> tuple[int, str] | None:
    seen: set[str] = set()
    for field, name in enumerate(header):
        if not name.strip():
            return field, "the column has no name"
        if name in seen:
            return field, f"a second column {name!r}"
        seen.add(name)
    return None


def _raggedness(row: list[str], header: list[str]) -> tuple[int, str]:
    """Say which field is the first that should not be there, or where one is missing."""
    counts = f"{len(row)} in the row, {len(header)} in the header"
    if len(row) > len(header):
        return len(header), f"a field too many ({counts})"
    return len(row), f"the field {header[len(row)]!r} is missing ({counts})"


def _row_error(
    data: bytes, line_number: int, delimiter: str, field: int = -1, reason: str = ""
) -> RecordFormatError:
    """Look at a row again, by character: csv doesn't say where its fields are."""
    rest = "".join(itertools.islice(_lines_of(data), line_number - 1, None))
    position, fault = malformed_field(rest, delimiter, field)
    place = _place(rest.encode(), len(rest[:position].encode()), line_number)
    return RecordFormatError(f"{place}: {reason or fault}")


def _typed(field: str, kinds: Collection[str]) -> bytes:
    """Write a field as what its column is, its digits as they are.

    One that doesn't fit stays text, for the schema to refuse.
    """
    if not field:
        return b"null"
    is_boolean = "boolean" in kinds and field in {"true", "false"}
    # 1.5 in a column of integers is a number too: the schema says what is wrong with it.
    is_number = ("integer" in kinds or "number" in kinds) and _NUMBER.fullmatch(field)
    return field.encode() if is_boolean or is_number else _encode(field)
