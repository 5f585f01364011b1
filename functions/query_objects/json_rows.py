"""Write the records of JSON files as lines that DuckDB reads without losing digits.

DuckDB reads a number with a decimal point or an exponent as DOUBLE, whatever the column's type is.
These numbers become strings here, which it converts exactly to DECIMAL.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from object_consumer import PermanentError
from query_objects.columns import add_columns
from record_formats import read_batches
from record_formats.names import has_all_names
from record_formats.sizes import SMALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from object_consumer.memory import Allowance
    from record_formats.text import OpenFile

    # The names of each row, and the text of all of them.
    type Part = tuple[Sequence[Iterable[str]], bytes]

_PART = 64 * 1024
# Copies of a large record in memory.
_COPIES = 4

_SPACED_COLON = re.compile(rb'"[ \t\r\n]++:')
# A string, or a number that is not an integer.
_STRING_OR_REAL = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
    rb"|(-?[0-9]++(?:\.[0-9]++(?:[eE][-+]?[0-9]++)?|[eE][-+]?[0-9]++))"
)

_lines = msgspec.json.Decoder(dict[str, object], float_hook=str)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_values = msgspec.json.Decoder(float_hook=str)
_encoder = msgspec.json.Encoder()

_KINDS = {b"[": "an array", b'"': "text", b"t": "a boolean", b"f": "a boolean", b"n": "null"}


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
        open_file: OpenFile,
        kind: str,
        target: BinaryIO,
        allowance: Allowance,
        member: str | None = None,
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
        member
            The member of a JSON document that has the records in a list.

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
                    self._write(_lines_at_once(file, allowance), target)
            except _SuspectError:
                target.seek(0)
                target.truncate()
                self.columns.clear()
            else:
                return
        self._write(_one_by_one(open_file, kind, allowance, member), target)

    def _write(self, parts: Iterable[Part], target: BinaryIO) -> None:
        for rows, text in parts:
            for names in rows:
                if not self.columns.keys() >= set(names):
                    add_columns(self.columns, names)
            self.longest = max(self.longest, len(text))
            target.write(text)


def _lines_at_once(file: BinaryIO, allowance: Allowance) -> Iterator[Part]:
    """Decode many lines at once; anything unusual is left to the reader of records."""
    is_empty = True
    while part := file.read(_PART):
        allowance.check()
        part += file.readline(_PART)
        if len(part) == 2 * _PART:
            raise _SuspectError
        try:
            rows = _lines.decode_lines(part)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _SuspectError from error
        text = _encoder.encode_lines(rows)
        if may_lack_names(part, text):
            raise _SuspectError
        is_empty = is_empty and not rows
        yield rows, text
    if is_empty:
        raise _SuspectError


def may_lack_names(text: bytes, again: bytes) -> bool:
    """Return whether an object may have a name twice, of which the decoder keeps only one."""
    return _SPACED_COLON.search(text) is not None or not has_all_names(text, again)


def _one_by_one(
    open_file: OpenFile, kind: str, allowance: Allowance, member: str | None
) -> Iterator[Part]:
    number = 0
    for batch in read_batches(open_file, kind, None, allowance, member=member):
        allowance.check()
        rows: list[Iterable[str]] = []
        texts = []
        for record in batch.records:
            number += 1
            names, text = _row(bytes(record).strip(), number, allowance)
            rows.append(names)
            texts.append(text)
        yield rows, b"".join(texts)


def _row(record: bytes, number: int, allowance: Allowance) -> tuple[Iterable[str], bytes]:
    """Return the names of a record, and its line."""
    if not record.startswith(b"{"):
        kind = _KINDS.get(record[:1], "a number")
        raise PermanentError(f"record {number} is {kind}; a row is an object")
    try:
        if len(record) <= SMALL:
            row = _values.decode(record)
            return row, _encoder.encode(row) + b"\n"
        # The values of a large one would take many times its size.
        allowance.need(_COPIES * len(record), f"record {number}")
        compact = msgspec.json.format(record, indent=-1)
        return _members.decode(record), _STRING_OR_REAL.sub(_exact, compact) + b"\n"
    except (msgspec.MsgspecError, RecursionError) as error:
        raise PermanentError(f"record {number}: {error}") from None


def _exact(found: re.Match[bytes]) -> bytes:
    return found[0] if found[1] is None else b'"%b"' % found[1]
