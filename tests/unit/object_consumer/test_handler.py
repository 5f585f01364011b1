"""What the handler answers: which messages are done, retried, or dead-lettered."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from object_consumer import (
    ObjectEvent,
    ObjectStore,
)
from object_consumer.messages import InvocationError
from object_consumer.testing import make_event
from tests.unit.object_consumer.consumer import Consumer, by_name, read
from tests.unit.object_consumer.deliveries import batch, notification

type Lines = Callable[[], list[dict[str, Any]]]


def test_objects_that_are_done_are_acknowledged_and_logged(lines: Lines) -> None:
    consumer = Consumer(read)

    assert consumer(batch(consumer.upload("a", b"12345"), consumer.upload("b"))) == []

    done = {line["key"]: line for line in lines()}
    assert (done["a"]["outcome"], done["a"]["bytes"], done["a"]["attempts"]) == ("done", 5, 1)
    assert done["b"]["request_id"] == "request-1"


def test_each_message_of_a_batch_has_its_own_outcome() -> None:
    consumer = Consumer(by_name)
    names = ["ok", "permanent", "retry", "bug", "skip", "exit", "ok2"]

    failed = consumer(batch(*(consumer.upload(name) for name in names)))

    assert failed == ["m2", "m3", "m5"]
    assert [message.id for message, _ in consumer.queue.dead_letters] == ["m1"]


def test_a_dead_letter_that_can_not_be_sent_is_a_retry() -> None:
    consumer = Consumer(by_name)
    consumer.queue.failure = ConnectionError("SQS is away")

    assert consumer(batch(consumer.upload("permanent"))) == ["m0"]


def test_the_last_receive_dead_letters_what_would_be_retried() -> None:
    consumer = Consumer(by_name)
    bodies = [consumer.upload("retry"), consumer.upload("bug"), consumer.upload("ok")]

    assert consumer(batch(*bodies, receive_count=5)) == []

    kinds = [
        attributes["ErrorKind"]["StringValue"] for _, attributes in consumer.queue.dead_letters
    ]
    assert kinds == ["exhausted", "exhausted"]


def test_before_the_last_receive_it_is_retried() -> None:
    consumer = Consumer(by_name)

    assert consumer(batch(consumer.upload("bug"), receive_count=4)) == ["m0"]
    assert consumer.queue.dead_letters == []


def test_an_unexpected_error_is_logged_with_its_stack(lines: Lines) -> None:
    consumer = Consumer(by_name)
    consumer(batch(consumer.upload("bug")))

    (line,) = [line for line in lines() if line.get("outcome") == "retry"]
    assert line["error_type"] == "KeyError"
    assert "in by_name" in line["stack"]


def test_the_delay_is_what_the_error_asks_for() -> None:
    consumer = Consumer(by_name)
    consumer(batch(consumer.upload("retry")))

    assert consumer.queue.delays == {"m0": 7}


@pytest.mark.parametrize(("receive_count", "longest"), [(1, 20), (2, 40), (4, 160), (4000, 900)])
def test_the_delay_grows_with_each_receive_up_to_a_cap(receive_count: int, longest: int) -> None:
    consumer = Consumer(by_name, settings={"max_receive_count": None})
    seen = set()
    for _ in range(40):
        consumer(batch(consumer.upload("bug"), receive_count=receive_count))
        seen.add(consumer.queue.delays["m0"])

    assert max(seen) <= longest
    assert len(seen) > 3


def test_a_message_with_several_objects_is_one_outcome() -> None:
    consumer = Consumer(by_name)

    def events(*names: str) -> dict[str, Any]:
        return notification(*(consumer.store.upload(name, b"x") for name in names))

    assert consumer(batch(events("ok", "permanent", "retry"))) == ["m0"]
    assert consumer.queue.dead_letters == []
    assert consumer(batch(events("ok", "permanent", "permanent"))) == []
    ((_, attributes),) = consumer.queue.dead_letters
    assert attributes["ErrorMessage"]["StringValue"].count("never will") == 2


def test_messages_that_are_no_events_are_dead_lettered_and_the_test_event_is_dropped() -> None:
    consumer = Consumer(read)
    test_event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}

    assert consumer(batch("junk", test_event, consumer.upload("a"))) == []
    ((message, attributes),) = consumer.queue.dead_letters
    assert message.body == "junk"
    assert attributes["ErrorType"]["StringValue"] == "MessageFormatError"


@pytest.mark.parametrize("record", [{}, {"messageId": ""}, {"messageId": 7}])
def test_a_batch_whose_messages_can_not_be_told_apart_fails_as_a_whole(
    record: dict[str, Any],
) -> None:
    with pytest.raises(InvocationError, match="no messageId"):
        Consumer(read)({"Records": [{"eventSource": "aws:sqs", "body": "", **record}]})


def test_objects_gone_or_replaced_before_they_are_read() -> None:
    consumer = Consumer(read)
    gone = notification(make_event("gone", version_id="v1", size=1))
    old = consumer.store.upload("a", b"1")
    consumer.store.upload("a", b"2")
    unversioned = make_event("a", etag=old.etag, size=1)

    assert consumer(batch(gone, notification(unversioned))) == []
    ((_, attributes),) = consumer.queue.dead_letters
    assert attributes["ErrorType"]["StringValue"] == "ObjectNotFoundError"


def test_an_object_that_is_not_found_yet_is_dead_lettered_on_its_last_receive_only() -> None:
    consumer = Consumer(read)
    recent = make_event("gone", event_time=datetime.now(UTC) - timedelta(seconds=70))

    assert consumer(batch(notification(recent), receive_count=4)) == ["m0"]
    assert 820 <= consumer.queue.delays["m0"] <= 830
    assert consumer.queue.dead_letters == []
    assert consumer(batch(notification(recent), receive_count=5)) == []
    ((_, attributes),) = consumer.queue.dead_letters
    assert attributes["ErrorKind"]["StringValue"] == "exhausted"
    assert attributes["ErrorType"]["StringValue"] == "ObjectNotVisibleError"
    assert "it was deleted, or isn't visible yet" in attributes["ErrorMessage"]["StringValue"]


def test_a_direct_event_that_fails_raises_with_all_reasons_after_the_rest_is_done() -> None:
    done: list[str] = []

    def author(event: ObjectEvent, store: ObjectStore) -> None:
        by_name(event, store)
        done.append(event.key)

    consumer = Consumer(author)
    events = notification(*(consumer.store.upload(name, b"x") for name in ("bug", "ok", "retry")))

    with pytest.raises(InvocationError, match=r"bug: KeyError.*retry: RetryableError: later"):
        consumer(events)
    assert done == ["ok"]


def test_a_direct_event_that_never_will_succeed_is_dead_lettered_where_there_is_a_queue() -> None:
    consumer = Consumer(by_name)
    assert consumer(consumer.upload("permanent")) == []
    assert len(consumer.queue.dead_letters) == 1

    without = Consumer(by_name, settings={"dead_letter_queue_url": None})
    with pytest.raises(InvocationError, match="never will"):
        without(without.upload("permanent"))
