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

from object_consumer.memory import MemoryLimitError
from record_formats.faults import NEVER_CLOSED, malformed_field
from record_formats.positions import BEGIN, Batch, Position
from record_formats.sizes import SMALL, most_expanded
from record_formats.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from object_consumer.memory import Allowance
    from record_formats.errors import RecordFormatError
    from record_formats.text import OpenFile

    type ColumnTypes = Mapping[str, Collection[str]]

_DIGITS = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_NUMBER = re.compile(_DIGITS)
_NUMBERS = re.compile(rf"(?:{_DIGITS}\n)*+")

# The maximum bytes of memory for a row: for each of its bytes, in ASCII and with wider characters
# (the line, csv's buffer with four bytes per character, which doubles, the field, its JSON), and
# for each field.
_ASCII_BYTE, _WIDE_BYTE, _FIELD = 16, 28, 256
# The maximum bytes of names in the records of a batch, and their number.
_NAMES, _MOST = 512 * 1024, 10_000
_SHOWN_CHARACTERS = 100
# msgspec encodes the attributes of a class twice as fast as a dictionary. To make the class takes
# time, and these characters can't be in the name of an attribute.
_MOST_ATTRIBUTES = 500
_UNLIKE_A_NAME = re.compile(r'[\x00-\x1f"\\]')

# Python's csv limits the field size because of unclosed quotes; here the row size is limited.
csv.field_size_limit(sys.maxsize)

_encode = msgspec.json.encode
_arrays = msgspec.json.Decoder(list[Raw])


def read_rows(
    open_file: OpenFile,
    delimiter: str,
    column_types: ColumnTypes,
    start: Position,
    allowance: Allowance,
) -> Iterator[Batch]:
    """Read the rows after a header, from a position on; see `record_formats.read_batches`."""
    with open_file() as file:
        table = _Table(Text(file, BEGIN, allowance), delimiter, allowance)
        header = table.header()
        convert = _converter(header, column_types)
        if start == BEGIN:
            yield from table.batches(header, convert, 0)
            return
    with open_file() as file:
        table = _Table(Text(file, start, allowance), delimiter, allowance)
        yield from table.batches(header, convert, start.number)


