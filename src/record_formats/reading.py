"""Convert bytes to records."""

from __future__ import annotations

import io
import itertools
import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from object_consumer.memory import Allowance
from record_formats.errors import RecordFormatError
from record_formats.faults import first_duplicate, first_not_utf_8, first_too_deep, place
from record_formats.records import KeptRecords, Records
from record_formats.rows import read_rows
from record_formats.sizes import RAW, SMALL, need_elements, need_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from record_formats.rows import ColumnTypes

# The format of a file, by the extension of its key.
EXTENSIONS = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
}
_DELIMITERS = {"csv": ",", "tsv": "\t"}

# Copies of a line in memory: the original, without the line end, and as compact JSON.
_COPIES = 4
# Lines between two checks of the time.
_LINES = 500
# The maximum bytes of the records whose names are checked together.
_TOGETHER = 4 * SMALL
_SHOWN_CHARACTERS = 100
# Bytes of memory for a name in the set of an object's names, in addition to its text.
_NAME = 160

# JSON's white space; Python's strip() also removes two characters that JSON rejects.
_BLANKS = b" \t\r\n"
_UTF_8_MARK = b"\xef\xbb\xbf"
# UTF-32 comes first, because its byte order marks begin with those of UTF-16.
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

_values = msgspec.json.Decoder(Raw)
_arrays = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.encode


def input_format(key: str) -> str:
    """Return a file's format, by the extension of its key (case-insensitive).

    Raises
    ------
    RecordFormatError
        The extension is not one of `EXTENSIONS`.
    """
    name = key.rpartition("/")[2]
    extension = f".{name.rpartition('.')[2]}".lower() if "." in name else ""
    if extension not in EXTENSIONS:
        known = ", ".join(EXTENSIONS)
        raise RecordFormatError(f"file type {extension or 'none'!r} of {key!r}; known: {known}")
    return EXTENSIONS[extension]


def read_records(
    content: bytes,
    kind: str,
    column_types: ColumnTypes | None = None,
    allowance: Allowance | None = None,
) -> Records:
    """Read every record of a file.

    Parameters
    ----------
    content
        The file, in UTF-8, with or without a byte order mark.
    kind
        A value of `EXTENSIONS`.
    column_types
        The JSON Schema types of CSV columns that are not strings: ``integer``, ``number`` or
        ``boolean``. An empty field of such a column is null.
    allowance
        The available memory and time; unlimited by default. It counts everything that is kept in
        memory, except `content`.

    Returns
    -------
    Records
        The texts of JSON values, all of them validated. A JSON array gives its elements, any other
        JSON value itself; CSV gives an object for each row.

    Raises
    ------
    RecordFormatError
        The file is empty, not UTF-8, malformed, or of another kind. A duplicate name in a JSON
        object is malformed: one of its values would be lost.
    MemoryLimitError
        A record, or all of them, would need more memory than allowed.
    DeadlineError
        The time is over.
    """
    allowance = allowance or Allowance()
    data = content.removeprefix(_UTF_8_MARK)
    _check_text(data)
    match kind:
        case "json":
            return _read_json(data, allowance)
        case "jsonl":
            return _read_lines(data, allowance)
        case _:
            return read_rows(data, _DELIMITERS[kind], column_types or {}, allowance)


def _check_text(data: bytes) -> None:
    for mark, name in _NOT_TEXT.items():
        if data.startswith(mark):
            raise RecordFormatError(f"the file is {name}; expected text in UTF-8")
    if not data or data.isspace():
        raise RecordFormatError("the file is empty")
    if not data.isascii() and (position := first_not_utf_8(data)) is not None:
        raise RecordFormatError(
            f"{place(data, position)}: byte 0x{data[position]:02x} is not UTF-8"
        )
    if (position := data.find(b"\0")) >= 0:
        raise RecordFormatError(f"{place(data, position)}: a NUL byte; expected text in UTF-8")


