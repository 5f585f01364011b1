"""Write records as a file: the same records and source always give the same bytes."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from object_consumer.memory import Allowance
from record_formats.errors import RecordFormatError
from record_formats.output import Output, Writable
from record_formats.records import Records
from record_formats.sizes import SMALL, need_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

_objects = msgspec.json.Decoder(dict[str, Raw])
_object_lists = msgspec.json.Decoder(list[dict[str, Raw]])
_arrays = msgspec.json.Decoder(list[Raw])
_texts = msgspec.json.Decoder(str)
# Numbers keep their digits: those with a point or an exponent as text.
_plain_values = msgspec.json.Decoder(list[object], float_hook=str)
_encode = msgspec.json.encode


class Source(msgspec.Struct, frozen=True):
    """The source of records.

    Attributes
    ----------
    uri
        ``s3://bucket/key``.
    version
        The object's version, or its entity tag in a bucket without versioning.
    processed_at
        The time of the event, not the current time, so that a second run writes the same bytes.
    """

    uri: str
    version: str
    processed_at: datetime


class OutputFormat(msgspec.Struct, frozen=True):
    """An output format."""

    extension: str
    content_type: str


FORMATS = {
    "json": OutputFormat(".json", "application/json"),
    "jsonl": OutputFormat(".jsonl", "application/x-ndjson"),
    "csv": OutputFormat(".csv", "text/csv; charset=utf-8"),
}

# Fields added to each record in JSON Lines and CSV, which have no place for fields of the file.
_COLUMNS = ("_source", "_version", "_processed_at", "_record_count")

# Copies of a line in memory: the original, as compact JSON, and with the added fields.
_COPIES = 4
# Bytes of memory for converting a record to a row: for each field, and for each byte of its text
# (the buffers of csv and StringIO have four bytes per character).
_CELL, _CELL_BYTE = 400, 20
# Bytes of memory for a column, in addition to its name.
_COLUMN = 200
# A row is written cell by cell if the table has this multiple of its cells as columns.
_SPARSE = 8
# Records that are converted together, and the most bytes for it.
_MOST_ROWS, _TOGETHER = 1000, 1024 * 1024
# The types of values that csv.writer writes as `_cell` does.
_PLAIN = frozenset({str, int, type(None)})
_SPECIAL = re.compile('[,"\r\n]')


def write_records(
    records: Records | Sequence[Raw],
    kind: str,
    source: Source,
    target: Writable,
    *,
    gzip: bool = False,
    allowance: Allowance | None = None,
) -> None:
    """Write records with their source, in constant memory.

    Each iteration of `records` is a pass over their file: one for JSON and JSON Lines, two for CSV.

    Parameters
    ----------
    records
        The texts of JSON values.
    kind
        A key of `FORMATS`. JSON is one document with the records in ``records``; in JSON Lines and
        CSV each record has the fields ``_source``, ``_version``, ``_processed_at`` and
        ``_record_count``, and a record that is not an object becomes the field ``value`` of one.
    source
        The source of the records.
    target
        What the file is written to. After an error, it has a part of it.
    gzip
        Whether to compress.
    allowance
        The available memory and time; unlimited by default.

    Raises
    ------
    RecordFormatError
        A record already has a field with one of these names.
    MemoryLimitError
        A record would need more memory than allowed, or the output is many times as large as the
        file.
    DeadlineError
        The time is over.
    """
    allowance = allowance or Allowance()
    if not isinstance(records, Records):
        records = Records.of(records)
    with Output(target, allowance, records.file_bytes, gzip=gzip) as output:
        match kind:
            case "json":
                _write_document(records, source, output)
            case "jsonl":
                _write_lines(records, source, output, allowance)
            case _:
                _write_table(records, source, output, allowance)


def _added(source: Source, count: int) -> dict[str, str]:
    values = (source.uri, source.version, _written(source.processed_at), str(count))
    return dict(zip(_COLUMNS, values, strict=True))


def _written(moment: datetime) -> str:
    """Format a time as in JSON, for all formats: 2026-01-02T03:04:05Z."""
    return _texts.decode(_encode(moment))


def _write_document(records: Records, source: Source, output: Output) -> None:
    around = _encode(
        {
            "source": source.uri,
            "version": source.version,
            "processed_at": source.processed_at,
            "record_count": len(records),
            "records": [],
        }
    )
    end = len(around) - len(b"]}")
    output.write(around[:end])
    separator = b""
    for batch in records.batches():
        output.write(separator)
        output.write(_encode(batch)[1:-1])
        separator = b","
    output.write(around[end:])


def _write_lines(records: Records, source: Source, output: Output, allowance: Allowance) -> None:
    added = _encode({**_added(source, len(records)), "_record_count": len(records)})[1:] + b"\n"
    output.need(len(records) * len(added))
    number = 0
    for batch in records.batches():
        for place, record in enumerate(batch, start=number + 1):
            if memoryview(record).nbytes > SMALL:
                text = bytes(record)
                allowance.need(_COPIES * len(text), f"record {place}")
                need_values(allowance, text, _CELL, f"record {place}")
        compact = msgspec.json.format(_encode(batch), indent=-1)
        lines = list(map(bytes, _arrays.decode(compact)))
        # Whether a record may have one of the names, in one of their spellings.
        if b'"_' in compact or b"\\u" in compact:
            for place, line in enumerate(lines, start=number + 1):
                if line[:1] == b"{" and (b'"_' in line or b"\\u" in line):
                    _check_names(_objects.decode(line), place)
        number += len(lines)
        for part in itertools.batched(lines, _MOST_ROWS, strict=False):
            output.write(b"".join([_extended(line) + added for line in part]))


def _extended(line: bytes) -> bytes:
    """Return the beginning of an object that has a record's fields, or the record as its value."""
    if line[:1] != b"{":
        return b'{"value":' + line + b","
    return line[:-1] + b"," if len(line) > len(b"{}") else b"{"


