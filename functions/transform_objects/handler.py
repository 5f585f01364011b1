"""Read records, validate them, enrich them with their source, write them to the output."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING
from urllib.parse import quote

from object_consumer import ObjectEvent, ObjectStore, PermanentError, object_consumer, settings
from record_formats import FORMATS, Source, input_format, read_records, write_records
from transform_objects.naming import output_key
from transform_objects.schema import load_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTPUT_BUCKET = settings.text("OUTPUT_BUCKET")
OUTPUT_PREFIX = settings.text("OUTPUT_PREFIX", "")
OUTPUT_FORMAT = settings.text("OUTPUT_FORMAT", "json", choices=FORMATS)
OUTPUT_GZIP = settings.flag("OUTPUT_GZIP", default=False)
MAX_OBJECT_BYTES = settings.integer("MAX_OBJECT_BYTES", 64 * 1024 * 1024, minimum=1)
SCHEMA = load_schema()

_GZIP_LEVEL = 6


@object_consumer(max_object_bytes=MAX_OBJECT_BYTES)
def handler(event: ObjectEvent, store: ObjectStore) -> Mapping[str, object]:
    """Transform one object; the same version always gives the same bytes under the same key."""
    if event.bucket == OUTPUT_BUCKET and OUTPUT_PREFIX and event.key.startswith(OUTPUT_PREFIX):
        raise PermanentError(
            f"{event.uri} lies under this function's own output, s3://{OUTPUT_BUCKET}/"
            f"{OUTPUT_PREFIX}: processing it would never end. Choose another OUTPUT_PREFIX, "
            "or keep the pipeline's filter away from it"
        )
    kind = input_format(event.key)
    records = read_records(store.read(event), kind, SCHEMA.column_types)
    SCHEMA.validate(records)
    version = event.version_id or event.etag or ""
    body = write_records(records, OUTPUT_FORMAT, Source(event.uri, version, event.event_time))
    if OUTPUT_GZIP:
        body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
    written = store.write(
        OUTPUT_BUCKET,
        output_key(event.key, OUTPUT_PREFIX, FORMATS[OUTPUT_FORMAT].extension, gzip=OUTPUT_GZIP),
        body,
        content_type=FORMATS[OUTPUT_FORMAT].content_type,
        content_encoding="gzip" if OUTPUT_GZIP else None,
        # S3 takes metadata as HTTP headers: ASCII only, 2 KB in all.
        metadata={"source": quote(event.uri, safe=":/")[:1500], "source-version": version},
    )
    return {"output": written.uri, "output_bytes": written.size, "records": len(records)}
