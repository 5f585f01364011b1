"""Read records, validate them, add their source, and write them to the output."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from object_consumer import (
    ObjectEvent,
    ObjectStore,
    PermanentError,
    SkippedError,
    object_consumer,
    settings,
)
from object_consumer.memory import workspace
from record_formats import FORMATS, Source, input_format, read_records, write_records
from transform_objects.naming import output_key
from transform_objects.schema import load_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from object_consumer.memory import Allowance

OUTPUT_BUCKET = settings.text("OUTPUT_BUCKET")
OUTPUT_PREFIX = settings.text("OUTPUT_PREFIX", "")
OUTPUT_FORMAT = settings.text("OUTPUT_FORMAT", "json", choices=FORMATS)
OUTPUT_GZIP = settings.flag("OUTPUT_GZIP", default=False)
MAX_OBJECT_BYTES = settings.integer("MAX_OBJECT_BYTES", 64 * 1024 * 1024, minimum=1)
SCHEMA = load_schema()

# S3 accepts 2 KB of metadata, including names; see ObjectStore.write for why it is encoded.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
_MAX_SOURCE = 1500

# Objects are read and written in parallel, but transformed one by one.
WORKSPACE = workspace()


@object_consumer(max_object_bytes=min(MAX_OBJECT_BYTES, WORKSPACE.limit))
def handler(event: ObjectEvent, store: ObjectStore) -> Mapping[str, object]:
    """Transform one object; the same version always gives the same bytes under the same key."""
    if event.is_removal:
        raise SkippedError("removal")
    _refuse_own_output(event)
    kind = input_format(event.key)
    key = output_key(event.key, OUTPUT_PREFIX, FORMATS[OUTPUT_FORMAT].extension, gzip=OUTPUT_GZIP)
    version = event.version_id or event.etag or ""
    uri = quote(event.uri, safe=":/")
    downloaded = store.read(event)
    with WORKSPACE.turn(store.check) as turn:
        turn.allowance.hold(len(downloaded), "the file")
        content = bytes(downloaded)
        del downloaded
        source = Source(event.uri, version, event.event_time)
        body, count = _transform(content, kind, source, turn.allowance)
        del content
        turn.keep(len(body))
        written = store.write(
            OUTPUT_BUCKET,
            key,
            body,
            content_type=FORMATS[OUTPUT_FORMAT].content_type,
            content_encoding="gzip" if OUTPUT_GZIP else None,
            metadata={"source-version": version}
            | ({"source": uri} if len(uri) <= _MAX_SOURCE else {}),
        )
    return {"output": written.uri, "output_bytes": written.size, "records": count}


def _refuse_own_output(event: ObjectEvent) -> None:
    """Reject an object that this function may have written: it would cause a loop."""
    if event.bucket == OUTPUT_BUCKET and event.key.startswith(OUTPUT_PREFIX):
        advice = (
            "keep the pipeline's filter away from it, or choose another OUTPUT_PREFIX"
            if OUTPUT_PREFIX
            else "set OUTPUT_PREFIX, or another OUTPUT_BUCKET"
        )
        raise PermanentError(
            f"{event.uri} is in this function's output, s3://{OUTPUT_BUCKET}/{OUTPUT_PREFIX}: "
            f"it would process its own output in a loop; {advice}"
        )


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