def _read_json(data: bytes, allowance: Allowance) -> Records:
    with _explained(data):
        if data.lstrip()[:1] != b"[":
            record = _values.decode(data)
            _check_names(bytes(record).strip(), allowance, "record 1")
            return Records.of([record], len(data))
        need_elements(allowance, data, RAW, "the records")
        kept = _arrays.decode(data)
        allowance.hold(RAW * len(kept), "the records")
        records = Records.of(kept, len(data))
        number = 0
        for batch in records.batches():
            allowance.check()
            text = _encode(batch)
            if len(text) <= _TOGETHER:
                _names.raw_decode(text.decode())
            else:
                for place_in_batch, record in enumerate(batch, start=1):
                    _check_names(bytes(record), allowance, f"record {number + place_in_batch}")
            number += len(batch)
    return records


def _read_lines(data: bytes, allowance: Allowance) -> Records:
    kept = KeptRecords(allowance)
    number = 0
    for lines in itertools.batched(io.BytesIO(data), _LINES, strict=False):
        texts = []
        for line in lines:
            number += 1
            if not (text := line.strip(_BLANKS)):
                continue
            if len(text) > SMALL:
                allowance.need(_COPIES * len(text), f"line {number}")
            try:
                _values.decode(text)
                _check_names(text, allowance, f"line {number}")
            except _FAULTS:
                with _explained(line.rstrip(b"\n"), number):
                    raise
            texts.append(_one_line(text))
        kept.add(texts, number)
    return kept.records(
        lambda: (Raw(_one_line(line)) for line in io.BytesIO(data) if line.strip(_BLANKS))
    )


def _one_line(text: bytes) -> bytes:
    return msgspec.json.format(text, indent=-1)


@contextmanager
def _explained(data: bytes, line_number: int = 1) -> Iterator[None]:
    """Describe an error in JSON, with its position."""
    try:
        yield
    except _DuplicateNameError:
        position, name = first_duplicate(data) or (0, "")
        found = place(data, position, line_number=line_number)
        name = name[:_SHOWN_CHARACTERS]
        raise RecordFormatError(f"{found}: a second {name!r} in one object") from None
    except RecursionError:
        found = place(data, first_too_deep(data), line_number=line_number)
        raise RecordFormatError(f"{found}: nested too deeply") from None
    except msgspec.MsgspecError as error:
        raise _malformed(data, str(error), line_number) from None


class _DuplicateNameError(Exception):
    """An object has a duplicate name."""


def _check_members(members: list[tuple[str, object]]) -> None:
    if len(dict(members)) != len(members):
        raise _DuplicateNameError


_FAULTS = (_DuplicateNameError, RecursionError, msgspec.MsgspecError)

# Discards objects, and replaces each number by its length.
_names = json.JSONDecoder(object_pairs_hook=_check_members, parse_int=len, parse_float=len)


def _check_names(text: bytes, allowance: Allowance, what: str) -> None:
    """Check that no object has a duplicate name; msgspec would use the last value.

    The decoder is faster, but keeps all arrays and strings until the outermost object ends. A large
    text is therefore scanned instead, which keeps only the names of the open objects.
    """
    if len(text) <= SMALL:
        _names.raw_decode(text.decode())
        return
    need_names(allowance, text, _NAME, what)
    if first_duplicate(text, allowance.check) is not None:
        raise _DuplicateNameError


def _malformed(data: bytes, message: str, line_number: int) -> RecordFormatError:
    found = _AT_BYTE.search(message)
    reason = _AT_BYTE.sub("", message).removeprefix("JSON is malformed: ")
    if found:
        # msgspec has already consumed the first trailing character.
        position = int(found[1]) - (reason == "trailing characters")
    elif lone := _LONE_SURROGATE.search(data):
        position, reason = lone.start(1), "half of a surrogate pair"
    else:
        position, reason = len(data), "the JSON ends too soon"
    return RecordFormatError(f"{place(data, position, line_number=line_number)}: {reason}")
