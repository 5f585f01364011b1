"""Nothing that one object's function does, and no message, reaches another object of the batch."""

import json
import threading
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from object_consumer import (
    ObjectEvent,
    ObjectNotFoundError,
    ObjectStore,
    PermanentError,
    RetryableError,
    SkippedError,
)
from object_consumer.envelopes import decode
from object_consumer.ledger import MemoryLedger
from object_consumer.testing import make_event
from tests.unit.object_consumer.consumer import Consumer, time_for
from tests.unit.object_consumer.deliveries import batch, notification

type Lines = Callable[[], list[dict[str, Any]]]


class Bomb:
    """A value, a text, a number: whatever it is taken for, it raises."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def _explode(self, *_: object) -> Any:
        raise self.error

    __repr__ = __str__ = __float__ = __iter__ = __len__ = __hash__ = __eq__ = _explode


class Items(UserDict[str, object]):
    """A mapping whose items are what the test says."""

    def items(self) -> Any:
        items: Any = self["items"]
        return items()


class Text(str):
    """A text with code of its own."""

    __slots__ = ()

    def __hash__(self) -> int:
        raise ValueError("no hash")

    def __str__(self) -> Self:
        return self

    def __getitem__(self, _: object) -> Self:
        raise ValueError("no part")


class UninitializedError(RetryableError):
    """An error that skips its base class's initializer."""

    def __init__(self) -> None:
        pass


class UninitializedSkipError(SkippedError):
    """As above."""

    def __init__(self) -> None:
        pass


class UninitializedNotFoundError(ObjectNotFoundError):
    """As above."""

    def __init__(self) -> None:
        pass


class UnprintableError(Exception):
    """An error without a text."""

    def __str__(self) -> str:
        raise SystemExit(3)

    __repr__ = __str__


class LiarError(Exception):
    """An error that raises when it is asked for its class."""

    @property
    def __class__(self) -> Any:
        raise KeyboardInterrupt

    @__class__.setter
    def __class__(self, _: Any) -> None: ...


class PropertyError(RetryableError):
    """An error whose wish for a delay is code."""

    @property
    def retry_after(self) -> float:
        raise KeyboardInterrupt

    @retry_after.setter
    def retry_after(self, _: object) -> None: ...


def raised(error: BaseException) -> Callable[[], Any]:
    def author() -> Any:
        raise error

    return author


def generator() -> Iterator[int]:
    yield 1


async def coroutine() -> None:
    pass


def endless() -> Iterator[tuple[str, object]]:
    number = 0
    while True:
        number += 1
        yield f"field{number}", number


def nested() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


LOOP: dict[str, object] = {}
LOOP["self"] = LOOP

