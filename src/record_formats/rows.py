"""Convert CSV rows to records."""

from __future__ import annotations

import csv
import io
import itertools
import re
import sys
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from record_formats.errors import RecordFormatError
from record_formats.faults import line_start, malformed_field, place
from record_formats.records import KeptRecords, Records, batch_length
from record_formats.sizes import SMALL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from object_consumer.memory import Allowance

    type ColumnTypes = Mapping[str, Collection[str]]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

# The maximum bytes of memory for a row: for each of its bytes, in ASCII and with wider characters
# (the line, csv's buffer with four bytes per character, which doubles, the field, its JSON), and
# for each field.
_ASCII_BYTE, _WIDE_BYTE, _FIELD = 16, 28, 256
_SHOWN_CHARACTERS = 100

# Python's csv limits the field size because of unclosed quotes; here the row size is limited.
csv.field_size_limit(sys.maxsize)

_encode = msgspec.json.encode


def read_rows(
    data: bytes, delimiter: str, column_types: ColumnTypes, allowance: Allowance
) -> Records:
    """Read the rows after a header; see `record_formats.read_records`."""
    rows = _Rows(data, delimiter, column_types, allowance)
    kept = KeptRecords(allowance)
    for batch in rows.batches():
        kept.add(batch, rows.line)
    return kept.records(lambda: map(Raw, itertools.chain.from_iterable(rows.batches())))


class _Rows:
    """The rows of a table as JSON; the memory for each is counted before it is read.

    Attributes
    ----------
    line
        The first line of the current row.
    """

    def __init__(
        self, data: bytes, delimiter: str, column_types: ColumnTypes, allowance: Allowance
    ) -> None:
        self.line = 1
        self._data = data
        self._delimiter = delimiter
        self._column_types = column_types
        self._allowance = allowance
        self._byte = _ASCII_BYTE if data.isascii() else _WIDE_BYTE
        # State of the current row.
        self._characters = 0
        self._delimiters = 0

    def batches(self) -> Iterator[list[bytes]]:
        """Yield the rows as records in batches, which are smaller if the names are long."""
        self.line = 1
        reader = csv.reader(self._lines(), delimiter=self._delimiter, strict=True)
        header: list[str] = []
        names: list[bytes] = []
        types: list[Collection[str] | None] = []
        batch: list[bytes] = []
        most = 1
        try:
            for row in reader:
                if row and not header:
                    header = row
                    if fault := _fault_in_header(header):
                        raise self._error(*fault)
                    names = [_encode(name) + b":" for name in header]
                    types = [self._column_types.get(name) for name in header]
                    most = batch_length(1, sum(map(len, names)))
                elif row:
                    if len(row) != len(header):
                        raise self._error(*_raggedness(row, header))
                    fields = [
                        name + (_typed(field, kinds) if kinds else _encode(field))
                        for name, field, kinds in zip(names, row, types, strict=True)
                    ]
                    batch.append(b"{" + b",".join(fields) + b"}")
                    if len(batch) == most:
                        yield batch
                        batch = []
                self.line = reader.line_num + 1
                self._characters = 0
        except csv.Error:
            raise self._error() from None
        if batch:
            yield batch

    def _lines(self) -> Iterator[str]:
        """Yield the lines one by one: the whole text could need four bytes per character."""
        for start, end in _long_lines(self._data):
            delimiters = self._data.count(self._delimiter.encode(), start, end)
            size = self._byte * (end - start) + _FIELD * delimiters
            if not self._allowance.fits(size):
                self._allowance.need(size, place(self._data, start))
        with io.TextIOWrapper(io.BytesIO(self._data), encoding="utf-8", newline="") as text:
            for line in text:
                self._characters += len(line)
                if self._characters > SMALL:
                    # A quoted field may have many lines.
                    if self._characters == len(line):
                        self._delimiters = 0
                    self._delimiters += line.count(self._delimiter)
                    self._allowance.check()
                    self._allowance.need(
                        self._byte * self._characters + _FIELD * self._delimiters,
                        f"line {self.line}: the row that begins here",
                    )
                yield line

    def _error(self, field: int = -1, reason: str = "") -> RecordFormatError:
        """Search a row again by bytes, because csv doesn't report the positions of fields."""
        start = line_start(self._data, self.line)
        position, fault = malformed_field(self._data, start, self._delimiter.encode(), field)
        found = place(self._data, position, start=start, line_number=self.line)
        return RecordFormatError(f"{found}: {reason or fault}")


def _long_lines(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the start and end of long lines, without iterating over the others."""
    start = 0
    while start + SMALL < len(data):
        end = _last_line_end(data, start, start + SMALL)
        if end is None:
            end = _first_line_end(data, start + SMALL)
            yield start, end
        start = end


def _last_line_end(data: bytes, start: int, end: int) -> int | None:
    found = max(data.rfind(b"\n", start, end), data.rfind(b"\r", start, end))
    return found + 1 if found >= 0 else None


def _first_line_end(data: bytes, start: int) -> int:
    found = [end for mark in (b"\n", b"\r") if (end := data.find(mark, start)) >= 0]
    return min(found) + 1 if found else len(data)


def _fault_in_header(header: list[str]) -> tuple[int, str] | None:
    seen: set[str] = set()
    for field, name in enumerate(header):
        if not name.strip():
            return field, "the column has no name"
        if name in seen:
            return field, f"a second column {name[:_SHOWN_CHARACTERS]!r}"
        seen.add(name)
    return None


def _raggedness(row: list[str], header: list[str]) -> tuple[int, str]:
    """Return the first surplus field, or the position of a missing one, with a message."""
    counts = f"{len(row)} in the row, {len(header)} in the header"
    if len(row) > len(header):
        return len(header), f"a surplus field ({counts})"
    name = header[len(row)][:_SHOWN_CHARACTERS]
    return len(row), f"the field {name!r} is missing ({counts})"


def _typed(field: str, kinds: Collection[str]) -> bytes:
    """Convert a field to the type of its column, with unchanged digits.

    A field that doesn't match the type stays a string, which the schema then rejects.
    """
    if not field:
        return b"null"
    is_boolean = "boolean" in kinds and field in {"true", "false"}
    # 1.5 in a column of integers becomes a number too; the schema then rejects it.
    is_number = ("integer" in kinds or "number" in kinds) and _NUMBER.fullmatch(field)
    return field.encode() if is_boolean or is_number else _encode(field)
