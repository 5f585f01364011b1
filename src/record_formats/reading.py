"""Convert files to records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from object_consumer.memory import Allowance
from record_formats.documents import read_document
from record_formats.json_lines import read_lines
from record_formats.positions import BEGIN
from record_formats.records import KeptRecords
from record_formats.rows import read_rows
from record_formats.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from record_formats.positions import Batch, Position
    from record_formats.records import Records
    from record_formats.rows import ColumnTypes
    from record_formats.text import OpenFile

_DELIMITERS = {"csv": ",", "tsv": "\t"}


def read_batches(
    open_file: OpenFile,
    kind: str,
    column_types: ColumnTypes | None = None,
    allowance: Allowance | None = None,
    *,
    start: Position = BEGIN,
    checked: bool = False,
    member: str | None = None,
) -> Iterator[Batch]:
    """Read the records of a file of any size in batches, in constant memory.

    Parameters
    ----------
    open_file
        Opens the file, at its beginning, as a context manager; for each call, the same bytes. The
        file is UTF-8, with or without a byte order mark.
    kind
        A value of `EXTENSIONS`. A line of JSON Lines may have several objects one after the other,
        as files of Amazon Data Firehose have.
    column_types
        The JSON Schema types of CSV columns that are not strings: ``integer``, ``number`` or
        ``boolean``. An empty field of such a column is null.
    allowance
        The available memory and time; unlimited by default. It counts what is larger than usual,
        such as a record of megabytes.
    start
        Where to begin: the end of an earlier batch of the same file.
    checked
        Whether the records have been read before: duplicate names are not looked for again.
    member
        The name of the member of a JSON document that has the records in a list; by default, a
        document that is a list has them, and any other is one record.

    Yields
    ------
    Batch
        The texts of JSON values, validated. CSV gives an object for each row.

    Raises
    ------
    RecordFormatError
        The file is empty, not UTF-8, malformed, or of another kind. A duplicate name in a JSON
        object is malformed: one of its values would be lost.
    MemoryLimitError
        A record would need more memory than allowed.
    DeadlineError
        The time is over.
    """
    allowance = allowance or Allowance()
    match kind:
        case "json":
            return read_document(open_file, member, start, allowance, checked=checked)
        case "jsonl":
            return _read_lines(open_file, start, allowance, checked=checked)
        case _:
            return read_rows(open_file, _DELIMITERS[kind], column_types or {}, start, allowance)


def read_records(
    open_file: OpenFile,
    kind: str,
    column_types: ColumnTypes | None = None,
    allowance: Allowance | None = None,
    *,
    member: str | None = None,
) -> Records:
    """Read and check every record of a file; parameters and errors are those of `read_batches`.

    Returns
    -------
    Records
        All records. They are kept in memory if they are few; otherwise, they are read from the file
        again for each iteration.
    """
    allowance = allowance or Allowance()
    kept = KeptRecords(allowance)
    for batch in read_batches(open_file, kind, column_types, allowance, member=member):
        kept.add(batch)
    return kept.records(
        lambda: read_batches(open_file, kind, column_types, allowance, checked=True, member=member)
    )


def _read_lines(
    open_file: OpenFile, start: Position, allowance: Allowance, *, checked: bool
) -> Iterator[Batch]:
    with open_file() as file:
        yield from read_lines(Text(file, start, allowance), start, allowance, checked=checked)
