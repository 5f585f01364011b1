"""What is sent back has the attributes that it had before it was dead-lettered."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_pipelines.operations import originals
from object_consumer import dead_letters
from object_consumer.messages import Message
from object_consumer.outcomes import MoveToDeadLetterQueue, Retry

REASON = MoveToDeadLetterQueue(
    kind="permanent", error_type="FormatError", error_message="line 3", otherwise=Retry(0)
)
# As SQS takes them: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True).filter(
    lambda name: name not in originals._BY_RUNTIME
)
LABELS = st.sampled_from(["", ".custom", ".png"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1)
ATTRIBUTES = st.dictionaries(
    NAMES,
    st.one_of(
        st.builds(
            lambda label, text: {"DataType": f"String{label}", "StringValue": text}, LABELS, TEXTS
        ),
        st.builds(
            lambda label, number: {"DataType": f"Number{label}", "StringValue": str(number)},
            LABELS,
            st.integers(),
        ),
        st.builds(
            lambda label, value: {"DataType": f"Binary{label}", "BinaryValue": value},
            LABELS,
            st.binary(min_size=1),
        ),
    ),
    max_size=10,
)


def for_lambda(attribute: dict[str, Any]) -> dict[str, Any]:
    """Write an attribute as Lambda hands it to a function."""
    written = {"dataType": attribute["DataType"], "stringListValues": [], "binaryListValues": []}
    if "BinaryValue" in attribute:
        return written | {"binaryValue": base64.b64encode(attribute["BinaryValue"]).decode()}
    return written | {"stringValue": attribute["StringValue"]}


def dead_letter(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes in the dead-letter queue, of a message that had these."""
    message = Message(
        body="", attributes={name: for_lambda(value) for name, value in attributes.items()}
    )
    return dict(
        dead_letters.attributes(message, REASON, function_name="orders-load", request_id="request")
    )


@given(ATTRIBUTES)
def test_what_the_runtime_dead_letters_comes_back_as_it_was(attributes: dict[str, Any]) -> None:
    received = dead_letter(attributes)

    assert len(received) <= 10
    assert originals.attributes(received) == attributes
    assert originals.attributes(dead_letter(dict(originals.attributes(received)))) == attributes


TEN = {f"a{n}": {"DataType": "Binary", "BinaryValue": bytes([n])} for n in range(10)}


def test_ten_attributes_are_ten_again() -> None:
    received = dead_letter(TEN)

    assert len(received) == 6
    assert originals.attributes(received) == TEN


def packed(text: str) -> dict[str, Any]:
    received = dead_letter(TEN)
    received["OriginalMessageAttributes"] = {"DataType": "String", "StringValue": text}
    return received


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        '{"a": 1}',
        '{"a": {"dataType": 1}}',
        '{"a": {"dataType": "Binary", "binaryValue": "broken*base64"}}',
        '{"a": {"dataType": "Binary", "binaryValue": "YQ"}}',
        '{"a": {"dataType": "Binary", "binaryValue": "\u00fc"}}',
        '{"a": {"dataType": "String", "stringValue": "\\ud800"}}',
        "[" * 100_000,
        '{"a": ' + "[" * 100_000,
    ],
)
def test_what_can_not_be_unpacked_stays_as_it_is(text: str) -> None:
    assert originals.attributes(packed(text)) == {
        "OriginalMessageAttributes": {"DataType": "String", "StringValue": text}
    }


def text(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def test_a_producers_own_attributes_are_not_taken_for_a_reason() -> None:
    own = {"ErrorType": text("E"), "ErrorMessage": text("m"), "OriginalMessageAttributes": text("")}

    assert originals.attributes(own) == own
    assert originals.attributes({**dead_letter({}), **packed("{}"), "a": text("b")}) == {
        "OriginalMessageAttributes": text("{}"),
        "a": text("b"),
    }


@pytest.mark.parametrize(
    "added",
    [
        {"ErrorCode": text("403"), "ErrorMessage": text("m"), "RequestID": text("r")},
        {name: text("x") for name in ("ERROR_CODE", "ERROR_MESSAGE", "RULE_ARN", "TARGET_ARN")},
        {
            name: text("x")
            for name in (
                "ERROR_CODE",
                "ERROR_MESSAGE",
                "EXHAUSTED_RETRY_CONDITION",
                "RETRY_ATTEMPTS",
                "RULE_ARN",
                "TARGET_ARN",
            )
        },
    ],
)
def test_what_sns_lambda_and_eventbridge_add_goes_too(added: dict[str, Any]) -> None:
    own = {"RETRY": text("1"), "a": {"DataType": "Binary", "BinaryValue": b"\x00"}}

    assert originals.attributes({**own, **added}) == own
    assert originals.attributes({**own, **added, **dead_letter({})}) == own


def test_lists_which_sqs_gives_and_does_not_take_are_left_out() -> None:
    given = {"a": {**text("b"), "StringListValues": [], "BinaryListValues": []}}

    assert originals.attributes(given) == {"a": text("b")}
