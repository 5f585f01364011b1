"""Write the records of JSON files as lines that DuckDB reads without losing digits.

DuckDB reads a number with a decimal point or an exponent as DOUBLE, whatever the column's type is.
These numbers become strings here, which it converts exactly to DECIMAL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from object_consumer import PermanentError
from query_objects.columns import add_columns
from record_formats import read_batches
from record_formats.sizes import SMALL, need_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO

    from msgspec import Raw

    from object_consumer.memory import Allowance

    type Row = dict[str, object]

_PART = SMALL
# Bytes of memory for each value, and for each byte of its text.
_VALUE, _BYTE = 200, 6

_lines = msgspec.json.Decoder(dict[str, object], float_hook=str)
_values = msgspec.json.Decoder(float_hook=str)
_encoder = msgspec.json.Encoder()

_KINDS = {
    bool: "a boolean",
    int: "a number",
    list: "an array",
    str: "text",
    type(None): "null",
}


class _SuspectError(Exception):
    """Lines that must be checked one by one, to reject them with a position, or to accept them."""


class JsonRows:
    """The rows of a JSON or JSON Lines file.

    Attributes
    ----------
    columns
        The names of all rows, in the order of their first occurrence.
    longest
        An upper bound of the bytes of a row.
    """

    def __init__(self) -> None:
        self.columns: dict[str, bytes] = {}
        self.longest = 0

    def write(
        self,
        open_file: Callable[[], BinaryIO],
        kind: str,
        target: BinaryIO,
        allowance: Allowance,
    ) -> None:
        """Write the rows of a file.

        Parameters
        ----------
        open_file
            Opens the file; called again if its lines have to be checked one by one.
        kind
            ``json`` or ``jsonl``.
        target
            Takes the rows, as JSON Lines.
        allowance
            The available memory and time.

        Raises
        ------
        RecordFormatError
            The file is malformed.
        PermanentError
            A record is no object, or there are too many columns.
        MemoryLimitError
            A record needs more memory than allowed.
        DeadlineError
            The time is over.
        """
        if kind == "jsonl":
            try:
                with open_file() as file:
                    self._write(_rows_of_lines(file, allowance), target)
            except _SuspectError:
                target.seek(0)
                target.truncate()
                self.columns.clear()
            else:
                return
        self._write(_rows_of_records(open_file, kind, allowance), target)

    def _write(self, batches: Iterable[Sequence[Row]], target: BinaryIO) -> None:
        for rows in batches:
            for row in rows:
                if not row.keys() <= self.columns.keys():
                    add_columns(self.columns, row)
            text = _encoder.encode_lines(rows)
            self.longest = max(self.longest, len(text))
            target.write(text)


def _rows_of_lines(file: BinaryIO, allowance: Allowance) -> Iterator[Sequence[Row]]:
    """Decode many lines at once; anything unusual is left to the reader of records."""
    is_empty = True
    while part := file.read(_PART):
        allowance.check()
        part += file.readline()
        need_values(allowance, part, _VALUE, "a line", byte=_BYTE)
        try:
            rows = _lines.decode_lines(part)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _SuspectError from error
        if is_repeating(part, rows):
            raise _SuspectError
        is_empty = is_empty and not rows
        yield rows
    if is_empty:
        raise _SuspectError


def is_repeating(text: bytes, rows: Sequence[Row]) -> bool:
    r"""Return whether an object may have a name twice, of which the decoder keeps only one.

    Then the encoded rows have fewer names. White space before a colon, and a quotation mark that is
    written as ``\u0022``, count as a repetition too, which the reader of records refutes.
    """
    return b"\\u0022" in text or text.count(b'":') != _encoder.encode_lines(rows).count(b'":')


def _rows_of_records(
    open_file: Callable[[], BinaryIO], kind: str, allowance: Allowance
) -> Iterator[Sequence[Row]]:
    number = 0
    for batch in read_batches(open_file, kind, None, allowance):
        rows = []
        for record in batch.records:
            number += 1
            rows.append(_row(record, number, allowance))
        yield rows


def _row(record: Raw, number: int, allowance: Allowance) -> Row:
    need_values(allowance, record, _VALUE, f"record {number}", byte=_BYTE)
    try:
        row = _values.decode(record)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise PermanentError(f"record {number}: {error}") from None
    if not isinstance(row, dict):
        raise PermanentError(f"record {number} is {_KINDS[type(row)]}; a row is an object")
    return row
