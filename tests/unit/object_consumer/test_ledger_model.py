"""Deliveries, duplicates, reordering, crashes at every step, lost acknowledgements: a model.

Objects are overwritten; each version has an event, which a queue delivers at least once and in any
order to workers that claim, apply, complete and acknowledge, and may die between any two steps.
However it goes, in the end the newest version is the one in effect, nothing is left in PROCESSING,
nobody applied an older version over a newer one, and a version was applied once unless a worker
died between applying and completing it.
"""

from collections import Counter
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from object_consumer import ObjectEvent, RetryableError, SkippedError
from object_consumer.ledger import Claim, Failure, MemoryLedger, ObjectState
from object_consumer.testing import make_event

KEYS = ["a", "b"]
LEASE_SECONDS = 40
# Six times the function's timeout, which is three quarters of the lease.
HIDDEN_MS = 180_000
TIMEOUT_MS = 30_000


@dataclass(eq=False)
class Message:
    """An event in the queue; hidden until then, in milliseconds."""

    event: ObjectEvent
    hidden_until: int = 0


@dataclass(eq=False)
class Worker:
    """A delivery under way: what it will do next, and when Lambda ends it."""

    message: Message
    dies_at: int
    claim: Claim | None = None
    step: str = "claim"


class Deliveries(RuleBasedStateMachine):
    """The queue, the workers, and what is in effect."""

    @initialize()
    def begin(self) -> None:
        self.ledger = MemoryLedger()
        self.versions: Counter[str] = Counter()
        self.queue: list[Message] = []
        self.workers: list[Worker] = []
        self.in_effect: dict[str, int] = {}
        self.applied: Counter[tuple[str, int]] = Counter()
        self.died_after_applying: Counter[tuple[str, int]] = Counter()

    @rule(key=st.sampled_from(KEYS))
    def upload(self, key: str) -> None:
        self.versions[key] += 1
        number = self.versions[key]
        event = make_event(key, version_id=f"v{number}", sequencer=f"{number:016X}")
        self.queue.append(Message(event))

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def duplicate(self, data: st.DataObject) -> None:
        self.queue.append(Message(data.draw(st.sampled_from(self.queue)).event))

    @precondition(lambda self: self._visible())
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        self._deliver(data.draw(st.sampled_from(self._visible())))

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        self._step(data.draw(st.sampled_from(self.workers)))

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        self._die(data.draw(st.sampled_from(self.workers)))

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        """A downstream fails: the worker records it and gives the message back."""
        worker = data.draw(st.sampled_from(self.workers))
        if worker.step == "apply" and worker.claim is not None:
            self.ledger.fail(worker.claim, Failure("retry"))
            worker.message.hidden_until = self.ledger.now
            self.workers.remove(worker)

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def lose_the_acknowledgement(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        if worker.step == "acknowledge":
            self.workers.remove(worker)

    @rule(seconds=st.sampled_from([1, 29, 41, 181]))
    def wait(self, seconds: int) -> None:
        self.ledger.now += seconds * 1000
        for worker in [some for some in self.workers if some.dies_at <= self.ledger.now]:
            self._die(worker)

    @invariant()
    def nobody_applies_an_older_version_over_a_newer_one(self) -> None:
        for (key, number), times in getattr(self, "applied", {}).items():
            crashes = self.died_after_applying[key, number]
            assert times <= 1 + crashes, f"{key} v{number} applied {times} times"

    def teardown(self) -> None:
        """Let everything come to its end, without further trouble."""
        if not hasattr(self, "ledger"):
            return
        for _ in range(10 * (len(self.queue) + len(self.workers) + 1)):
            while self.workers:
                self._step(self.workers[0])
            if not self.queue:
                break
            self.ledger.now += HIDDEN_MS
            for message in self._visible():
                self._deliver(message)
                while self.workers:
                    self._step(self.workers[0])
        assert self.queue == []
        assert self.in_effect == dict(self.versions)
        assert {item.state for item in self.ledger.items.values()} <= {ObjectState.SUCCEEDED}

    def _visible(self) -> list[Message]:
        return [some for some in self.queue if some.hidden_until <= self.ledger.now]

    def _deliver(self, message: Message) -> None:
        message.hidden_until = self.ledger.now + HIDDEN_MS
        self.workers.append(Worker(message, dies_at=self.ledger.now + TIMEOUT_MS))

    def _die(self, worker: Worker) -> None:
        self.workers.remove(worker)
        if worker.step == "complete":
            event = worker.message.event
            self.died_after_applying[event.key, self._number(event)] += 1

    def _step(self, worker: Worker) -> None:
        event = worker.message.event
        match worker.step:
            case "claim":
                try:
                    worker.claim = self.ledger.claim(
                        event, seconds=LEASE_SECONDS, attempts=1, request_id="r"
                    )
                    worker.step = "apply"
                except SkippedError:
                    worker.step = "acknowledge"
                except RetryableError as error:
                    delay = int((error.retry_after or 0) * 1000)
                    worker.message.hidden_until = self.ledger.now + delay
                    self.workers.remove(worker)
            case "apply":
                number = self._number(event)
                newest = self.in_effect.get(event.key, 0)
                assert number >= newest, f"{event.key} v{number} applied over v{newest}"
                self.in_effect[event.key] = number
                self.applied[event.key, number] += 1
                worker.step = "complete"
            case "complete":
                assert worker.claim is not None
                self.ledger.complete(worker.claim, {})
                worker.step = "acknowledge"
            case "acknowledge":
                self.workers.remove(worker)
                if worker.message in self.queue:
                    self.queue.remove(worker.message)

    @staticmethod
    def _number(event: ObjectEvent) -> int:
        return int(event.sequencer or "", 16)


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
