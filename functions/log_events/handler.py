"""Log every object event completely: the simplest consumer, useful to test a pipeline.

It never reads an object, so it needs no permissions on the bucket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from object_consumer import object_consumer

if TYPE_CHECKING:
    from object_consumer import ObjectEvent, ObjectStore


@object_consumer
def handler(event: ObjectEvent, _store: ObjectStore) -> dict[str, object]:
    """Return the event's fields that the object's log line doesn't have anyway."""
    return {
        "etag": event.etag,
        "region": event.region,
        "sequencer": event.sequencer,
        "uri": event.uri,
    }
