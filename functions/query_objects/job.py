"""What the handler asks of the process that runs DuckDB, and what that answers: lines of JSON."""

from __future__ import annotations

from msgspec import Struct


class Check(Struct, tag=True, kw_only=True):
    """Check the settings that only DuckDB can check.

    Attributes
    ----------
    variable
        The setting that has the query.
    sql
        The query.
    column_types
        DuckDB's types of columns, by name.
    """

    variable: str
    sql: str
    column_types: dict[str, str]


class Source(Struct, kw_only=True):
    """The object of an event, as the query sees it in the table ``source``."""

    uri: str
    bucket: str
    key: str
    version: str
    event_time: str


class Job(Struct, tag=True, kw_only=True):
    """Run the query over a file.

    Attributes
    ----------
    sql
        The query.
    source
        The file's object.
    path
        The file.
    kind
        ``csv``, ``jsonl`` or ``parquet``.
    columns
        The names of the columns in a CSV or JSON Lines file.
    column_types
        DuckDB's types of columns; the others are text.
    options
        Options of DuckDB's ``read_csv``.
    longest
        The most bytes of a line of JSON.
    result
        The file for the result.
    result_format
        ``parquet``, ``csv``, ``json`` or ``jsonl``.
    compression
        The compression of the result, with DuckDB's name.
    temporary
        A folder for what doesn't fit into memory.
    memory, disk
        Bytes that DuckDB may use in memory, and in the folder.
    threads
        The number of threads.
    """

    sql: str
    source: Source
    path: str
    kind: str
    columns: list[str] = []
    column_types: dict[str, str] = {}
    options: dict[str, str | int | bool | list[str]] = {}
    longest: int = 0
    result: str
    result_format: str
    compression: str
    temporary: str
    memory: int
    disk: int
    threads: int


class Answer(Struct, kw_only=True):
    """The answer to a check or a job.

    Attributes
    ----------
    rows
        The number of rows in the result.
    error
        What is wrong with the settings, or with the query of this file.
    """

    rows: int = 0
    error: str | None = None