class _Table:
    """The rows that are not taken yet."""

    def __init__(self, text: Text, delimiter: str, allowance: Allowance) -> None:
        self._text = text
        self._delimiter = delimiter
        self._allowance = allowance
        self._made = 0

    def header(self) -> list[str]:
        """Take the first row that isn't empty; it has the names of the columns."""
        while self._more():
            part = _Part(self._text, self._delimiter, self._allowance)
            while rows := part.rows(1):
                if row := rows[0]:
                    if fault := _fault_in_header(row):
                        raise part.error(*fault)
                    part.take()
                    return row
            part.take()
        return []

    def batches(
        self, header: Sequence[str], convert: Callable[[list[list[str]]], bytes], number: int
    ) -> Iterator[Batch]:
        """Yield the rows as records, fewer at a time if the names are long."""
        names = sum(len(name.encode()) + len('"":"",') for name in header)
        most = max(1, min(_MOST, _NAMES // max(1, names)))
        while self._more():
            part = _Part(self._text, self._delimiter, self._allowance)
            while found := part.rows(most):
                rows = list(filter(None, found))
                if set(map(len, rows)) - {len(header)}:
                    raise part.ragged(header)
                if not rows:
                    continue
                content = convert(rows)
                number += len(rows)
                end = part.end(number)
                self._check_size(len(content), end)
                yield Batch(_arrays.decode(content), end, len(content))
            part.take()

    def _more(self) -> bool:
        self._text.fill()
        return bool(self._text.unread)

    def _check_size(self, size: int, end: Position) -> None:
        # Each record has all names, so a short file can have many gigabytes as JSON.
        self._made += size
        most = most_expanded(self._allowance.limit, end.offset)
        if most is not None and self._made > most:
            raise MemoryLimitError(
                f"line {end.line}: the records so far have {self._made:,} bytes as JSON; the "
                f"function's memory allows {most:,}: raise it, or split the file"
            )


class _Part:
    """The rows in whole lines of the unread text; the last row may end in later lines."""

    def __init__(self, text: Text, delimiter: str, allowance: Allowance) -> None:
        self._text = text
        self._delimiter = delimiter
        self._allowance = allowance
        self._begin()

    def _begin(self) -> None:
        text = self._text
        while not (size := len(text.unread) if text.is_complete else _last_line_end(text.unread)):
            text.grow()
        self._data = text.unread[:size]
        self._check_memory()
        self._string = self._data.decode()
        # Then csv would split at each delimiter and line feed too, but takes twice as long.
        self._is_plain = b'"' not in self._data and b"\r" not in self._data
        self._lines = io.StringIO(self._string, newline="")
        # The characters, bytes and lines of the rows returned so far, and those before the last.
        self._end = self._before = (0, 0, 0)
        self._seek()

    def _check_memory(self) -> None:
        """Count the memory for large rows before they are read."""
        data, delimiter = self._data, self._delimiter.encode()
        byte = _ASCII_BYTE if data.isascii() else _WIDE_BYTE
        for start, end in _long_lines(data):
            size = byte * (end - start) + _FIELD * data.count(delimiter, start, end)
            if not self._allowance.fits(size):
                self._allowance.need(size, self._text.place(start))
        if len(data) > 2 * self._text.part:
            # A quoted field may have many lines.
            size = byte * len(data) + _FIELD * data.count(delimiter)
            self._allowance.need(size, f"line {self._text.line}: the row that begins here")

    def rows(self, most: int) -> list[list[str]]:
        """Return the next rows; none if there is no whole one left."""
        self._before = self._end
        if self._plain is not None:
            return self._plain_rows(self._plain, most)
        rows: list[list[str]] = []
        try:
            rows.extend(itertools.islice(self._reader, most))
        except csv.Error:
            if not rows:
                return self._rows_of_more(most)
            self._seek()
            rows = list(itertools.islice(self._reader, len(rows)))
        self._end = self._reached()
        return rows

    def take(self) -> None:
        """Take the rows returned so far from the text."""
        _, size, lines = self._end
        self._text.take(size, lines=lines)

    def end(self, number: int) -> Position:
        """Return the position behind the rows returned so far."""
        begin = self._text.position(0)
        return Position(begin.offset + self._end[1], begin.line + self._end[2], number)

    def error(self, field: int = -1, reason: str = "") -> RecordFormatError:
        """Search the row after `_before` by bytes: csv doesn't report the positions of fields."""
        _, start, lines = self._before
        position, fault = malformed_field(self._data, start, self._delimiter.encode(), field)
        return self._text.error(
            position, reason or fault, start=start, line=self._text.line + lines
        )

    def ragged(self, header: Sequence[str]) -> RecordFormatError:
        """Return the error of the first row after `_before` that has another number of fields."""
        self._end = self._before
        self._seek()
        while (rows := self.rows(1)) and len(rows[0]) in {0, len(header)}:
            pass
        return self.error(*_raggedness(rows[0], header))

    def _rows_of_more(self, most: int) -> list[list[str]]:
        """Return no rows if the next one goes on in later lines, or read them if it is the first.

        Raises
        ------
        RecordFormatError
            The row is malformed.
        """
        fault = self.error()
        if self._text.is_complete or not str(fault).endswith(NEVER_CLOSED):
            raise fault
        if self._end[0]:
            return []
        self._text.grow()
        self._begin()
        return self.rows(most)

    def _plain_rows(self, left: Iterator[str], most: int) -> list[list[str]]:
        lines = list(itertools.islice(left, most))
        characters, size, number = self._end
        # The last line of a file may have no end.
        reached = min(characters + sum(map(len, lines)) + len(lines), len(self._string))
        size += len(self._string[characters:reached].encode())
        self._end = reached, size, number + len(lines)
        return [line.split(self._delimiter) if line else [] for line in lines]

    def _seek(self) -> None:
        """Go to the rows after `_end`."""
        self._plain = None
        if self._is_plain:
            lines = self._string[self._end[0] :].split("\n")
            self._plain = iter(lines if lines[-1] else lines[:-1])
            return
        self._lines.seek(self._end[0])
        self._first_line = self._end[2]
        self._reader = csv.reader(self._lines, delimiter=self._delimiter, strict=True)

    def _reached(self) -> tuple[int, int, int]:
        characters, size, lines = self._end
        reached = self._lines.tell()
        size += len(self._string[characters:reached].encode())
        lines = self._first_line + self._reader.line_num
        return reached, size, lines


def _converter(
    header: Sequence[str], column_types: ColumnTypes
) -> Callable[[Iterable[Sequence[str]]], bytes]:
    """Return a function that converts rows to a JSON array of objects."""
    kinds = [column_types.get(name) for name in header]
    make = _record_maker(header)

    def convert(rows: Iterable[Sequence[str]]) -> bytes:
        if not any(kinds):
            return _encode(list(itertools.starmap(make, rows)))
        columns = (
            _typed_column(column, kind) if kind else column
            for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)
        )
        return _encode(list(map(make, *columns)))

    return convert


def _record_maker(header: Sequence[str]) -> Callable[..., object]:
    """Return what makes an object that is encoded with these names, of as many values."""
    if len(header) <= _MOST_ATTRIBUTES and not any(map(_UNLIKE_A_NAME.search, header)):
        attributes = [f"_{field}" for field in range(len(header))]
        return msgspec.defstruct(
            "Row",
            [(attribute, object) for attribute in attributes],
            rename=dict(zip(attributes, header, strict=True)),
            gc=False,
        )
    return lambda *row: dict(zip(header, row, strict=True))


def _last_line_end(data: bytes) -> int:
    """Return the end of the last whole line; a carriage return may be followed by a line feed."""
    return data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, -1) + 1


