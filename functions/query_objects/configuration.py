"""The settings of the function, read once at init."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from object_consumer import ObjectStore, SettingError, configuration, settings
from query_objects.partitions import load_partition
from record_formats import EXTENSIONS, Input, load_input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    type Options = dict[str, str | int | bool | list[str]]

_EXTENSIONS = {**EXTENSIONS, ".parquet": "parquet"}

_MEBIBYTE = 1024 * 1024
# The handler with its imports, and the buffers of a download and an upload.
_HANDLER = 128 * _MEBIBYTE
# That, and DuckDB's process before its first query. Of the rest, DuckDB's limit is seven tenths: it
# doesn't count everything that it allocates, up to a third more in measurements.
_OCCUPIED = _HANDLER + 96 * _MEBIBYTE
_LEAST = 384 * _MEBIBYTE
# The largest ephemeral storage: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MOST_STORED = 10_240 * _MEBIBYTE


class OutputFormat(msgspec.Struct, frozen=True):
    """A format of results: the extension of its keys, its media type and its compressions."""

    extension: str
    content_type: str
    compressions: tuple[str, ...]


_TEXT_COMPRESSIONS = ("none", "gzip")
# The first compression is the default. Athena reads all of them:
# https://docs.aws.amazon.com/athena/latest/ug/compression-formats.html
OUTPUT_FORMATS = {
    "parquet": OutputFormat(
        ".parquet", "application/vnd.apache.parquet", ("zstd", "snappy", "gzip", "none")
    ),
    "csv": OutputFormat(".csv", "text/csv", _TEXT_COMPRESSIONS),
    "json": OutputFormat(".json", "application/json", _TEXT_COMPRESSIONS),
    "jsonl": OutputFormat(".jsonl", "application/x-ndjson", _TEXT_COMPRESSIONS),
}

# Options of DuckDB's read_csv with their types. Not among them is any that drops rows or finds
# something out from the file: https://duckdb.org/docs/stable/data/csv/overview
_OPTIONS: Mapping[str, type] = {
    "comment": str,
    "delim": str,
    "encoding": str,
    "escape": str,
    "header": bool,
    "max_line_size": int,
    "names": list[str],
    "null_padding": bool,
    "nullstr": str | list[str],  # type: ignore[dict-item]  # a union is no type
    "quote": str,
    "skip": int,
    "strict_mode": bool,
}
_ENCODINGS = ("latin-1", "utf-16", "utf-8")


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """The settings.

    Attributes
    ----------
    variable, sql
        The setting that has the query, and the query.
    input
        The settings for the files.
    column_types
        DuckDB's types of columns, by name.
    options
        Options of DuckDB's ``read_csv``.
    output_format
        The name of an `OUTPUT_FORMATS`.
    compression
        The compression of the result.
    partition
        Returns the partition of a key.
    memory
        DuckDB's memory limit, in bytes.
    function_memory
        The function's memory, in bytes.
    spare
        Bytes of memory for a record of JSON, which is read before the query begins.
    threads
        The number of DuckDB's threads.
    """

    variable: str
    sql: str
    input: Input
    column_types: dict[str, str]
    options: Options
    output_format: str
    compression: str
    partition: Callable[[str], str]
    memory: int
    function_memory: int
    spare: int
    threads: int

    def csv_options(self, kind: str) -> Options:
        """Return the options for a CSV or TSV file, with the defaults that DuckDB would guess."""
        quote = self.options.get("quote", '"')
        return {
            "delim": "\t" if kind == "tsv" else ",",
            "quote": quote,
            "escape": quote,
            "header": True,
        } | self.options


def load() -> Configuration:
    """Read the settings.

    Raises
    ------
    SettingError
        One is missing or invalid; the message names the variable.
    """
    output_format = settings.text("OUTPUT_FORMAT", "parquet", choices=OUTPUT_FORMATS)
    compressions = OUTPUT_FORMATS[output_format].compressions
    memory = configuration.from_environment().memory
    if memory < _LEAST:
        raise SettingError(
            f"the function has {memory // _MEBIBYTE} MB of memory; query_objects needs at least "
            f"{_LEAST // _MEBIBYTE}: raise memory_size"
        )
    variable, sql = _load_query()
    return Configuration(
        variable=variable,
        sql=sql,
        input=load_input(_EXTENSIONS, max_object_bytes=_MOST_STORED),
        column_types=_load_json("COLUMN_TYPES", dict[str, str], '{"total": "DECIMAL(18,2)"}'),
        options=_load_options(),
        output_format=output_format,
        compression=settings.text("OUTPUT_COMPRESSION", compressions[0], choices=compressions),
        partition=load_partition(),
        memory=(memory - _OCCUPIED) * 7 // 10,
        function_memory=memory,
        spare=memory - _OCCUPIED,
        threads=settings.integer("THREADS", 1, minimum=1, maximum=6),
    )


def _load_query() -> tuple[str, str]:
    text, uri = settings.text("QUERY", ""), settings.text("QUERY_URI", "")
    if text and uri:
        raise SettingError("set QUERY or QUERY_URI, not both")
    if not uri:
        return "QUERY", settings.text("QUERY")
    try:
        return "QUERY_URI", bytes(ObjectStore().read(uri)).decode()
    except Exception as error:
        raise SettingError(f"environment variable QUERY_URI is {uri!r}: {error}") from error


def _load_options() -> Options:
    options = _load_json("INPUT_OPTIONS", dict[str, Any], '{"delim": ";"}')
    for name, value in options.items():
        if name not in _OPTIONS:
            raise SettingError(
                f"environment variable INPUT_OPTIONS has {name!r}; accepted: {', '.join(_OPTIONS)}"
            )
        try:
            msgspec.convert(value, _OPTIONS[name])
        except msgspec.ValidationError as error:
            raise SettingError(
                f"environment variable INPUT_OPTIONS: {name!r} is {value!r}: {error}"
            ) from None
    for name in ("comment", "delim", "escape", "quote"):
        value = options.get(name, ",")
        if not isinstance(value, str) or len(value.encode()) > 1 or (not value and name == "delim"):
            raise SettingError(
                f"environment variable INPUT_OPTIONS: {name!r} is {value!r}; accepted: one ASCII "
                "character" + ("" if name == "delim" else ", or an empty text for none")
            )
    if options.get("encoding", "utf-8") not in _ENCODINGS:
        raise SettingError(
            f"environment variable INPUT_OPTIONS: 'encoding' is {options['encoding']!r}; accepted: "
            f"one of {', '.join(_ENCODINGS)}"
        )
    return options


def _load_json[T](name: str, kind: type[T], example: str) -> T:
    text = settings.text(name, "{}")
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise SettingError(
            f"environment variable {name} is {text!r}: {error}; accepted: JSON such as {example}"
        ) from None
