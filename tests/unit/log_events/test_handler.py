"""log_events says everything about an event, and reads nothing."""

from log_events.handler import handler
from object_consumer.testing import MemoryStore, make_event


def test_every_field_of_an_event_is_in_its_log_line() -> None:
    event = make_event("incoming/a b.json", version_id="v1", etag="e1", size=5)

    assert handler.function(event, MemoryStore()) == {
        "etag": "e1",
        "region": "eu-west-1",
        "sequencer": event.sequencer,
        "uri": "s3://test-bucket/incoming/a b.json",
    }


def test_an_object_that_does_not_exist_is_logged_all_the_same() -> None:
    removal = make_event("gone.json", event_name="ObjectRemoved:Delete")

    assert handler.function(removal, MemoryStore())
