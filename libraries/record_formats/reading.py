"""From bytes to records."""

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

# What a file is, by the end of its key.
EXTENSIONS = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
}
_DELIMITERS = {"csv": ",", "tsv": "\t"}

# Of a line that is read, at the same time: as it is, without its end, written in one line.
_COPIES = 4
# Lines between two looks at whether there is still time.
_LINES = 500
# Records whose names are checked together have so many bytes at most.
_TOGETHER = 4 * SMALL
_SHOWN_CHARACTERS = 100
# Bytes that a name takes in the set of an object's names, beside its text.
_NAME = 160

# Python's own strip takes two more for blanks, which JSON refuses.
_BLANKS = b" \t\r\n"
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

_values = msgspec.json.Decoder(Raw)
_arrays = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.encode


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
        For columns of CSV that are no text: their JSON Schema types, of ``integer``, ``number``
        and ``boolean``. An empty field of such a column is null.
    allowance
        The memory and the time that may be used; any by default. What is kept in memory is held in
        it, `content` aside.

    Returns
    -------
    Records
        The texts of JSON values; all have been read once, so that nothing in them can fail. A JSON
        array gives its elements, any other JSON value itself; CSV gives an object for each row.

    Raises
    ------
    RecordFormatError
        The file is empty, not UTF-8, malformed, or not of its kind. A name that occurs twice in
        one JSON object is malformed: one of its values would be lost, and which is anyone's guess.
    MemoryLimitError
        A record, or all of them, would take more memory than is allowed.
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
    """Say what is wrong with JSON, and where."""
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
    """An object has a name twice."""


def _check_members(members: list[tuple[str, object]]) -> None:
    if len(dict(members)) != len(members):
        raise _DuplicateNameError


_FAULTS = (_DuplicateNameError, RecursionError, msgspec.MsgspecError)

# Keeps no objects, and of each number only how long it is.
_names = json.JSONDecoder(object_pairs_hook=_check_members, parse_int=len, parse_float=len)


def _check_names(text: bytes, allowance: Allowance, what: str) -> None:
    """Check that each object has a name once; msgspec takes a name's last value.

    The decoder is quicker, but keeps all arrays and texts until the outermost object ends. A large
    text is looked through instead, and only the names of the objects that are open are kept.
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
        # Of trailing characters msgspec has read the first already.
        position = int(found[1]) - (reason == "trailing characters")
    elif lone := _LONE_SURROGATE.search(data):
        position, reason = lone.start(1), "half of a surrogate pair"
    else:
        position, reason = len(data), "the JSON ends too soon"
    return RecordFormatError(f"{place(data, position, line_number=line_number)}: {reason}")
