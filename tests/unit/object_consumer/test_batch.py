"""A batch is processed side by side, in order where it has one, and in the time there is."""

import threading
from collections.abc import Callable
from typing import Any

from object_consumer import (
    ObjectEvent,
    ObjectStore,
    PermanentError,
    RetryableError,
)
from tests.unit.object_consumer.consumer import Consumer, FakeContext
from tests.unit.object_consumer.deliveries import batch

type Lines = Callable[[], list[dict[str, Any]]]


def test_the_same_object_twice_in_a_batch_is_handled_once() -> None:
    calls: list[str] = []
    consumer = Consumer(lambda event, _store: calls.append(event.key))
    body = consumer.upload("a")

    assert consumer(batch(body, body, consumer.upload("b"))) == []
    assert sorted(calls) == ["a", "b"]


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

    before = threading.enumerate()
    assert consumer(batch(slow, quick)) == ["m0"]
    first = lines()
    release.set()
    for thread in set(threading.enumerate()) - set(before):
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
