"""What was dead-lettered: read from a dead-letter queue, grouped by reason, sent back."""

import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from mypy_boto3_sqs.type_defs import MessageTypeDef
from rich.console import Console

from event_pipelines.operations import dead_letters
from event_pipelines.operations.commands import failures
from event_pipelines.operations.commands.failures import group
from event_pipelines.operations.dead_letters import DeadLetter
from event_pipelines.operations.story import dead_lettered
from tests.unit.operations.world import BUCKET, World, record


def look(world: World) -> Sequence[DeadLetter]:
    return dead_letters.look(world.consumer, world.aws, limit=100).letters


def test_messages_that_are_looked_at_stay_where_they_are(world: World) -> None:
    for number in range(25):
        world.dead_letter(f"in/{number}.json", "SchemaError", "no id")

    assert len(look(world)) == 25
    assert len(look(world)) == 25
    assert dead_letters.number(world.consumer, world.aws) == 25


def test_the_reason_and_the_object_are_read(world: World) -> None:
    world.dead_letter("in/my+file.json", "SchemaError", "no id")

    (letter,) = look(world)

    assert letter.reason == "SchemaError: no id"
    assert letter.kind == "permanent"
    assert letter.is_about(f"s3://{BUCKET}/in/my file.json")


def test_a_message_that_sqs_moved_says_that_nobody_gave_a_reason(world: World) -> None:
    url = str(world.consumer.dead_letter_queue_url)
    world.aws.sqs.send_message(QueueUrl=url, MessageBody=record("in/a.json"))

    (letter,) = look(world)

    assert letter.kind == "moved"
    assert "no reason given" in letter.reason


def moved(group: str | None = None) -> MessageTypeDef:
    """A message that was dead-lettered and redriven before SQS moved it."""
    attributes: dict[Any, str] = {
        "SentTimestamp": "1767225600000",
        "DeadLetterQueueSourceArn": "arn:aws:sqs:eu-west-1:111122223333:orders-load",
    }
    return {
        "MessageId": "m",
        "ReceiptHandle": "r",
        "Body": record("in/a.json"),
        "Attributes": attributes | ({"MessageGroupId": group} if group else {}),
        "MessageAttributes": {
            "ErrorKind": {"DataType": "String", "StringValue": "permanent"},
            "ErrorType": {"DataType": "String", "StringValue": "SchemaError"},
            "ErrorMessage": {"DataType": "String", "StringValue": "of the time before"},
        },
    }


def test_when_sqs_moved_a_message_is_not_known() -> None:
    letter = dead_letters.read(moved(), "load")

    assert (letter.kind, letter.error_type) == ("moved", "")
    assert "no reason given" in letter.reason
    assert letter.sent_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert letter.dead_lettered_at is None
    (failure,) = group([letter])
    assert (failure.times, failure.first, failure.last) == ("sent", letter.sent_at, letter.sent_at)
    (step,) = dead_lettered([letter])
    assert (step.what, step.at) == ("sent", letter.sent_at)
    assert step.detail.startswith("dead-lettered later: no reason given")


def test_in_a_fifo_queue_it_is() -> None:
    letter = dead_letters.read(moved("customer-1"), "load", fifo=True)

    assert (letter.kind, letter.dead_lettered_at) == ("moved", letter.sent_at)


def test_in_a_standard_queue_with_groups_it_is_not() -> None:
    letter = dead_letters.read(moved("customer-1"), "load")

    assert (letter.group, letter.dead_lettered_at) == ("customer-1", None)


def test_when_the_runtime_dead_lettered_a_message_is_known(world: World) -> None:
    world.dead_letter("in/a.json", "SchemaError", "no id")

    (letter,) = look(world)

    assert letter.dead_lettered_at == letter.sent_at
    (failure,) = group([letter])
    assert failure.times == "set aside"
    (step,) = dead_lettered([letter])
    assert (step.what, step.detail) == ("set aside", "SchemaError: no id")


def test_the_times_of_a_group_say_what_they_are() -> None:
    console = Console(width=140, record=True, file=io.StringIO())
    known = dead_letters.read({**moved(), "Attributes": {"SentTimestamp": "0"}}, "load")

    console.print(failures.view(group([dead_letters.read(moved(), "load"), known])))

    text = console.export_text()
    assert text.count("(when sent; SQS moved it later)") == 1
    assert text.index("1970-01-01") < text.index("2026-01-01 00:00:00") < text.index("(when sent")


