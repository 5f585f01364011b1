"""Work grows with what a batch holds, and no faster; counted in calls, which take no clock."""

from collections.abc import Callable

import pytest

from object_consumer.testing import make_event
from tests.unit.counting import calls
from tests.unit.object_consumer.consumer import Consumer
from tests.unit.object_consumer.deliveries import batch, notification


def many_records(number: int) -> object:
    return batch(notification(*(make_event(f"k{n}", size=1) for n in range(number))))


def many_records_without_objects(number: int) -> object:
    return batch({"Records": [{"s3": {}}] * number})


def many_messages(number: int) -> object:
    return batch(*(notification(make_event(f"k{n}", size=1)) for n in range(number)))


def one_object_in_many_messages(number: int) -> object:
    return batch(*[notification(make_event("k", size=1))] * number)


def one_object_in_many_records(number: int) -> object:
    return batch(notification(*[make_event("k", size=1)] * number))


def one_group(number: int) -> object:
    return batch(
        *(notification(make_event(f"k{n}", size=1)) for n in range(number)), groups=["g"] * number
    )


@pytest.mark.parametrize(
    "make",
    [
        many_records,
        many_records_without_objects,
        many_messages,
        one_object_in_many_messages,
        one_object_in_many_records,
        one_group,
    ],
)
@pytest.mark.parametrize("fails", [False, True])
def test_twice_as_much_takes_twice_as_long(
    make: Callable[[int], object], fails: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    def author(_event: object, _store: object) -> None:
        if fails:
            raise KeyError("x")

    def work(number: int) -> int:
        event = make(number)
        return calls(lambda: Consumer(author, concurrency=1)(event))

    work(10)  # what is done once
    few, more = work(100), work(400)
    capsys.readouterr()

    assert more < 4.4 * few


def test_a_comparison_of_a_message_with_all_others_would_be_seen() -> None:
    # What the test above counts, of the way messages were settled before: each object of a message
    # asked all others whether they were done.
    def settle(number: int) -> None:
        done: list[bool | None] = [None] * number
        for position in range(number):
            done[position] = True
            all(some is not None for some in done)

    assert calls(lambda: settle(400)) > 4.4 * calls(lambda: settle(100))