def _long_lines(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the start and end of long lines, without iterating over the others."""
    start = 0
    while start + SMALL < len(data):
        end = _line_end_before(data, start, start + SMALL)
        if end is None:
            end = _line_end_after(data, start + SMALL)
            yield start, end
        start = end


def _line_end_before(data: bytes, start: int, end: int) -> int | None:
    found = max(data.rfind(b"\n", start, end), data.rfind(b"\r", start, end))
    return found + 1 if found >= 0 else None


def _line_end_after(data: bytes, start: int) -> int:
    found = [end for mark in (b"\n", b"\r") if (end := data.find(mark, start)) >= 0]
    return min(found) + 1 if found else len(data)


def _fault_in_header(header: Sequence[str]) -> tuple[int, str] | None:
    if header[0].startswith("#Version:"):
        return 0, "a W3C extended log, such as CloudFront's standard logs, is no CSV"
    seen: set[str] = set()
    for field, name in enumerate(header):
        if not name.strip():
            return field, "the column has no name"
        if name in seen:
            return field, f"a second column {name[:_SHOWN_CHARACTERS]!r}"
        seen.add(name)
    return None


def _raggedness(row: Sequence[str], header: Sequence[str]) -> tuple[int, str]:
    """Return the first surplus field, or the position of a missing one, with a message."""
    counts = f"{len(row)} in the row, {len(header)} in the header"
    if len(row) > len(header):
        return len(header), f"a surplus field ({counts})"
    name = header[len(row)][:_SHOWN_CHARACTERS]
    return len(row), f"the field {name!r} is missing ({counts})"


def _typed_column(column: Sequence[str], kinds: Collection[str]) -> Sequence[object]:
    text = "\n".join(column) + "\n"
    are_numbers = (
        ("integer" in kinds or "number" in kinds)
        and text.count("\n") == len(column)
        and _NUMBERS.fullmatch(text)
    )
    return list(map(Raw, column)) if are_numbers else [_typed(field, kinds) for field in column]


def _typed(field: str, kinds: Collection[str]) -> Raw | str | None:
    """Convert a field to the type of its column, with unchanged digits.

    A field that doesn't match the type stays a string, which the schema then rejects.
    """
    if not field:
        return None
    is_boolean = "boolean" in kinds and field in {"true", "false"}
    # 1.5 in a column of integers becomes a number too; the schema then rejects it.
    is_number = ("integer" in kinds or "number" in kinds) and _NUMBER.fullmatch(field)
    return Raw(field) if is_boolean or is_number else field