HOSTILE: dict[str, tuple[Callable[[], Any], str]] = {
    "a delay that is a text": (raised(RetryableError("x", retry_after="30")), "retry"),  # type: ignore[arg-type]
    "a delay that is no number": (raised(RetryableError("x", retry_after="soon")), "retry"),  # type: ignore[arg-type]
    "a delay that raises": (
        raised(RetryableError("x", retry_after=Bomb(SystemExit()))),  # type: ignore[arg-type]
        "retry",
    ),
    "a delay without end": (raised(RetryableError("x", retry_after=float("inf"))), "retry"),
    "a delay beyond floats": (raised(RetryableError("x", retry_after=10**400)), "retry"),
    "a delay before now": (raised(RetryableError("x", retry_after=-5)), "retry"),
    "a delay that is code": (raised(PropertyError("x")), "retry"),
    "no initializer": (raised(UninitializedError()), "retry"),
    "no initializer of a skip": (raised(UninitializedSkipError()), "skipped"),
    "no initializer of a permanent error": (raised(UninitializedNotFoundError()), "permanent"),
    "a reason that raises": (raised(SkippedError(Bomb(KeyError()))), "skipped"),  # type: ignore[arg-type]
    "a reason that is endless": (raised(SkippedError("x" * 10_000_000)), "skipped"),
    "an error without a text": (raised(UnprintableError()), "retry"),
    "an error that hides its class": (raised(LiarError()), "retry"),
    "a permanent error with a bomb": (raised(PermanentError(Bomb(KeyError()))), "permanent"),
    "a text that is no UTF-8": (raised(PermanentError("\ud800")), "permanent"),
    "a group of errors": (raised(BaseExceptionGroup("x", [SystemExit(1)])), "retry"),
    "the end of the interpreter": (raised(SystemExit(1)), "retry"),
    "an interrupt": (raised(KeyboardInterrupt()), "retry"),
    "the end of a generator": (raised(GeneratorExit()), "retry"),
    "the end of an iteration": (raised(StopIteration()), "retry"),
    "no memory": (raised(MemoryError()), "retry"),
    "too deep": (raised(RecursionError()), "retry"),
    "a generator": (generator, "retry"),
    "a coroutine": (coroutine, "retry"),
    "a field that raises": (lambda: {"a": Bomb(KeyError()), "b": 1}, "done"),
    "a field that ends": (lambda: {"a": Bomb(SystemExit()), "b": 1}, "done"),
    "a name that raises": (lambda: Items(items=lambda: [(Bomb(KeyError()), 1)]), "done"),
    "a name with code": (lambda: Items(items=lambda: [(Text("a"), Text("b"))]), "done"),
    "items that raise": (lambda: Items(items=raised(KeyboardInterrupt())), "done"),
    "items that are none": (lambda: Items(items=lambda: [1, 2]), "done"),
    "items without end": (lambda: Items(items=endless), "done"),
    "a field without end": (lambda: {"a": endless()}, "done"),
    "a field that holds itself": (lambda: LOOP, "done"),
    "a field too deep": (lambda: {"a": nested()}, "done"),
    "a number too long": (lambda: {"a": 10**5000, "b": 2**70, "c": float("nan")}, "done"),
    "a field that is no UTF-8": (lambda: {"a\ud800": "\ud800"}, "done"),
    "a class that is told wrong": (lambda: SimpleNamespace(__class__=dict), "done"),
    "something else": (object, "done"),
}


