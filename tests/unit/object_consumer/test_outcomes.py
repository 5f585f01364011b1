"""What becomes of a message: done, retried, or dead-lettered with its reason."""

import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from object_consumer import (
    ObjectEvent,
    ObjectStore,
    PermanentError,
    RetryableError,
    SkippedError,
)
from object_consumer.messages import InvocationError
from object_consumer.testing import make_event
from operations import originals
from tests.unit.object_consumer.consumer import Consumer, FakeContext
from tests.unit.object_consumer.deliveries import batch, notification

type Lines = Callable[[], list[dict[str, Any]]]


def read(event: ObjectEvent, store: ObjectStore) -> dict[str, object]:
    return {"bytes": len(store.read(event))}


def by_name(event: ObjectEvent, store: ObjectStore) -> None:
    """Do what the object's name says."""
    match event.key:
        case "permanent":
            raise PermanentError("never will")
        case "retry":
            raise RetryableError("later", retry_after=7)
        case "bug":
            raise KeyError("missing")
        case "skip":
            raise SkippedError("nothing to do")
        case "exit":
            raise SystemExit(1)


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


def test_the_same_object_twice_in_a_batch_is_handled_once() -> None:
    calls: list[str] = []
    consumer = Consumer(lambda event, _store: calls.append(event.key))
    body = consumer.upload("a")

    assert consumer(batch(body, body, consumer.upload("b"))) == []
    assert sorted(calls) == ["a", "b"]


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


def test_what_an_author_returns_replaces_no_field_of_the_line(lines: Lines) -> None:
    consumer = Consumer(lambda _event, _store: {"level": "DEBUG", "request_id": "x", "mine": 1})

    consumer(batch(consumer.upload("a")))

    (line,) = [line for line in lines() if line.get("key") == "a"]
    assert (line["level"], line["request_id"], line["mine"]) == ("INFO", "request-1", 1)


def test_a_long_error_message_is_cut_so_that_its_line_fits(lines: Lines) -> None:
    def author(_event: ObjectEvent, _store: ObjectStore) -> None:
        raise RetryableError("x" * 1_000_000)

    consumer = Consumer(author)

    consumer(batch(consumer.upload("a")))

    (line,) = [line for line in lines() if line.get("key") == "a"]
    assert 0 < len(line["error_message"]) < 10_000


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


def test_when_time_runs_out_nothing_is_started_and_nothing_is_lost() -> None:
    calls: list[str] = []
    left = iter([30.0])
    consumer = Consumer(
        lambda event, _store: calls.append(event.key),
        context=FakeContext(remaining=lambda: next(left, 5.0)),
    )

    assert consumer(batch(consumer.upload("a"), consumer.upload("b"))) == ["m0", "m1"]
    assert calls == []
    assert consumer.queue.delays == {"m0": 0, "m1": 0}


def test_a_slow_object_is_retried_and_the_finished_ones_are_not(lines: Lines) -> None:
    release, others_done = threading.Event(), threading.Barrier(2)
    refused: list[BaseException] = []

    def author(event: ObjectEvent, store: ObjectStore) -> None:
        if event.key != "slow":
            others_done.wait(10)
            return
        others_done.wait(10)
        release.wait(10)
        try:
            store.write("b", "late", b"", content_type="text/plain")
        except BaseException as error:
            refused.append(error)
            raise

    done = threading.Event()

    def remaining() -> float:
        # Time runs out once the quick object is logged as done.
        return 1.0 if done.is_set() else 30.0

    consumer = Consumer(author, context=FakeContext(remaining=remaining))
    slow, quick = consumer.upload("slow"), consumer.upload("quick")
    original = consumer.author

    def watched(event: ObjectEvent, store: ObjectStore) -> None:
        original(event, store)
        done.set()

    consumer.author = watched

    assert consumer(batch(slow, quick)) == ["m0"]
    first = lines()
    release.set()
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(10)
    assert [type(error).__name__ for error in refused] == ["DeadlineError"]
    assert {line["key"]: line["outcome"] for line in first} == {"quick": "done", "slow": "retry"}
    assert lines() == []


def test_a_fifo_group_is_processed_in_order_and_stops_at_its_first_failure() -> None:
    calls: list[str] = []

    def author(event: ObjectEvent, _store: ObjectStore) -> None:
        calls.append(event.key)
        if event.key.endswith("retry"):
            raise RetryableError("later")
        if event.key.endswith("permanent"):
            raise PermanentError("never")

    consumer = Consumer(author)
    names = ["a1", "b1", "a2-retry", "b2-permanent", "a3", "b3"]
    bodies = [consumer.upload(name) for name in names]

    failed = consumer(batch(*bodies, groups=[name[0] for name in names]))

    assert failed == ["m2", "m4"]
    assert [name for name in calls if name[0] == "a"] == ["a1", "a2-retry"]
    assert [name for name in calls if name[0] == "b"] == ["b1", "b2-permanent", "b3"]


def test_objects_of_a_batch_run_side_by_side_up_to_the_limit() -> None:
    together = threading.Barrier(4)
    running, most = 0, 0
    lock = threading.Lock()

    def author(_event: ObjectEvent, _store: ObjectStore) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(10)
        with lock:
            running -= 1

    consumer = Consumer(author, concurrency=4)

    assert consumer(batch(*(consumer.upload(str(n)) for n in range(8)))) == []
    assert most == 4


def test_bytes_in_flight_are_bounded_and_a_larger_object_still_gets_through() -> None:
    lock = threading.Lock()
    held, most = 0, 0

    def author(event: ObjectEvent, store: ObjectStore) -> None:
        nonlocal held, most
        size = len(store.read(event))
        with lock:
            held += size
            most = max(most, held)
        with lock:
            held -= size

    consumer = Consumer(author, bytes_in_flight=100)
    bodies = [consumer.upload(str(n), b"x" * 40) for n in range(10)]

    assert consumer(batch(*bodies, consumer.upload("large", b"x" * 500))) == []
    assert most <= 500


def test_metrics_count_each_outcome_once(lines: Lines) -> None:
    consumer = Consumer(
        by_name, settings={"metrics_namespace": "N", "pipeline": "p", "consumer": "c"}
    )
    consumer(batch(*(consumer.upload(name) for name in ("ok", "permanent", "retry", "skip"))))

    (metrics,) = [line for line in lines() if "_aws" in line]
    assert [
        metrics[name]
        for name in ("ObjectsDone", "ObjectsQuarantined", "ObjectsRetried", "ObjectsSkipped")
    ] == [1, 1, 1, 1]
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Pipeline", "Consumer"]]
