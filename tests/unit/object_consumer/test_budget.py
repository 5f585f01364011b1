"""Bytes in flight: shared, given back, and refused to threads that outlive their function."""

import threading
from collections.abc import Callable

import pytest

from object_consumer import DeadlineError, ObjectEvent, ObjectStore
from object_consumer.budget import ByteBudget, ObjectReservation
from tests.unit.object_consumer.consumer import Consumer, time_for
from tests.unit.object_consumer.deliveries import batch


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    """Start some work; give the thread and what it raises."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, errors


def test_what_is_held_is_given_back_at_the_end_and_nothing_more_is_taken() -> None:
    budget = ByteBudget(100)
    reservation = ObjectReservation(budget)
    reservation.reserve(60)
    reservation.reserve(60)

    reservation.end()

    assert (budget.held, reservation.held) == (0, 0)
    for size in (0, 1, 1000):
        with pytest.raises(DeadlineError, match="its function has returned"):
            reservation.reserve(size)
    assert budget.held == 0


def test_a_thread_that_waits_for_bytes_is_refused_when_its_function_returns() -> None:
    budget = ByteBudget(100)
    first, second, third = (
        ObjectReservation(budget),
        ObjectReservation(budget),
        ObjectReservation(budget),
    )
    first.reserve(100)
    straggler, refused = in_thread(lambda: second.reserve(50))
    waiting, failed = in_thread(lambda: third.reserve(50))

    second.end()
    straggler.join(10)
    assert [type(error) for error in refused] == [DeadlineError]
    first.end()
    waiting.join(10)

    assert failed == []
    assert budget.held == 50


def test_what_an_abandoned_function_holds_stays_until_it_returns() -> None:
    budget = ByteBudget(100)
    reservation = ObjectReservation(budget)
    reservation.reserve(60)

    reservation.abandon()

    with pytest.raises(DeadlineError):
        reservation.reserve(1)
    assert (budget.held, reservation.held) == (60, 60)
    reservation.end()
    assert (budget.held, reservation.held) == (0, 0)


def test_a_thread_that_reads_after_its_function_returned_starves_nobody() -> None:
    returned = threading.Event()
    stragglers: list[tuple[threading.Thread, list[BaseException]]] = []

    def author(event: ObjectEvent, store: ObjectStore) -> None:
        if event.key == "first":

            def read_late() -> None:
                returned.wait(10)
                store.read(event)

            stragglers.append(in_thread(read_late))
        else:
            returned.set()
            # The first object's function has returned: only one runs at a time.
            thread, _ = stragglers[0]
            thread.join(10)
            store.read(event)

    consumer = Consumer(author, concurrency=1, bytes_in_flight=10, context=time_for(20))
    bodies = [consumer.upload(key, b"x" * 10) for key in ("first", "second")]

    assert consumer(batch(*bodies)) == []
    ((_, errors),) = stragglers
    assert [type(error) for error in errors] == [DeadlineError]
