"""Deliveries, duplicates, reordering, crashes at every step, lost acknowledgements: a model.

Objects are overwritten; each version has an event, which a queue delivers at least once and in any
order to workers that claim, apply, complete and acknowledge, and may die between any two steps.
Some versions take several invocations, one for each of their parts: a worker applies a part,
suspends the claim, sends the message again and acknowledges it.

However it goes, in the end the newest version is the one in effect with all its parts, nothing is
left in PROCESSING, nobody applied an older version over a newer one or went on with the cursor of
another version, and a part was applied once unless a worker died or lost its claim between applying
it and recording that, or another version was applied in between.
"""

from collections import Counter
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from object_consumer import ObjectEvent, RetryableError, SkippedError
from object_consumer.ledger import Claim, Failure, LedgerItem, MemoryLedger, ObjectState
from object_consumer.testing import make_event

KEYS = ["a", "b"]
LEASE_SECONDS = 40
# Six times the function's timeout, which is three quarters of the lease.
HIDDEN_MS = 180_000
TIMEOUT_MS = 30_000
PARTS = {"a": 1, "b": 3}


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
    part: int = 0
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
        # The parts of the version in effect.
        self.parts: dict[str, list[int]] = {}
        self.applied: Counter[tuple[str, int, int]] = Counter()
        # How often a part may have to be applied again.
        self.excused: Counter[tuple[str, int, int]] = Counter()

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

    @precondition(lambda self: self._visible())
    @rule(data=st.data())
    def invoke(self, data: st.DataObject) -> None:
        """Let an invocation go well, from its delivery to its end."""
        self._deliver(data.draw(st.sampled_from(self._visible())))
        worker = self.workers[-1]
        while worker in self.workers:
            self._step(worker)

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
    def nothing_is_applied_again_without_a_reason(self) -> None:
        for (key, number, part), times in getattr(self, "applied", {}).items():
            excuses = self.excused[key, number, part]
            assert times <= 1 + excuses, f"{key} v{number} part {part} applied {times} times"

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
        for key, parts in self.parts.items():
            assert set(parts) == set(range(PARTS[key])), f"{key} has only the parts {parts}"
        assert {item.state for item in self.ledger.items.values()} <= {ObjectState.SUCCEEDED}

    def _visible(self) -> list[Message]:
        return [some for some in self.queue if some.hidden_until <= self.ledger.now]

    def _deliver(self, message: Message) -> None:
        message.hidden_until = self.ledger.now + HIDDEN_MS
        self.workers.append(Worker(message, dies_at=self.ledger.now + TIMEOUT_MS))

    def _die(self, worker: Worker) -> None:
        self.workers.remove(worker)
        if worker.step == "record":
            event = worker.message.event
            self.excused[event.key, self._number(event), worker.part] += 1

    def _step(self, worker: Worker) -> None:
        event = worker.message.event
        match worker.step:
            case "claim":
                before = self.ledger.items.get(event.uri, LedgerItem())
                try:
                    worker.claim = self.ledger.claim(
                        event, seconds=LEASE_SECONDS, attempts=1, request_id="r"
                    )
                    worker.part = self._part(worker.claim)
                    worker.step = "apply"
                    if before.cursor is not None and worker.claim.cursor is None:
                        self._excuse(event.key, before.cursor)
                except SkippedError:
                    worker.step = "acknowledge"
                except RetryableError as error:
                    delay = int((error.retry_after or 0) * 1000)
                    worker.message.hidden_until = self.ledger.now + delay
                    self.workers.remove(worker)
            case "apply":
                self._apply(event, worker.part)
                worker.step = "record"
            case "record":
                assert worker.claim is not None
                worker.step = "acknowledge"
                if worker.part + 1 == PARTS[event.key]:
                    self.ledger.complete(worker.claim, {})
                else:
                    cursor = f"{self._number(event)} {worker.part + 1}"
                    self.ledger.suspend(worker.claim, cursor=cursor, progress="")
                    worker.step = "send again"
            case "send again":
                self.queue.append(Message(event))
                worker.step = "acknowledge"
            case "acknowledge":
                self.workers.remove(worker)
                if worker.message in self.queue:
                    self.queue.remove(worker.message)

    def _excuse(self, key: str, cursor: str) -> None:
        """Let a version start at the beginning again, because another one has been claimed."""
        number, done = map(int, cursor.split())
        for part in range(done):
            self.excused[key, number, part] += 1

    def _part(self, claim: Claim) -> int:
        """Return the part where a claim's event goes on, and check that this is right."""
        if claim.cursor is None:
            return 0
        number, part = map(int, claim.cursor.split())
        assert number == self._number(claim.event), "this is another version's cursor"
        assert set(range(part)) <= set(self.parts[claim.event.key]), "parts are left out"
        assert self.in_effect[claim.event.key] == number, "another version is in effect"
        return part

    def _apply(self, event: ObjectEvent, part: int) -> None:
        number, newest = self._number(event), self.in_effect.get(event.key, 0)
        assert number >= newest, f"{event.key} v{number} applied over v{newest}"
        if number > newest:
            assert part == 0, "parts are left out"
            self.parts[event.key] = []
        self.in_effect[event.key] = number
        self.parts[event.key].append(part)
        self.applied[event.key, number, part] += 1

    @staticmethod
    def _number(event: ObjectEvent) -> int:
        return int(event.sequencer or "", 16)


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
