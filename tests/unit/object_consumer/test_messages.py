"""What of a batch is not as SQS documents it, and what only some queues send."""

import threading
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from object_consumer import ObjectEvent, ObjectStore, PermanentError, RetryableError, clients
from object_consumer.messages import Message, received
from object_consumer.queue import SqsQueue
from tests.unit.object_consumer.consumer import Consumer
from tests.unit.object_consumer.deliveries import batch


def by_name(event: ObjectEvent, _store: ObjectStore) -> None:
    if event.key.startswith("retry"):
        raise RetryableError("later", retry_after=9)
    if event.key.startswith("permanent"):
        raise PermanentError("never")


@pytest.mark.parametrize(
    "count", ["9" * 5000, "9" * 20, "-1", "1e3", "five", "", None, 5, 2.5, [], {}, "٥", "5 "]
)
def test_a_receive_count_that_sqs_would_not_write_is_unknown(count: object) -> None:
    consumer = Consumer(by_name)
    bodies = [consumer.upload(key) for key in ("retry", "ok", "permanent")]
    event = batch(*bodies, system={"ApproximateReceiveCount": count})

    assert [message.receive_count for message in received(event)] == [None] * 3
    # The queue's own redrive policy counts on: nothing is taken for its last receive.
    assert consumer(event) == ["m0"]
    assert [message.id for message, _ in consumer.queue.dead_letters] == ["m2"]


def test_a_receive_count_of_any_length_that_sqs_may_write_counts() -> None:
    consumer = Consumer(by_name)
    event = batch(consumer.upload("retry"), system={"ApproximateReceiveCount": "9" * 19})

    assert consumer(event) == []
    assert len(consumer.queue.dead_letters) == 1


def test_groups_of_a_fair_queue_are_processed_side_by_side_and_hold_nothing_back() -> None:
    together = threading.Barrier(3)

    def author(event: ObjectEvent, _store: ObjectStore) -> None:
        together.wait(10)
        by_name(event, _store)

    consumer = Consumer(author)
    bodies = [consumer.upload(key) for key in ("retry", "a", "b")]

    assert consumer(batch(*bodies, system={"MessageGroupId": "tenant-1"})) == ["m0"]


def test_a_message_of_a_fair_queue_keeps_its_tenant() -> None:
    (message,) = received(batch("x", system={"MessageGroupId": "tenant-1"}))

    assert (message.group, message.tenant) == (None, "tenant-1")
    assert sent_to_sqs(message) == {"MessageGroupId": "tenant-1"}


def test_a_message_of_a_fifo_queue_keeps_its_group_and_arrives_once() -> None:
    (message,) = received(batch("x", groups=["g"]))

    assert (message.group, message.tenant) == ("g", None)
    assert sent_to_sqs(message) == {"MessageGroupId": "g", "MessageDeduplicationId": "m0"}


@pytest.mark.parametrize("group", ["", None, 7, []])
def test_a_message_of_a_fifo_queue_without_a_group_is_taken_all_the_same(group: object) -> None:
    event = batch("x", groups=["g"], system={"MessageGroupId": group})
    (message,) = received(event)

    assert sent_to_sqs(message) == {"MessageGroupId": "m0", "MessageDeduplicationId": "m0"}


@pytest.mark.parametrize("group", ["", None, 7, []])
def test_a_message_of_a_standard_queue_has_no_group(group: object) -> None:
    (message,) = received(batch("x", system={"MessageGroupId": group}))

    assert (message.group, message.tenant) == (None, None)
    assert sent_to_sqs(message) == {}


def sent_to_sqs(message: Message) -> dict[str, Any]:
    """Dead-letter a message; give the fields of the request that are only some queues'."""
    sqs = boto3.client("sqs", region_name="eu-west-1")
    seen: dict[str, Any] = {}
    sqs.meta.events.register(
        "provide-client-params.sqs.SendMessage",
        lambda params, **_: seen.update(params),
    )
    with Stubber(sqs) as stub, pytest.MonkeyPatch.context() as patch:
        stub.add_response("send_message", {"MessageId": "1"})
        patch.setattr(clients, "sqs", lambda: sqs)
        SqsQueue("https://queue", "https://dlq").dead_letter(message, {})
    return {
        name: value
        for name, value in seen.items()
        if name.startswith("MessageG") or "Dedup" in name
    }


@pytest.mark.parametrize(
    "record",
    [
        {"body": None},
        {"body": 7},
        {"body": {"a": []}},
        {"attributes": None},
        {"attributes": []},
        {"messageAttributes": "x"},
        {"receiptHandle": None},
        {"eventSourceARN": None},
        {"eventSourceARN": ["x.fifo"]},
    ],
)
def test_fields_of_another_type_are_an_outcome_of_their_message_alone(
    record: dict[str, Any],
) -> None:
    consumer = Consumer(by_name)
    event = batch(consumer.upload("permanent-1"), consumer.upload("ok"))
    event["Records"][0] |= record

    assert consumer(event) == []
    assert [message.id for message, _ in consumer.queue.dead_letters] == ["m0"]
