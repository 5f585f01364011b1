"""A message that SQS would delete before another try could end is dead-lettered with its reason."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from object_consumer import ObjectEvent, ObjectStore, PermanentError, RetryableError, SettingError
from object_consumer.configuration import from_environment
from tests.unit.object_consumer.consumer import Consumer
from tests.unit.object_consumer.deliveries import batch

DAY = 24 * 3600
TIMEOUT = 30.0  # FakeContext's


def by_name(event: ObjectEvent, _store: ObjectStore) -> None:
    match event.key:
        case "retry":
            raise ValueError("not now")
        case "later":
            raise RetryableError("in an hour", retry_after=3600)
        case "permanent":
            raise PermanentError("never")


def consumer(**settings: Any) -> Consumer:
    return Consumer(
        by_name, settings={"retention_seconds": DAY, "max_receive_count": None} | settings
    )


def sent(age: float) -> dict[str, object]:
    """Write when a message was sent, as SQS does."""
    return {"SentTimestamp": str(int((datetime.now(UTC).timestamp() - age) * 1000))}


def kinds(some: Consumer) -> list[tuple[str, str]]:
    return [
        (attributes["ErrorKind"]["StringValue"], attributes["ErrorMessage"]["StringValue"])
        for _, attributes in some.queue.dead_letters
    ]


def test_a_message_that_would_expire_is_dead_lettered_and_says_so() -> None:
    some = consumer()
    # Less is left than another try and the wait for it may take.
    bodies = [some.upload(key) for key in ("retry", "ok", "permanent")]

    assert some(batch(*bodies, system=sent(DAY - 2 * TIMEOUT + 5))) == []
    assert sorted(kinds(some)) == [
        (
            "exhausted",
            "not tried again: the queue's retention ends before another try would; not now",
        ),
        ("permanent", "never"),
    ]


def test_one_that_has_time_left_is_retried_in_time() -> None:
    for _ in range(20):
        some = consumer()
        # By its 30th receive the backoff is up to 15 minutes; 100 s are left to begin another try.
        event = batch(some.upload("retry"), receive_count=30, system=sent(DAY - 2 * TIMEOUT - 100))

        assert some(event) == ["m0"]
        assert 0 <= some.queue.delays["m0"] <= 100


@pytest.mark.parametrize(("left", "kept"), [(3500, False), (3700, True)])
def test_a_delay_that_is_asked_for_is_not_shortened(left: int, kept: bool) -> None:
    some = consumer()

    failed = some(batch(some.upload("later"), system=sent(DAY - 2 * TIMEOUT - left)))

    assert failed == (["m0"] if kept else [])
    assert [kind for kind, _ in kinds(some)] == ([] if kept else ["exhausted"])
    assert some.queue.delays == ({"m0": 3600} if kept else {})


def test_one_that_expires_and_can_not_be_dead_lettered_is_tried_again_as_late_as_is_safe() -> None:
    some = consumer(dead_letter_queue_url=None)

    assert some(batch(some.upload("later"), system=sent(DAY - 2 * TIMEOUT - 500))) == ["m0"]
    assert 490 <= some.queue.delays["m0"] <= 500


def test_what_was_not_started_is_not_left_to_expire_either() -> None:
    left = iter([TIMEOUT])
    some = consumer()
    some.context.remaining = lambda: next(left, 5.0)

    assert some(batch(some.upload("ok"), system=sent(DAY - 10))) == []
    ((kind, message),) = kinds(some)
    assert kind == "exhausted"
    assert "not started" in message


@pytest.mark.parametrize(
    "system",
    [
        {},
        {"SentTimestamp": ""},
        {"SentTimestamp": "yesterday"},
        {"SentTimestamp": "-1"},
        {"SentTimestamp": "1.5"},
        {"SentTimestamp": "9" * 5000},
        {"SentTimestamp": "٣"},
        {"SentTimestamp": None},
        {"SentTimestamp": 7},
        {"SentTimestamp": "9" * 19},
    ],
)
def test_without_a_time_that_sqs_would_write_nothing_is_taken_for_about_to_expire(
    system: dict[str, object],
) -> None:
    some = consumer()

    assert some(batch(some.upload("retry"), system=system)) == ["m0"]


def test_without_the_queue_s_retention_nothing_expires() -> None:
    some = consumer(retention_seconds=None)

    assert some(batch(some.upload("retry"), system=sent(100 * DAY))) == ["m0"]


@pytest.mark.parametrize(
    ("value", "seconds"), [("", None), ("0", None), ("60", 60), ("1209600", 1209600)]
)
def test_the_retention_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str, seconds: int | None
) -> None:
    monkeypatch.setenv("MESSAGE_RETENTION_SECONDS", value)

    assert from_environment().retention_seconds == seconds


@pytest.mark.parametrize("value", ["-1", "a day", "9" * 5000])
def test_a_retention_that_is_none_stops_the_function_at_init(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("MESSAGE_RETENTION_SECONDS", value)

    with pytest.raises(SettingError, match="MESSAGE_RETENTION_SECONDS"):
        from_environment()


def test_a_batch_of_which_some_expire_keeps_the_order_of_its_answer(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    some = consumer()
    event = batch(*(some.upload("retry") for _ in range(3)))
    event["Records"][1]["attributes"] |= sent(DAY)

    assert some(event) == ["m0", "m2"]
    (line,) = [line for line in lines() if line["message"] == "message quarantined"]
    assert line["error_kind"] == "exhausted"