@pytest.mark.parametrize("with_ledger", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_its_mates_run_and_every_message_has_its_verdict(
    name: str, with_ledger: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    act, outcome = HOSTILE[name]
    calls: list[str] = []

    def author(event: ObjectEvent, _store: ObjectStore) -> Any:
        calls.append(event.key)
        return act() if event.key == "hostile" else None

    consumer = Consumer(
        author,
        concurrency=1,
        ledger=MemoryLedger() if with_ledger else None,
        context=time_for(20),
    )
    bodies = [consumer.upload(key) for key in ("a", "hostile", "b")]

    failed = consumer(batch(*bodies))

    assert calls == ["a", "hostile", "b"]
    assert failed == (["m1"] if outcome == "retry" else [])
    assert len(consumer.queue.dead_letters) == (outcome == "permanent")
    written = capsys.readouterr()
    lines = {
        line["key"]: line for line in map(json.loads, written.out.splitlines()) if "key" in line
    }
    assert {key: line["outcome"] for key, line in lines.items()} == {
        "a": "done",
        "b": "done",
        "hostile": outcome,
    }
    assert written.err == ""


@pytest.mark.parametrize(
    ("asked", "delay"), [("30", 30), (10**400, None), ("soon", None), (-5, 0), (True, 1)]
)
def test_a_delay_is_read_as_a_number_or_not_at_all(asked: Any, delay: int | None) -> None:
    consumer = Consumer(lambda _event, _store: raised(RetryableError("x", retry_after=asked))())

    assert consumer(batch(consumer.upload("a"))) == ["m0"]
    assert consumer.queue.delays["m0"] == delay or (
        delay is None and consumer.queue.delays["m0"] <= 20
    )


def test_what_a_function_returns_is_read_once_and_in_its_own_thread(lines: Lines) -> None:
    readers: list[threading.Thread] = []

    class Watched:
        def __repr__(self) -> str:
            readers.append(threading.current_thread())
            return "text"

    def author(_event: ObjectEvent, _store: ObjectStore) -> Mapping[str, object]:
        author_threads.append(threading.current_thread())
        return {"value": Watched(), "nested": {"deep": [Watched()]}}

    author_threads: list[threading.Thread] = []
    consumer = Consumer(author, ledger=MemoryLedger())

    assert consumer(batch(consumer.upload("a"))) == []
    assert readers == author_threads * 2
    (line,) = lines()
    assert (line["value"], line["nested"]) == ("text", {"deep": ["text"]})


def test_a_function_of_which_nothing_ran_is_not_taken_for_done(lines: Lines) -> None:
    consumer = Consumer(lambda _event, _store: generator())  # type: ignore[return-value, arg-type]

    assert consumer(batch(consumer.upload("a"))) == ["m0"]
    (line,) = lines()
    assert line["error_message"].startswith("the function returned a generator, so its code")


def test_a_job_of_the_runtime_that_fails_ends_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from object_consumer.batch import Batch  # noqa: PLC0415

    settle = Batch._settle

    def fail_first(self: Batch, delivery: Any) -> None:
        if delivery.message.id == "m0":
            raise MemoryError
        settle(self, delivery)

    monkeypatch.setattr(Batch, "_settle", fail_first)
    consumer = Consumer(lambda _event, _store: None, concurrency=1)

    assert consumer(batch(*(consumer.upload(key) for key in "abc"))) == ["m0"]
    assert "MemoryError" in capsys.readouterr().err


SHAPES = [
    "%s",
    '{"Records":[%s]}',
    '{"Records":[{"s3":%s}]}',
    '{"Records":[{"Sns":{"Message":%s}}]}',
    '{"detail-type":"x","source":"aws.s3","detail":%s}',
    '{"requestPayload":%s,"requestContext":1}',
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}")])
def test_json_of_any_depth_is_an_error_of_its_message_alone(
    shape: str, begin: str, end: str
) -> None:
    # The interpreter's limit is near 10,000, and each step towards it is a path of its own.
    for depth in [*range(9_980, 10_005), 100_000]:
        inner = begin * depth + ("1" if end == "}" else "") + end * depth
        contents = decode(shape % inner)
        assert contents.events == ()
        assert len(contents.errors) == 1


def test_a_message_nested_too_deeply_is_dead_lettered_and_its_mates_are_done() -> None:
    consumer = Consumer(lambda _event, _store: None)
    deep = ["[" * depth + "]" * depth for depth in range(9_985, 10_001)]

    assert consumer(batch(*deep, consumer.upload("a"))) == []
    assert len(consumer.queue.dead_letters) == len(deep)


def test_a_direct_event_that_can_not_be_written_as_json_is_an_error() -> None:
    from object_consumer.messages import InvocationError  # noqa: PLC0415

    consumer = Consumer(lambda _event, _store: None, settings={"dead_letter_queue_url": None})
    for event in (nested(), {"Records": nested()}, "\ud800", {"a": 10**30}):
        with pytest.raises(InvocationError, match="MessageFormatError"):
            consumer(event)


def test_reasons_are_bounded_however_many_there_are() -> None:
    def author(event: ObjectEvent, _store: ObjectStore) -> None:
        raise PermanentError(event.key * 4_000)

    consumer = Consumer(author)
    body = notification(*(make_event(f"{number:04}") for number in range(500)))

    assert consumer(batch(body)) == []
    ((_, attributes),) = consumer.queue.dead_letters
    assert len(attributes["ErrorMessage"]["StringValue"]) == 1024


@given(
    st.lists(
        st.dictionaries(
            st.text(),
            st.none() | st.text() | st.floats() | st.dictionaries(st.text(), st.text()),
        ),
        max_size=3,
    )
)
def test_attributes_of_any_form_end_no_batch(attributes: list[dict[str, Any]]) -> None:
    consumer = Consumer(raised_permanently)
    event = batch(*(consumer.upload(str(number)) for number in range(3)))
    for record, some in zip(event["Records"], attributes, strict=False):
        record["messageAttributes"] = some

    assert consumer(event) == []
    assert len(consumer.queue.dead_letters) == 3


def raised_permanently(_event: ObjectEvent, _store: ObjectStore) -> None:
    raise PermanentError("never")
