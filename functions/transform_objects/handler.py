"""Read records, validate them, add their source, and write them to the output."""

from __future__ import annotations

from contextlib import nullcontext
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
from object_consumer.writer import BUFFERED_BYTES
from record_formats import (
    FORMATS,
    Source,
    load_input,
    output_key,
    read_records,
    write_records,
)
from transform_objects.schema import load_schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from object_consumer.memory import Allowance
    from object_consumer.writer import ObjectWriter

DESTINATION = load_destination()
# By default, the function's timeout limits the size.
INPUT = load_input()
OUTPUT_FORMAT = settings.text("OUTPUT_FORMAT", "json", choices=FORMATS)
OUTPUT_GZIP = settings.flag("OUTPUT_GZIP", default=False)
SCHEMA = load_schema()

# Objects are opened and completed in parallel, but transformed one by one: in Python that is as
# fast, the memory is that of one file, and of files that take minutes the first is done before the
# time is over, where all at once would leave each unfinished.
WORKSPACE = workspace()


@object_consumer
def handler(event: ObjectEvent, store: ObjectStore) -> Mapping[str, object]:
    """Transform one object; the same version always gives the same bytes under the same key."""
    if event.is_removal:
        raise SkippedError("removal")
    DESTINATION.refuse_own(event)
    kind = INPUT.format_of(event.key)
    extension = FORMATS[OUTPUT_FORMAT].extension
    key = output_key(
        event.key, DESTINATION.prefix, extension, gzip=OUTPUT_GZIP, sources=INPUT.sources
    )
    # Opened before the turn: its first bytes arrive while another object is transformed.
    with (
        store.open(event, max_bytes=INPUT.max_object_bytes) as file,
        WORKSPACE.turn(store.check) as turn,
        store.create(
            DESTINATION.bucket,
            key,
            content_type=FORMATS[OUTPUT_FORMAT].content_type,
            content_encoding="gzip" if OUTPUT_GZIP else None,
            metadata=source_metadata(event),
        ) as output,
    ):
        source = Source(event.uri, source_version(event), event.event_time)
        count = _transform(file, kind, source, output, turn.allowance)
        # What is not sent yet is sent while the next object is transformed.
        turn.keep(min(output.size, BUFFERED_BYTES))
    written = output.written
    return {"output": written.uri, "output_bytes": written.size, "records": count}


def _transform(
    file: BinaryIO, kind: str, source: Source, output: ObjectWriter, allowance: Allowance
) -> int:
    """Check all records, then write them: a large file is read twice."""

    def open_again() -> AbstractContextManager[BinaryIO]:
        file.seek(0)
        return nullcontext(file)

    try:
        records = read_records(
            open_again, kind, SCHEMA.column_types, allowance, member=INPUT.records_member
        )
        SCHEMA.validate(records, allowance)
        write_records(records, OUTPUT_FORMAT, source, output, gzip=OUTPUT_GZIP, allowance=allowance)
    except RecursionError:
        # Well-formed, but nested too deeply for the schema check or the output format.
        raise PermanentError(f"{source.uri}: records are nested too deeply") from None
    return len(records)
