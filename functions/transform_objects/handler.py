"""Read records, validate them, add their source, and write them to the output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from object_consumer import (
    ObjectEvent,
    ObjectStore,
    PermanentError,
    SkippedError,
    object_consumer,
    settings,
)
from object_consumer.destination import load_destination, source_metadata, source_version
from object_consumer.memory import workspace
from record_formats import FORMATS, Source, input_format, output_key, read_records, write_records
from transform_objects.schema import load_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from object_consumer.memory import Allowance

DESTINATION = load_destination()
OUTPUT_FORMAT = settings.text("OUTPUT_FORMAT", "json", choices=FORMATS)
OUTPUT_GZIP = settings.flag("OUTPUT_GZIP", default=False)
MAX_OBJECT_BYTES = settings.integer("MAX_OBJECT_BYTES", 64 * 1024 * 1024, minimum=1)
SCHEMA = load_schema()

# Objects are read and written in parallel, but transformed one by one.
WORKSPACE = workspace()


@object_consumer(max_object_bytes=min(MAX_OBJECT_BYTES, WORKSPACE.limit))
def handler(event: ObjectEvent, store: ObjectStore) -> Mapping[str, object]:
    """Transform one object; the same version always gives the same bytes under the same key."""
    if event.is_removal:
        raise SkippedError("removal")
    DESTINATION.refuse_own(event)
    kind = input_format(event.key)
    key = output_key(
        event.key, DESTINATION.prefix, FORMATS[OUTPUT_FORMAT].extension, gzip=OUTPUT_GZIP
    )
    downloaded = store.read(event)
    with WORKSPACE.turn(store.check) as turn:
        turn.allowance.hold(len(downloaded), "the file")
        content = bytes(downloaded)
        del downloaded
        source = Source(event.uri, source_version(event), event.event_time)
        body, count = _transform(content, kind, source, turn.allowance)
        del content
        turn.keep(len(body))
        written = store.write(
            DESTINATION.bucket,
            key,
            body,
            content_type=FORMATS[OUTPUT_FORMAT].content_type,
            content_encoding="gzip" if OUTPUT_GZIP else None,
            metadata=source_metadata(event),
        )
    return {"output": written.uri, "output_bytes": written.size, "records": count}


def _transform(
    content: bytes, kind: str, source: Source, allowance: Allowance
) -> tuple[bytes, int]:
    try:
        records = read_records(content, kind, SCHEMA.column_types, allowance)
        SCHEMA.validate(records, allowance)
        body = write_records(records, OUTPUT_FORMAT, source, gzip=OUTPUT_GZIP, allowance=allowance)
    except RecursionError:
        # Well-formed, but nested too deeply for the schema check or the output format.
        raise PermanentError(f"{source.uri}: records are nested too deeply") from None
    return body, len(records)
