"""Which objects a consumer wants."""

from collections.abc import Callable
from typing import Any

from object_consumer.testing import make_event
from tests.unit.object_consumer.consumer import Consumer
from tests.unit.object_consumer.deliveries import batch, notification

type Lines = Callable[[], list[dict[str, Any]]]


def test_an_object_its_filter_excludes_is_skipped(lines: Lines) -> None:
    from object_consumer.filters import ObjectFilter  # noqa: PLC0415

    calls: list[str] = []
    wanted = ObjectFilter(prefixes=("in/",), suffixes=(".json",), events=("s3:ObjectCreated:*",))
    consumer = Consumer(lambda event, _store: calls.append(event.key), settings={"wanted": wanted})
    removal = notification(make_event("in/a.json", event_name="ObjectRemoved:Delete"))

    consumer(batch(*(consumer.upload(key) for key in ("in/a.json", "out/a.json", "in/a")), removal))

    assert calls == ["in/a.json"]
    assert [line["reason"] for line in lines() if line["outcome"] == "skipped"] == ["filtered"] * 3


def test_a_size_is_wanted_up_to_both_limits_and_a_deletion_has_none() -> None:
    from object_consumer.filters import ObjectFilter  # noqa: PLC0415

    calls: list[str] = []
    wanted = ObjectFilter(min_bytes=2, max_bytes=3)
    consumer = Consumer(lambda event, _store: calls.append(event.key), settings={"wanted": wanted})
    removal = notification(make_event("gone", event_name="ObjectRemoved:Delete"))

    consumer(batch(*(consumer.upload(str(n), b"x" * n) for n in range(6)), removal))

    assert sorted(calls) == ["2", "3"]