def test_lambdas_record_of_a_failed_invocation_tells_its_error(world: World) -> None:
    body = {
        "requestContext": {"condition": "RetriesExhausted"},
        "requestPayload": json.loads(record("in/a.json")),
        "responsePayload": {"errorType": "KeyError", "errorMessage": "'id'"},
    }
    url = str(world.consumer.dead_letter_queue_url)
    world.aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))

    (letter,) = look(world)

    assert (letter.kind, letter.reason) == ("exhausted", "KeyError: 'id'")
    assert letter.is_about(f"s3://{BUCKET}/in/a.json")


@pytest.mark.parametrize("body", ["", "no JSON", "[1]", '{"requestContext": 3}'])
def test_a_message_of_any_form_is_read(world: World, body: str) -> None:
    url = str(world.consumer.dead_letter_queue_url)
    world.aws.sqs.send_message(QueueUrl=url, MessageBody=body or " ")

    (letter,) = look(world)

    assert letter.events == ()


def nested(depth: int) -> Iterator[str]:
    """Messages that hold JSON so deep, wherever the tool looks."""
    deep = "[" * depth + "]" * depth
    yield deep
    yield '{"a": ' * depth + "1" + "}" * depth
    yield f'{{"requestContext": {deep}}}'
    yield f'{{"requestContext": {{"condition": "c"}}, "requestPayload": {deep}}}'
    yield (
        '{"requestContext": {"condition": "c"}, "requestPayload": {},'
        f' "responsePayload": {{"errorMessage": {deep}}}}}'
    )


# Decoders and repr() give up at depths that are a few apart.
@pytest.mark.parametrize("depth", [*range(9_960, 10_010), 200_000])
def test_a_message_nested_to_any_depth_is_read(depth: int) -> None:
    for body in nested(depth):
        letter = dead_letters.read({**moved(), "Body": body}, "load")
        assert letter.events == ()
        assert len(group([letter])) == 1


FAILED = '{"requestContext": {"condition": "c"}, "requestPayload": 1, "responsePayload": '


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"requestContext": {"condition": 3}, "requestPayload": 1}', "no reason given"),
        ('{"requestContext": {"condition": "Aged"}, "requestPayload": 1}', "Aged: no reason given"),
        (FAILED + '{"errorType": ["E"], "errorMessage": "m"}}', "c: no reason given"),
        (FAILED + '{"errorType": "E", "errorMessage": "\\ud800"}}', "no reason given"),
        ("9" * 5_000, "no reason given"),
        ("\ud800", "no reason given"),
    ],
)
def test_a_record_of_any_form_has_the_reason_that_can_be_read(body: str, reason: str) -> None:
    letter = dead_letters.read(
        {**moved(), "Attributes": {}, "MessageAttributes": {}, "Body": body}, "load"
    )

    assert letter.reason.startswith(reason)


@pytest.mark.parametrize("time", ["9" * 5_000, "9" * 20, "-1e9", "", "now", "\u0663"])
def test_numbers_that_sqs_does_not_write_do_no_harm(time: str) -> None:
    attributes: dict[Any, str] = {"SentTimestamp": time, "ApproximateReceiveCount": "9" * 5_000}

    letter = dead_letters.read({**moved(), "Attributes": attributes}, "load")

    assert letter.sent_at.year == 1970


def test_attributes_of_other_types_are_no_reason() -> None:
    attributes: dict[str, Any] = {
        "ErrorType": {"DataType": "Binary", "BinaryValue": b"\xff"},
        "ErrorMessage": {"DataType": "Number", "StringValue": "9" * 5_000},
        "ErrorKind": {"DataType": "String.kind"},
    }

    letter = dead_letters.read(
        {**moved(), "Attributes": {}, "MessageAttributes": attributes}, "load"
    )

    assert (letter.kind, letter.error_type) == ("", "")
    assert letter.reason == "9" * 4_000


def test_a_reason_is_as_long_as_it_is_of_use() -> None:
    body = {
        "requestContext": {"condition": "c"},
        "requestPayload": {},
        "responsePayload": {"errorType": "E" * 500_000, "errorMessage": "'" * 500_001},
    }

    letter = dead_letters.read(
        {**moved(), "Attributes": {}, "MessageAttributes": {}, "Body": json.dumps(body)}, "load"
    )

    assert (len(letter.error_type), len(letter.error_message)) == (4_000, 4_000)


def test_a_reason_keeps_its_words_and_loses_its_particulars() -> None:
    text = "the key 'a b.csv' exceeds the function's 20 s; raise the consumer's timeout"

    assert dead_letters.general(text) == (
        "the key … exceeds the function's … s; raise the consumer's timeout"
    )
