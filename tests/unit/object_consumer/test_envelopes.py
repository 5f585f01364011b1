"""Every envelope an S3 event arrives in, and everything that is none."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from object_consumer import ObjectEvent
from object_consumer.envelopes import MAX_RECORDS, decode

EVENTS = Path(__file__).with_name("events")

type Wrap = Callable[[str], str]


def load(name: str) -> str:
    return (EVENTS / f"{name}.json").read_text()


def in_sns(message: str) -> str:
    return json.dumps({"Type": "Notification", "MessageId": "m", "Message": message})


def in_sns_for_lambda(message: str) -> str:
    return json.dumps({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": message}}]})


def in_a_failed_invocation(message: str) -> str:
    return json.dumps(
        {
            "version": "1.0",
            "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": json.loads(message),
            "responsePayload": {"errorType": "InvocationError", "errorMessage": "later"},
        }
    )


def from_sns_in_a_failed_invocation(message: str) -> str:
    return in_a_failed_invocation(in_sns_for_lambda(message))


def twice_in_sns(message: str) -> str:
    return in_sns(in_sns(message))


ENVELOPES: list[Wrap] = [
    str,
    in_sns,
    in_sns_for_lambda,
    in_a_failed_invocation,
    from_sns_in_a_failed_invocation,
    twice_in_sns,
]

EXPECTED = ObjectEvent(
    bucket="example-orders",
    key="incoming/monthly report + 100% 日本.json",
    event_name="ObjectCreated:Put",
    event_time=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    version_id="096fKKXTRTtl3on89fVO.nfljtsv6qko",
    etag="d41d8cd98f00b204e9800998ecf8427e",
    size=1024,
    sequencer="0055AED6DCD90281E5",
    region="eu-west-1",
)


@pytest.mark.parametrize("wrap", ENVELOPES)
def test_a_notification_is_found_in_every_envelope(wrap: Wrap) -> None:
    contents = decode(wrap(load("s3_put")))

    assert contents.events == (EXPECTED,)
    assert contents.errors == ()


@pytest.mark.parametrize("wrap", ENVELOPES)
def test_an_eventbridge_event_is_found_in_every_envelope_with_its_key_as_it_is(wrap: Wrap) -> None:
    (event,) = decode(wrap(load("eventbridge_created"))).events

    assert event.key == EXPECTED.key
    assert (event.bucket, event.version_id, event.size) == (
        EXPECTED.bucket,
        EXPECTED.version_id,
        EXPECTED.size,
    )
    assert event.event_name == "ObjectCreated:Put"


@pytest.mark.parametrize("wrap", ENVELOPES)
def test_the_test_event_is_neither_an_event_nor_an_error(wrap: Wrap) -> None:
    contents = decode(wrap(load("s3_test_event")))

    assert (contents.events, contents.errors) == ((), ())


def test_a_removal_has_no_content() -> None:
    (event,) = decode(load("s3_delete")).events

    assert event.is_removal
    assert (event.size, event.etag) == (None, None)


def test_every_record_of_a_message_is_an_event_of_its_own() -> None:
    message = json.loads(load("s3_put"))
    message["Records"] *= 3
    message["Records"][1] = {"s3": {}}

    contents = decode(json.dumps(message))

    assert len(contents.events) == 2
    assert [str(error).split(":")[0] for error in contents.errors] == ["record 1"]


@pytest.mark.parametrize("version", ["2.0", "2.6", "2.99"])
def test_any_version_2_is_read(version: str) -> None:
    assert decode(load("s3_put").replace('"2.1"', f'"{version}"')).events


def test_another_major_version_is_not_guessed_at() -> None:
    (error,) = decode(load("s3_put").replace('"2.1"', '"3.0"')).errors

    assert "version 3.0; known: 2.x" in str(error)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("hello", "not JSON"),
        ("{}", "no S3 event in a known envelope"),
        ("[]", "no S3 event in a known envelope"),
        ("null", "no S3 event in a known envelope"),
        ('{"Records": []}', "no S3 event in a known envelope"),
        ('{"Records": "x"}', "no S3 event in a known envelope"),
        ('{"Records": [1]}', "record 0: not an S3 event"),
        ('{"Type": "Notification", "Message": "hello"}', "not JSON"),
        ('{"Type": "SubscriptionConfirmation", "SubscribeURL": "u"}', "SubscribeURL"),
        ('{"detail-type": "Object Created", "source": "aws.s3", "detail": {}}', "missing required"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_anything_else_is_an_error_with_its_reason(text: str, reason: str) -> None:
    contents = decode(text)

    assert contents.events == ()
    assert [reason in str(error) for error in contents.errors] == [True]


def test_a_key_that_is_no_utf_8_once_decoded_is_an_error() -> None:
    (error,) = decode(load("s3_put").replace("monthly+report", "%FF")).errors

    assert "not UTF-8" in str(error)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("key", "k" * 1025, "has 1,025 bytes; S3 accepts 1 to 1,024"),
        ("key", "%C3%A9" * 513, "has 1,026 bytes"),
        ("size", -1, ">= 0"),
        ("size", 2**63, "<= 9223372036854775807"),
        ("size", 10**25, "Expected `int"),
        ("size", 1.5, "Expected `int"),
        ("size", True, "Expected `int"),
        ("eTag", 'a", "b', "is not an ETag"),
        ("eTag", "a\r\nx-amz-meta-a: 1", "is not an ETag"),
        ("eTag", "é", "is not an ETag"),
        ("versionId", "v\x00", "is not a version id"),
        ("versionId", "v" * 1025, "is not a version id"),
        ("sequencer", "F" * 65, "matching regex"),
        ("sequencer", "0055\n", "matching regex"),
        ("sequencer", "zz", "matching regex"),
    ],
)
def test_what_s3_would_not_say_of_an_object_is_an_error(
    field: str, value: object, reason: str
) -> None:
    notification = json.loads(load("s3_put"))
    notification["Records"].append(json.loads(load("s3_put"))["Records"][0])
    notification["Records"][0]["s3"]["object"][field] = value

    contents = decode(json.dumps(notification))

    assert len(contents.events) == 1
    assert [reason in str(error) for error in contents.errors] == [True]


def test_records_that_no_message_has_room_for_are_one_error() -> None:
    some = json.dumps({"Records": [1] * MAX_RECORDS})
    more = json.dumps({"Records": [1] * (MAX_RECORDS + 1)})

    assert len(decode(some).errors) == MAX_RECORDS
    (error,) = decode(more).errors
    assert str(error) == "more than 20,000 records in one message; S3 sends one"


def test_records_in_records_count_together() -> None:
    inner = json.dumps({"Records": [1] * (MAX_RECORDS // 3)})
    contents = decode(json.dumps({"Records": [{"Sns": {"Message": inner}}] * 10}))

    assert len(contents.errors) == 2 * (MAX_RECORDS // 3) + 8
    assert "more than 20,000 records" in str(contents.errors[-1])


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "10000-01-01T00:00:00Z"]
)
def test_a_time_that_no_clock_has_is_an_error(moment: str) -> None:
    (error,) = decode(load("s3_put").replace("2026-01-02T03:04:05.678Z", moment)).errors

    assert "out of range" in str(error) or "RFC3339" in str(error)


@given(
    key=st.text(min_size=1, max_size=256, alphabet=st.characters(exclude_categories=["Cs"])),
    wrap=st.sampled_from(ENVELOPES),
    size=st.integers(0, 2**50),
)
def test_any_key_survives_any_route(key: str, wrap: Wrap, size: int) -> None:
    notification = json.loads(load("s3_put"))
    notification["Records"][0]["s3"]["object"] |= {"key": quote_plus(key, safe="/"), "size": size}
    event = json.loads(load("eventbridge_created"))
    event["detail"]["object"] |= {"key": key, "size": size}

    for message in (notification, event):
        (found,) = decode(wrap(json.dumps(message))).events
        assert (found.key, found.size) == (key, size)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)
_keys = st.sampled_from(["Records", "s3", "Sns", "Message", "Type", "detail-type", "source"])
_almost = st.dictionaries(_keys, _json | st.sampled_from(["Notification", "aws.s3"]))


@given(st.text() | _json.map(json.dumps) | _almost.map(json.dumps))
def test_no_text_does_anything_but_hold_events_or_errors(text: str) -> None:
    contents: Any = decode(text)

    assert contents.events or contents.errors or "s3:TestEvent" in text
