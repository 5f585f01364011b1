"""Run the query with DuckDB: its input, its limits, and its errors in a few lines.

Only the process of `query_objects.worker` imports this module.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection
    from duckdb.sqltypes import DuckDBPyType

    from query_objects.job import Check, Job

# Their values differ from run to run, so that a second delivery would write other bytes.
VARIABLE = frozenset(
    {
        *("current_date", "current_localtime", "current_localtimestamp", "current_time"),
        *("current_timestamp", "gen_random_uuid", "get_current_time", "get_current_timestamp"),
        *("localtime", "localtimestamp", "now", "random", "today", "transaction_timestamp"),
        *("txid_current", "uuid", "uuidv4", "uuidv7"),
    }
)
_INTEGERS = frozenset(
    {
        *("tinyint", "smallint", "integer", "bigint", "hugeint"),
        *("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"),
    }
)
_NESTED = frozenset({"array", "list", "map", "struct", "union"})
# Parquet has no such types. DuckDB would write DOUBLE, with fewer digits, and INT32.
_NOT_IN_PARQUET = frozenset({"hugeint", "uhugeint", "null"})

_JSON = frozenset({"json", "jsonl"})
_COPY = {
    "parquet": "FORMAT parquet",
    "csv": "FORMAT csv, HEADER",
    "json": "FORMAT json, ARRAY true",
    "jsonl": "FORMAT json",
}
_CSV_LINE = re.compile(r"CSV Error on Line: (\d+)")
_CSV_REASONS = (
    re.compile(r"^Expected Number of Columns: .*", re.MULTILINE),
    re.compile(r"^Value with unterminated quote found", re.MULTILINE),
    re.compile(r"^Invalid unicode .*", re.MULTILINE),
    re.compile(r"^Maximum line size of .*", re.MULTILINE),
)
_ADVICE = re.compile(r"\n+(?:Possible|Try |This can happen|\s+file = |\* )")
_SHOWN_CHARACTERS = 1000
_SHOWN_VALUE = 100
_MEBIBYTE = 1024 * 1024


class QueryError(Exception):
    """The settings are invalid, or the query fails for this file; the message says why."""


def check(settings: Check) -> None:
    """Check the query's form, and the types of columns.

    Raises
    ------
    QueryError
        The query is not one SELECT, has a parameter or a random part; or a type is unknown.
    """
    name = settings.variable
    try:
        statements = duckdb.extract_statements(settings.sql)
    except duckdb.Error as error:
        raise QueryError(f"{name}: {shortened(str(error))}") from None
    kinds = [statement.type.name for statement in statements]
    if kinds != ["SELECT"]:
        raise QueryError(
            f"{name} has {' and '.join(kinds) or 'no statement'}; accepted: one SELECT"
            + (" (write PIVOT with IN and its values)" if kinds == ["MULTI"] else "")
        )
    if statements[0].named_parameters:
        raise QueryError(f"{name} has a parameter ($ or ?); nothing gives it a value")
    for part in _variable_parts(settings.sql):
        raise QueryError(
            f"{name} uses {part}, whose result differs from run to run: the same version of a file "
            "must always give the same output; the time is source.event_time"
        )
    for column, text in settings.column_types.items():
        try:
            duckdb.sqltype(text)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise QueryError(f"COLUMN_TYPES: {column!r} is {text!r}: {reason}") from None


def _variable_parts(sql: str) -> Iterator[str]:
    with duckdb.connect() as connection:
        found = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    waiting: list[Any] = [msgspec.json.decode(found[0])] if found else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            name = node.get("function_name")
            if name is None and len(node.get("column_names") or ()) == 1:
                name = node["column_names"][0]
            if isinstance(name, str) and name.lower() in VARIABLE:
                yield name
            if node.get("sample"):
                yield "a sample"
            waiting += node.values()


def run(job: Job) -> int:
    """Run the query over a file, and write its result.

    Returns
    -------
    int
        The number of rows.

    Raises
    ------
    QueryError
        The file or its columns don't fit the query, or it takes too much memory or storage.
    """
    with duckdb.connect() as connection:
        try:
            _isolate(connection, job)
            _create_source(connection, job)
            _create_input(connection, job)
            result = _bind(connection, _without_semicolon(job.sql))
            _check_types(result, job.result_format)
            result.create_view("query_result")
            written = ", ".join(_written(result, job.result_format))
            copied = connection.execute(
                f"COPY (SELECT {written} FROM query_result) TO {_literal(job.result)} "
                f"({_COPY[job.result_format]}, COMPRESSION {job.compression})"
            ).fetchone()
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            raise QueryError(_too_large(job, error)) from None
        except duckdb.Error as error:
            if "No space left on device" in str(error):
                raise QueryError(_too_large(job, error)) from None
            misfit = _first_misfit(connection, job) if _may_be_misfit(error) else None
            raise QueryError(misfit or _described(error, job)) from None
        except RuntimeError as error:
            # Such as the name of a column that is not UTF-8.
            raise QueryError(
                f"DuckDB can't read this file, or not its own error: {error}"
            ) from None
    return copied[0] if copied else 0


def _bind(connection: DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyRelation:
    """Resolve the names and types of the query, without running it."""
    try:
        return connection.sql(sql)
    except (duckdb.BinderException, duckdb.CatalogException):
        # It fails here for the same reason, and with the position in the query.
        connection.execute(sql)
        raise


def _without_semicolon(sql: str) -> str:
    """Replace the semicolon at the end, behind which DuckDB accepts no comment, by a space."""
    text = bytearray(sql.encode())
    for offset, kind in duckdb.tokenize(sql):
        if kind == duckdb.token_type.operator and text[offset : offset + 1] == b";":
            text[offset : offset + 1] = b" "
    return text.decode()


def _isolate(connection: DuckDBPyConnection, job: Job) -> None:
    """Allow the query its own files and its share of memory and storage, and nothing else.

    https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
    """
    allowed = ", ".join(map(_literal, (job.path, job.result)))
    for name, value in {
        "threads": str(job.threads),
        "memory_limit": f"'{job.memory}B'",
        "temp_directory": _literal(job.temporary),
        "max_temp_directory_size": f"'{job.disk}B'",
        "home_directory": _literal(job.temporary),
        "preserve_insertion_order": "true",
        "TimeZone": "'UTC'",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "allow_persistent_secrets": "false",
        "python_enable_replacements": "false",
        "allowed_paths": f"[{allowed}]",
        "enable_external_access": "false",
        "lock_configuration": "true",
    }.items():
        connection.execute(f"SET {name} = {value}")


def _create_source(connection: DuckDBPyConnection, job: Job) -> None:
    source = job.source
    connection.execute(
        "CREATE TABLE source AS SELECT ?::VARCHAR AS uri, ?::VARCHAR AS bucket, ?::VARCHAR AS key, "
        "?::VARCHAR AS version, ?::TIMESTAMP AS event_time",
        [source.uri, source.bucket, source.key, source.version, source.event_time],
    )


def _create_input(connection: DuckDBPyConnection, job: Job) -> None:
    """Create the view ``input``; in text formats from ``input_texts``, with a text a column."""
    if job.kind == "parquet":
        connection.execute(f"CREATE VIEW input AS SELECT * FROM read_parquet({_literal(job.path)})")
        return
    types = {name: duckdb.sqltype(text) for name, text in job.column_types.items()}
    nested = "JSON" if job.kind == "jsonl" else "VARCHAR"
    columns = ", ".join(
        f"{_literal(name)}: '{nested if _is_nested(types.get(name)) else 'VARCHAR'}'"
        for name in job.columns
    )
    if job.kind == "jsonl":
        rows = (
            f"read_json({_literal(job.path)}, format = 'newline_delimited', "
            f"columns = {{{columns}}}, maximum_object_size = {job.longest}, compression = 'none')"
        )
    else:
        options = "".join(f", {name} = {_value(one)}" for name, one in job.options.items())
        rows = (
            f"read_csv({_literal(job.path)}, auto_detect = false, columns = {{{columns}}}, "
            f"allow_quoted_nulls = {_value('nullstr' in job.options)}, compression = 'none'"
            f"{options})"
        )
    typed = ", ".join(
        f"{_typed(name, types[name])} AS {_identifier(name)}"
        if name in types
        else _identifier(name)
        for name in job.columns
    )
    connection.execute(f"CREATE VIEW input_texts AS SELECT * FROM {rows}")
    connection.execute(f"CREATE VIEW input AS SELECT {typed} FROM input_texts")


def _typed(name: str, kind: DuckDBPyType) -> str:
    """Return the SQL that converts a column without losing digits; CAST would round."""
    column = _identifier(name)
    if _is_nested(kind):
        return f"CAST(CAST({column} AS JSON) AS {kind})"
    if kind.id == "varchar":
        return column
    text = f"nullif({column}, '')"
    if (pattern := _exact(kind)) is None:
        return f"CAST({text} AS {kind})"
    return (
        f"CASE WHEN {text} IS NULL OR regexp_full_match({column}, '{pattern}') "
        f"THEN CAST({text} AS {kind}) ELSE error('not exact') END"
    )


def _exact(kind: DuckDBPyType) -> str | None:
    """Return the pattern of the texts that a type of numbers represents without rounding."""
    if kind.id in _INTEGERS:
        return r"\s*[-+]?[0-9]+(\.0*)?\s*"
    if kind.id == "decimal":
        scale = dict(kind.children)["scale"]
        return rf"\s*[-+]?[0-9]*(\.[0-9]{{0,{scale}}}0*)?\s*"
    return None


def _is_nested(kind: DuckDBPyType | None) -> bool:
    return kind is not None and (kind.id in _NESTED or str(kind) == "JSON")


def _check_types(result: duckdb.DuckDBPyRelation, result_format: str) -> None:
    """Refuse types that the format can't represent without a change of values."""
    for name, kind in zip(result.columns, result.types, strict=True):
        found = [(kind, False), *((inner, True) for inner in _inner_types(kind))]
        for one, is_inner in found:
            if result_format == "parquet" and one.id in _NOT_IN_PARQUET:
                other = "VARCHAR" if one.id == "null" else "BIGINT, DECIMAL(38,0)"
                raise QueryError(
                    f"the result's column {name!r} has the type {one.id.upper()}, which Parquet "
                    f"doesn't have: CAST it to another one ({other})"
                )
            # DuckDB writes them as DOUBLE, with fewer digits.
            if result_format in _JSON and is_inner and one.id == "decimal":
                raise QueryError(
                    f"the result's column {name!r} has the type {kind}: in JSON, a DECIMAL inside "
                    "of another value would lose digits; CAST it to VARCHAR, or select it as a "
                    "column of its own"
                )


