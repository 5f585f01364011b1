"""Run a SQL query over each file, and write its result under a key derived from the file's."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from object_consumer import (
    ObjectEvent,
    ObjectStore,
    PermanentError,
    SettingError,
    SkippedError,
    object_consumer,
)
from object_consumer.destination import load_destination, source_metadata, source_version
from object_consumer.ephemeral_storage import room_for
from object_consumer.memory import Workspace
from query_objects import configuration
from query_objects.columns import add_columns
from query_objects.configuration import OUTPUT_FORMATS
from query_objects.csv_columns import read_columns
from query_objects.folders import private_folder, remove_abandoned
from query_objects.job import Check, Job, Source
from query_objects.json_rows import JsonRows
from query_objects.process import QueryProcess
from record_formats import output_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from object_consumer.memory import Allowance

DESTINATION = load_destination()
SETTINGS = configuration.load()
PROCESS = QueryProcess(SETTINGS.function_memory)

# Files are queried one after the other: each may use all of the memory and ephemeral storage.
WORKSPACE = Workspace(SETTINGS.spare, kept=0)

# The most bytes of a line of JSON that DuckDB reads by default.
_LONGEST = 16 * 1024 * 1024
_BUFFER_BYTES = 1024 * 1024

remove_abandoned()
_refusal = PROCESS.ask(
    Check(variable=SETTINGS.variable, sql=SETTINGS.sql, column_types=SETTINGS.column_types),
    lambda: None,
)
if _refusal.error is not None:
    raise SettingError(f"environment variable {_refusal.error}")


@object_consumer(max_object_bytes=SETTINGS.input.max_object_bytes)
def handler(event: ObjectEvent, store: ObjectStore) -> Mapping[str, object]:
    """Query one object; the same version always gives the same bytes under the same key."""
    if event.is_removal:
        raise SkippedError("removal")
    DESTINATION.refuse_own(event)
    kind = SETTINGS.input.format_of(event.key)
    output = OUTPUT_FORMATS[SETTINGS.output_format]
    is_gzip = SETTINGS.compression == "gzip" and SETTINGS.output_format != "parquet"
    key = output_key(
        event.key,
        DESTINATION.prefix + SETTINGS.partition(event.key),
        output.extension,
        gzip=is_gzip,
        sources=SETTINGS.input.sources,
    )
    with WORKSPACE.turn(store.check) as turn, private_folder() as folder:
        job = _prepare(event, store, kind, folder, turn.allowance)
        answer = PROCESS.ask(job, store.check)
        if answer.error is not None:
            raise PermanentError(answer.error)
        with (
            (folder / "result").open("rb") as result,
            store.create(
                DESTINATION.bucket,
                key,
                content_type=output.content_type,
                content_encoding="gzip" if is_gzip else None,
                metadata=source_metadata(event),
            ) as target,
        ):
            shutil.copyfileobj(result, target, _BUFFER_BYTES)
    written = target.written
    return {"output": written.uri, "output_bytes": written.size, "rows": answer.rows}


def _prepare(
    event: ObjectEvent, store: ObjectStore, kind: str, folder: Path, allowance: Allowance
) -> Job:
    """Bring the file to the ephemeral storage, and find the names of its columns."""
    path = folder / "input"
    columns: list[str] = []
    options: configuration.Options = {}
    longest = _LONGEST
    if kind in {"json", "jsonl"}:
        rows = JsonRows()
        with room_for(event.uri), path.open("w+b") as target:
            rows.write(
                lambda: store.open(event, max_bytes=SETTINGS.input.max_object_bytes),
                kind,
                target,
                allowance,
                SETTINGS.input.records_member,
            )
        # A declared column that no record has is null.
        add_columns(rows.columns, SETTINGS.column_types)
        columns = list(rows.columns)
        longest = max(longest, rows.longest)
    else:
        store.download(event, path, max_bytes=SETTINGS.input.max_object_bytes)
        if kind != "parquet":
            options = SETTINGS.csv_options(kind)
            with path.open("rb") as file:
                columns = read_columns(file, options)
    temporary = folder / "temporary"
    temporary.mkdir()
    return Job(
        sql=SETTINGS.sql,
        source=Source(
            uri=event.uri,
            bucket=event.bucket,
            key=event.key,
            version=source_version(event),
            event_time=event.event_time.isoformat(),
        ),
        path=str(path),
        kind={"json": "jsonl", "tsv": "csv"}.get(kind, kind),
        columns=columns,
        column_types=SETTINGS.column_types,
        options={name: value for name, value in options.items() if name != "names"},
        longest=longest,
        result=str(folder / "result"),
        result_format=SETTINGS.output_format,
        compression={"none": "uncompressed"}.get(SETTINGS.compression, SETTINGS.compression),
        temporary=str(temporary),
        memory=SETTINGS.memory,
        disk=shutil.disk_usage(folder).free,
        threads=SETTINGS.threads,
    )
