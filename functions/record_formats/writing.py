"""From records to bytes: the same records and source give the same bytes, always."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from record_formats.reading import RecordFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

_objects = msgspec.json.Decoder(dict[str, Raw])
_texts = msgspec.json.Decoder(str)
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Source:
    """Where records come from.

    Attributes
    ----------
    uri
        ``s3://bucket/key``.
    version
        The object's version, or its entity tag in a bucket without versioning.
    processed_at
        The time of the event, never the clock's: a second run writes the same.
    """

    uri: str
    version: str
    processed_at: datetime


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A format records are written in."""

    extension: str
    content_type: str


FORMATS = {
    "json": OutputFormat(".json", "application/json"),
    "jsonl": OutputFormat(".jsonl", "application/x-ndjson"),
    "csv": OutputFormat(".csv", "text/csv; charset=utf-8"),
}

# What is added to each record of JSON Lines and CSV, which have no place for it but the record.
_COLUMNS = ("_source", "_version", "_processed_at", "_record_count")


def write_records(records: Sequence[Raw], kind: str, source: Source) -> bytes:
    """Write records with where they come from.

    Parameters
    ----------
    records
        The texts of JSON values.
    kind
        A key of `FORMATS`. JSON is one document with the records in ``records``; in JSON Lines and
        CSV each record has the fields ``_source``, ``_version``, ``_processed_at`` and
        ``_record_count``, and a record that is no object becomes the field ``value`` of one.
    source
        Where the records come from.

    Raises
    ------
    RecordFormatError
        A record has a field of one of those names already.
    """
    match kind:
        case "json":
            return _encode(
                {
                    "source": source.uri,
                    "version": source.version,
                    "processed_at": source.processed_at,
                    "record_count": len(records),
                    "records": records,
                }
            )
        case "jsonl":
            lines = io.BytesIO()
            lines.writelines(_lines(records, source))
            return lines.getvalue()
        case _:
            return _table(records, source)


def _added(source: Source, count: int) -> dict[str, str]:
    values = (source.uri, source.version, _written(source.processed_at), str(count))
    return dict(zip(_COLUMNS, values, strict=True))


def _written(moment: datetime) -> str:
    """Write a time as JSON does in all formats: 2026-01-02T03:04:05Z."""
    return _texts.decode(_encode(moment))


def _lines(records: Sequence[Raw], source: Source) -> Iterable[bytes]:
    added = _encode({**_added(source, len(records)), "_record_count": len(records)})
    for number, record in enumerate(records, start=1):
        text = msgspec.json.format(bytes(record), indent=-1)
        if text[:1] != b"{":
            text = b'{"value":' + text + b"}"
        elif b'"_' in text or b"\\u" in text:
            _check_names(_objects.decode(text), number)
        separator = b"," if len(text) > len(b"{}") else b""
        yield text[:-1] + separator + added[1:] + b"\n"


def _table(records: Sequence[Raw], source: Source) -> bytes:
    """Write a table; the records are gone through twice, as all their fields at once are large."""
    columns: dict[str, str] = {}
    for number, record in enumerate(records, start=1):
        names = _fields(record)
        _check_names(names, number)
        columns.update(dict.fromkeys(names, ""))
    added = tuple(_added(source, len(records)).values())
    table = io.BytesIO()
    with io.TextIOWrapper(table, encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow((*columns, *_COLUMNS))
        for record in records:
            cells = {name: _cell(bytes(value)) for name, value in _fields(record).items()}
            writer.writerow((*(columns | cells).values(), *added))
        text.flush()
        return table.getvalue()


def _fields(record: Raw) -> dict[str, Raw]:
    text = bytes(record)
    return _objects.decode(text) if text.lstrip()[:1] == b"{" else {"value": record}


def _cell(value: bytes) -> str:
    """Write a value as a cell: text as it is, null as nothing, all else as its JSON."""
    if value[:1] == b'"':
        return _texts.decode(value)
    return "" if value == b"null" else msgspec.json.format(value, indent=-1).decode()


def _check_names(names: Iterable[str], number: int) -> None:
    for taken in set(names).intersection(_COLUMNS):
        raise RecordFormatError(
            f"record {number}: the field {taken!r} is the output's own; rename it"
        )