def _write_table(records: Records, source: Source, output: Output, allowance: Allowance) -> None:
    """Write a table, with two passes over the records, to keep memory low."""
    columns = _columns(records, allowance)
    added = tuple(_added(source, len(records)).values())
    # One comma for each column, including the added ones.
    output.need(len(records) * (len(columns) + len(added) + sum(map(len, added))))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(added)
    ending = text.getvalue()
    _clear(text)
    names = tuple(columns)
    writer.writerow((*names, *_COLUMNS))
    for batch in records.batches():
        for part in itertools.batched(batch, _MOST_ROWS, strict=False):
            for cells in _cells(part):
                if len(cells) * _SPARSE < len(columns):
                    texts = {name: _text(cell) for name, cell in cells.items()}
                    text.write(_sparse(texts, columns))
                    text.write(ending)
                elif tuple(cells) == names:
                    writer.writerow((*cells.values(), *added))
                else:
                    writer.writerow((*map(cells.get, names), *added))
                if text.tell() > SMALL:
                    output.write(text.getvalue().encode())
                    _clear(text)
    output.write(text.getvalue().encode())


def _cells(records: Sequence[Raw]) -> Iterator[Mapping[str, str | int | None]]:
    """Yield the cells of each row; None is an empty cell."""
    decoded: Sequence[object] = ()
    compact = msgspec.json.format(_encode(records), indent=-1)
    # As an integer, -0 would lose its sign.
    if len(compact) <= _TOGETHER and not (b":-0," in compact or b":-0}" in compact):
        with contextlib.suppress(msgspec.MsgspecError):
            decoded = _plain_values.decode(compact)
    for record, value in itertools.zip_longest(records, decoded):
        if isinstance(value, dict) and _PLAIN.issuperset(map(type, value.values())):
            yield value
        else:
            yield {name: _cell(bytes(field)) for name, field in _fields(record).items()}


def _text(cell: str | int | None) -> str:
    return "" if cell is None else str(cell)


def _clear(text: io.StringIO) -> None:
    text.seek(0)
    text.truncate()


def _columns(records: Records, allowance: Allowance) -> dict[str, int]:
    """Return the fields of all records, with the index of their column."""
    columns: dict[str, int] = {}
    last: AbstractSet[str] = frozenset()
    number, size = 0, 0
    for batch in records.batches():
        allowance.check()
        for record, names in zip(batch, _fields_of(batch), strict=True):
            number += 1
            need_values(allowance, record, _CELL, f"record {number}", byte=_CELL_BYTE)
            if names.keys() == last:
                continue
            last = names.keys()
            _check_names(names, number)
            for name in names:
                if name not in columns:
                    columns[name] = len(columns)
                    size += _COLUMN + 4 * len(name)
        allowance.need(size, f"record {number}: the columns so far")
    return columns


def _sparse(cells: Mapping[str, str], columns: Mapping[str, int]) -> str:
    """Write a row with few cells, in time proportional to the cells instead of the columns."""
    pieces: list[str] = []
    last = 0
    for column, cell in sorted((columns[name], cell) for name, cell in cells.items()):
        pieces.append("," * (column - last))
        # The same format as csv.writer's.
        pieces.append('"' + cell.replace('"', '""') + '"' if _SPECIAL.search(cell) else cell)
        last = column
    pieces.append("," * (len(columns) - last))
    return "".join(pieces)


def _fields_of(records: Sequence[Raw]) -> Iterable[dict[str, Raw]]:
    """Return the fields of each record, of few at once if they are objects."""
    if len(text := _encode(records)) <= _TOGETHER:
        with contextlib.suppress(msgspec.ValidationError):
            return _object_lists.decode(text)
    return map(_fields, records)


def _fields(record: Raw) -> dict[str, Raw]:
    text = bytes(record)
    return _objects.decode(text) if text.lstrip()[:1] == b"{" else {"value": record}


def _cell(value: bytes) -> str:
    """Convert a value to a cell: a string as it is, null as empty, other values as JSON."""
    if value[:1] == b'"':
        return _texts.decode(value)
    return "" if value == b"null" else msgspec.json.format(value, indent=-1).decode()


def _check_names(names: Iterable[str], number: int) -> None:
    for taken in set(names).intersection(_COLUMNS):
        raise RecordFormatError(
            f"record {number}: the field {taken!r} is reserved for the output; rename it"
        )
