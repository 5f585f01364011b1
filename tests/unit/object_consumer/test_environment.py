"""Threads that hang are counted over all invocations; with too many the environment ends itself."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from object_consumer import ObjectEvent, ObjectStore
from object_consumer.environment import MAX_HUNG_THREADS, ExecutionEnvironment
from object_consumer.messages import InvocationError
from object_consumer.workers import Workers
from tests.unit.object_consumer.consumer import Consumer, FakeContext
from tests.unit.object_consumer.deliveries import batch

type Lines = Callable[[], list[dict[str, Any]]]


class Environment(ExecutionEnvironment):
    """An environment that tells when the process would end."""

    ends = 0

    def end(self) -> None:
        self.ends += 1


def time_up_after(reached: Callable[[], object], left: float) -> Callable[[], float]:
    """Make a clock by which time is up once the runtime waits for the objects.

    Parameters
    ----------
    reached
        Returns when the objects are as far as they have to be; called once.
    left
        The seconds that are left then.
    """
    main, asked = threading.current_thread(), 0

    def remaining() -> float:
        nonlocal asked
        if threading.current_thread() is not main:
            return 30.0
        asked += 1
        if asked <= 2:  # the function's timeout, and whether there is time for the objects
            return 30.0
        if asked == 3:
            reached()
        return left

    return remaining


@dataclass
class Hanging:
    """A consumer whose function hangs, in an environment of its own, until it is let go."""

    release: threading.Event = field(default_factory=threading.Event)
    environment: Environment = field(default_factory=lambda: Environment(1_000, grace=0))
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.consumer = Consumer(self.author, environment=self.environment, concurrency=40)

    def author(self, event: ObjectEvent, store: ObjectStore) -> None:
        self.calls.append(event.key)
        if event.key.startswith("hang"):
            store.read(event)
            self.begun.release()
            self.release.wait(30)

    def hang(self, number: int, *, size: int = 0) -> list[str]:
        """Hand over as many objects; time is up once all of them hang."""
        bodies = [self.consumer.upload(f"hang{n}", b"x" * size) for n in range(number)]

        def let_all_begin() -> None:
            for _ in range(number):
                assert self.begun.acquire(timeout=10)

        # Enough is left for the last requests.
        self.consumer.context = FakeContext(remaining=time_up_after(let_all_begin, 1.6))
        try:
            return self.consumer(batch(*bodies))
        finally:
            self.consumer.context = FakeContext()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    """Yield a consumer that hangs; let its threads go at the end."""
    some = Hanging()
    yield some
    some.release.set()


def test_a_few_threads_that_hang_are_borne(hanging: Hanging) -> None:
    assert len(hanging.hang(40)) == 40
    assert hanging.environment.hung_threads() == 40

    assert hanging.consumer(batch(hanging.consumer.upload("a"))) == []
    assert hanging.environment.ends == 0


def test_with_too_many_the_environment_ends_before_anything_is_started(
    hanging: Hanging, lines: Lines
) -> None:
    hanging.hang(40)
    hanging.hang(40)
    lines()

    with pytest.raises(InvocationError, match="execution environment is given up"):
        hanging.consumer(batch(*(hanging.consumer.upload(key) for key in "ab")))

    assert hanging.environment.ends == 1
    assert not {"a", "b"} & set(hanging.calls)
    # Another environment takes the messages at once.
    assert {name: hanging.consumer.queue.delays[name] for name in ("m0", "m1")} == {
        "m0": 0,
        "m1": 0,
    }
    (line,) = lines()
    assert (line["level"], line["hung_threads"]) == ("ERROR", 80)
    assert line["message"].startswith("execution environment given up")
    assert hanging.environment.hung_threads() >= MAX_HUNG_THREADS


def test_with_too_many_bytes_it_ends_as_well(hanging: Hanging, lines: Lines) -> None:
    hanging.hang(2, size=499)
    assert hanging.consumer(batch(hanging.consumer.upload("a"))) == []
    hanging.hang(1, size=2)
    lines()

    with pytest.raises(InvocationError, match="execution environment is given up"):
        hanging.consumer(batch(hanging.consumer.upload("b")))
    (line,) = lines()
    assert (line["hung_threads"], line["hung_bytes"]) == (3, 1000)


def test_threads_that_end_are_forgotten(hanging: Hanging) -> None:
    hanging.hang(40, size=30)
    assert (hanging.environment.hung_threads(), hanging.environment.hung_bytes()) == (40, 1200)

    hanging.release.set()

    give_up = time.monotonic() + 10
    while hanging.environment.hung_threads() and time.monotonic() < give_up:
        time.sleep(0.01)
    assert (hanging.environment.hung_threads(), hanging.environment.hung_bytes()) == (0, 0)
    assert hanging.consumer(batch(hanging.consumer.upload("a"))) == []


def test_threads_that_end_within_the_grace_are_waited_for(hanging: Hanging) -> None:
    hanging.environment = hanging.consumer.environment = Environment(1_000, grace=30)
    hanging.hang(40)
    hanging.hang(40)
    threading.Timer(0.1, hanging.release.set).start()

    assert hanging.consumer(batch(hanging.consumer.upload("a"))) == []
    assert hanging.environment.ends == 0


def test_what_hung_settles_nothing_once_the_answer_is_given() -> None:
    begun, release = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def author(_event: ObjectEvent, _store: ObjectStore) -> None:
        threads.append(threading.current_thread())
        begun.set()
        release.wait(10)

    # Too little is left even for a message's last request.
    clock = time_up_after(lambda: begun.wait(10), 0.1)
    consumer = Consumer(author, context=FakeContext(remaining=clock))

    # On its last receive it would be dead-lettered; but that it is retried is answered already.
    assert consumer(batch(consumer.upload("a"), receive_count=5)) == ["m0"]
    release.set()
    threads[0].join(10)
    assert consumer.queue.dead_letters == []


def test_the_end_waits_for_no_thread() -> None:
    hangs = (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "from object_consumer.environment import ExecutionEnvironment\n"
        "ExecutionEnvironment(1).end()\n"
    )

    ended = subprocess.run([sys.executable, "-c", hangs], timeout=30, check=False)

    assert ended.returncode == 1


def test_workers_that_have_ended_do_not_count() -> None:
    environment = Environment(1_000, grace=0)
    for _ in range(20):
        workers = Workers([lambda: None] * 64, concurrency=64)
        assert workers.run(lambda: 10)
        environment.leave([workers], [])

    # Their threads may not have returned yet.
    assert environment.hung_threads() == 0
    assert not environment.is_exhausted()


def test_where_no_thread_can_be_started_everything_is_retried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    consumer = Consumer(lambda _event, _store: None)
    body = consumer.upload("a")
    monkeypatch.setattr(threading.Thread, "start", fail)

    assert consumer(batch(body, "junk")) == ["m0", "m1"]


def test_some_threads_do_the_jobs_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    start, left = threading.Thread.start, iter([True, True])

    def start_two(thread: threading.Thread) -> None:
        if not next(left, False):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_two)
    done: list[int] = []

    assert Workers([lambda: done.append(1)] * 10, concurrency=5).run(lambda: 10)
    assert len(done) == 10
