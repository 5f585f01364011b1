"""Log every object event, whole: the simplest consumer, and a probe for a pipeline.

It never reads an object, so it needs no permission on the bucket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from object_consumer import object_consumer

if TYPE_CHECKING:
    from object_consumer import ObjectEvent, ObjectStore


@object_consumer
def handler(event: ObjectEvent, _store: ObjectStore) -> dict[str, object]:
    """Return what the object's log line lacks of the event; the line itself has the rest."""
    return {
        "etag": event.etag,
        "region": event.region,
        "sequencer": event.sequencer,
        "uri": event.uri,
    }