def _written(result: duckdb.DuckDBPyRelation, result_format: str) -> Iterator[str]:
    """Yield the SQL of each column of the result, such that its format keeps all digits."""
    for name, kind in zip(result.columns, result.types, strict=True):
        column = _identifier(name)
        if result_format in _JSON and kind.id == "decimal":
            # Up to 18 digits, DuckDB writes a DECIMAL to JSON as DOUBLE.
            column = f"CAST({column} AS DECIMAL(38, {dict(kind.children)['scale']})) AS {column}"
        yield column


def _inner_types(kind: DuckDBPyType) -> Iterator[DuckDBPyType]:
    if kind.id in _NESTED:
        for _, inner in kind.children:
            if isinstance(inner, type(kind)):
                yield inner
                yield from _inner_types(inner)


def _may_be_misfit(error: duckdb.Error) -> bool:
    return isinstance(error, duckdb.ConversionException | duckdb.InvalidInputException)


def _first_misfit(connection: DuckDBPyConnection, job: Job) -> str | None:
    """Find the first value that doesn't fit its column's type."""
    if job.kind == "parquet":
        return None
    for name, text in job.column_types.items():
        kind = duckdb.sqltype(text)
        if name not in job.columns or kind.id == "varchar":
            continue
        column = _identifier(name)
        value = column if _is_nested(kind) else f"nullif({column}, '')"
        pattern = None if _is_nested(kind) else _exact(kind)
        fits = f"TRY_CAST({value} AS {kind}) IS NOT NULL"
        if pattern:
            fits += f" AND regexp_full_match({value}, '{pattern}')"
        try:
            found = connection.execute(
                f"SELECT number, {column}::VARCHAR FROM "
                f"(SELECT row_number() OVER () AS number, {column} FROM input_texts) "
                f"WHERE {value} IS NOT NULL AND NOT ({fits}) LIMIT 1"
            ).fetchone()
        except duckdb.Error:
            return None
        if found:
            number, shown = found
            return (
                f"record {number}, column {name!r}: {shown[:_SHOWN_VALUE]!r} doesn't fit {kind} "
                "(COLUMN_TYPES); digits are never rounded"
            )
    return None


