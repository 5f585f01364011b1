"""A dead-lettered message has its reason, and what it had before."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from event_pipelines.operations import originals
from tests.unit.object_consumer.consumer import Consumer, by_name
from tests.unit.object_consumer.deliveries import batch

type Lines = Callable[[], list[dict[str, Any]]]


def test_a_permanent_failure_is_dead_lettered_word_for_word_with_its_reason() -> None:
    consumer = Consumer(by_name)
    body = json.dumps(consumer.upload("permanent"), indent=3)
    own = {"Origin": {"dataType": "String", "stringValue": "here"}}

    assert consumer(batch(body, attributes=own)) == []

    ((message, attributes),) = consumer.queue.dead_letters
    assert message.body == body
    assert {name: value["StringValue"] for name, value in attributes.items()} == {
        "Origin": "here",
        "ErrorType": "PermanentError",
        "ErrorMessage": "never will",
        "ErrorKind": "permanent",
        "FunctionName": "orders-transform",
        "RequestId": "request-1",
    }


def test_as_many_attributes_as_sqs_takes_are_kept_as_they_are() -> None:
    consumer = Consumer(by_name)
    own = {f"a{n}": {"dataType": "String", "stringValue": str(n)} for n in range(5)}

    consumer(batch(consumer.upload("permanent"), attributes=own))

    ((_, attributes),) = consumer.queue.dead_letters
    assert len(attributes) == 10
    assert attributes["a4"] == {"DataType": "String", "StringValue": "4"}


def test_more_attributes_than_sqs_takes_are_kept_in_one() -> None:
    consumer = Consumer(by_name)
    own = {f"a{n}": {"dataType": "String", "stringValue": str(n)} for n in range(6)}

    consumer(batch(consumer.upload("permanent"), attributes=own))

    ((_, attributes),) = consumer.queue.dead_letters
    assert len(attributes) == 6
    kept = json.loads(attributes["OriginalMessageAttributes"]["StringValue"])
    assert kept["a5"]["stringValue"] == "5"


def test_an_attribute_with_a_name_of_the_reasons_is_kept_with_the_others() -> None:
    consumer = Consumer(by_name)
    own = {"ErrorType": {"dataType": "String", "stringValue": "the producer's"}}

    consumer(batch(consumer.upload("permanent"), attributes=own))

    ((_, attributes),) = consumer.queue.dead_letters
    assert attributes["ErrorType"]["StringValue"] == "PermanentError"
    kept = json.loads(attributes["OriginalMessageAttributes"]["StringValue"])
    assert kept == own


@pytest.mark.parametrize("number", [1, 6])
@pytest.mark.parametrize(
    ("attribute", "taken"),
    [
        ({"dataType": "String", "stringValue": "\ud800\x00"}, {"stringValue": "\ufffd\ufffd"}),
        ({"dataType": "Binary", "binaryValue": "é"}, {}),
        ({"dataType": "Binary", "binaryValue": "no base64"}, {}),
        ({"dataType": 7, "stringValue": "x"}, {}),
        ("no attribute", {}),
    ],
)
def test_attributes_that_sqs_would_refuse_keep_no_message_from_being_dead_lettered(
    number: int, attribute: object, taken: Mapping[str, str]
) -> None:
    consumer = Consumer(by_name)
    own = {f"a{n}\ud800": attribute for n in range(number)}
    own |= {f"b{n}": {"dataType": "String", "stringValue": "x"} for n in range(number)}

    assert consumer(batch(consumer.upload("permanent"), attributes=own)) == []

    ((_, attributes),) = consumer.queue.dead_letters
    restored = originals.attributes(attributes)
    texts = {name: restored[name].get("StringValue") for name in restored}
    assert texts.get("a0\ufffd") == taken.get("stringValue")
    assert [texts[f"b{n}"] for n in range(number)] == ["x"] * number