def _described(error: duckdb.Error, job: Job) -> str:
    text = str(error)
    if found := _CSV_LINE.search(text):
        reasons = [reason[0] for one in _CSV_REASONS if (reason := one.search(text))]
        return f"line {found[1]}: {reasons[0] if reasons else shortened(text[found.end() :])}"
    return shortened(text.replace(job.path, "the file").replace(job.result, "the result"))


def shortened(text: str) -> str:
    """Return the beginning of an error on one line, without DuckDB's advice on options."""
    if advice := _ADVICE.search(text):
        text = text[: advice.start()]
    # The mark below a position in the query means nothing without the line above it.
    lines = (line.strip() for line in text.splitlines())
    text = " ".join(line for line in lines if line.strip("^"))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _too_large(job: Job, error: Exception) -> str:
    reason = shortened(str(error).splitlines()[0])
    return (
        f"the query needs more than the {job.memory // _MEBIBYTE:,} MiB of memory and "
        f"{job.disk // _MEBIBYTE:,} MiB of ephemeral storage that are left for it: raise "
        f"memory_size or ephemeral_storage_mb, or split the file ({reason})"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _value(value: str | int | bool | list[str]) -> str:  # noqa: FBT001 - a JSON value
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            return _literal(value)
        case _:
            return f"[{', '.join(map(_literal, value))}]"
