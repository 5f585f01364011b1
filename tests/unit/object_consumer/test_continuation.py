"""A function that returns `Continue` goes on in another invocation, and that doesn't count."""

import math
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from object_consumer import Continue, ObjectEvent, ObjectStore, PermanentError, RetryableError
from object_consumer.dead_letters import ERROR_KIND, ERROR_MESSAGE
from object_consumer.ledger import Failure, MemoryLedger, ObjectState
from object_consumer.messages import Message
from object_consumer.queue import SqsQueue
from object_consumer.testing import FIRST_EVENT_TIME, MemoryStore, make_event
from tests.unit.object_consumer.consumer import Consumer, FakeContext
from tests.unit.object_consumer.deliveries import batch, notification

type Lines = Callable[[], list[dict[str, Any]]]

LATER = FIRST_EVENT_TIME + timedelta(hours=1)
METRICS = {"metrics_namespace": "N", "pipeline": "p", "consumer": "c"}


def version(number: int, key: str = "a") -> ObjectEvent:
    return make_event(key, version_id=f"v{number}", sequencer=f"{number:016X}")


class Parts:
    """A function that does one part of an object in each invocation.

    Attributes
    ----------
    done
        What was done: the version, and the part.
    failures
        What the function raises at these parts, once.
    """

    def __init__(self, number: int = 3, failures: dict[int, Exception] | None = None) -> None:
        self.number = number
        self.done: list[tuple[str, int]] = []
        self.failures = failures or {}

    def __call__(self, event: ObjectEvent, store: ObjectStore) -> Continue | None:
        if event.key != "a":
            raise RetryableError("later", retry_after=7) if event.key == "retry" else PermanentError
        part = (store.cursor or {"part": 0})["part"]
        if error := self.failures.pop(part, None):
            raise error
        self.done.append((str(event.version_id), part))
        if part + 1 == self.number:
            return None
        return Continue({"part": part + 1}, progress=f"{part + 1} of {self.number} parts")


def reason(consumer: Consumer) -> tuple[str, str]:
    """Give the kind and the text of the only dead-lettered message."""
    ((_, attributes),) = consumer.queue.dead_letters
    return attributes[ERROR_KIND]["StringValue"], attributes[ERROR_MESSAGE]["StringValue"]


class TestInvocations:
    def test_the_next_one_goes_on_where_the_last_one_ended(self, lines: Lines) -> None:
        author, ledger = Parts(3), MemoryLedger()
        consumer = Consumer(author, ledger=ledger, settings=METRICS)
        event = version(1)

        for _ in range(2):
            assert consumer(batch(notification(event))) == []
        suspended = ledger.items[event.uri]
        assert consumer(batch(notification(event))) == []

        assert author.done == [("v1", 0), ("v1", 1), ("v1", 2)]
        assert [(message.id, delay) for message, delay in consumer.queue.sent_again] == [
            ("m0", 0),
            ("m0", 0),
        ]
        assert (suspended.cursor, suspended.progress, suspended.continuations) == (
            '{"part":2}',
            "2 of 3 parts",
            2,
        )
        done = ledger.items[event.uri]
        assert (done.state, done.cursor, done.continuations) == (ObjectState.SUCCEEDED, None, 0)
        noted = [line for line in lines() if line.get("key") == "a"]
        assert [(line["outcome"], line["level"], line.get("progress")) for line in noted] == [
            ("continued", "INFO", "1 of 3 parts"),
            ("continued", "INFO", "2 of 3 parts"),
            ("done", "INFO", None),
        ]

    def test_metrics_count_it_and_its_age_only_when_it_is_done(self, lines: Lines) -> None:
        consumer = Consumer(Parts(2), ledger=MemoryLedger(), settings=METRICS)

        for _ in range(2):
            consumer(batch(notification(version(1))))

        first, last = [line for line in lines() if "_aws" in line]
        assert (first["ObjectsContinued"], first["ObjectsDone"]) == (1, 0)
        assert "ObjectAge" not in first
        assert "ObjectsContinued" not in last
        assert (last["ObjectsDone"], len(last["ObjectAge"])) == (1, 1)

    def test_a_failure_is_retried_from_the_last_cursor(self) -> None:
        author = Parts(3, failures={2: RetryableError("down")})
        consumer = Consumer(author, ledger=MemoryLedger())

        answers = [consumer(batch(notification(version(1)))) for _ in range(4)]

        assert answers == [[], [], ["m0"], []]
        assert author.done == [("v1", 0), ("v1", 1), ("v1", 2)]

    def test_a_redrive_after_a_permanent_failure_starts_at_the_beginning(self) -> None:
        author = Parts(2, failures={1: PermanentError("line 3")})
        consumer = Consumer(author, ledger=MemoryLedger())

        for _ in range(4):
            consumer(batch(notification(version(1))))

        assert reason(consumer) == ("permanent", "line 3")
        assert author.done == [("v1", 0), ("v1", 0), ("v1", 1)]

    def test_a_newer_version_in_between_never_gets_the_cursor_of_the_older_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        author, ledger = Parts(2), MemoryLedger()
        consumer = Consumer(author, ledger=ledger)

        for number in (1, 2, 1, 2, 1):
            consumer(batch(notification(version(number))))

        # In between, the older one is held back: the newer one may have had an effect.
        assert author.done == [("v1", 0), ("v2", 0), ("v2", 1)]

    def test_the_cursor_of_an_older_version_is_void_when_a_newer_one_has_failed(self) -> None:
        author, ledger = Parts(2), MemoryLedger()
        consumer = Consumer(author, ledger=ledger)

        consumer(batch(notification(version(1))))
        ledger.fail(
            ledger.claim(version(2), seconds=1, attempts=1, request_id="r"), Failure("retry")
        )
        for _ in range(2):
            consumer(batch(notification(version(1))))

        assert author.done == [("v1", 0), ("v1", 0), ("v1", 1)]

    def test_a_replay_waits_for_what_goes_on_and_gets_no_cursor_but_its_own(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        author = Parts(2)
        consumer = Consumer(author, ledger=MemoryLedger())
        replayed = make_event("a", version_id="v1", sequencer=None)
        other = make_event("a", version_id="v1", sequencer=None, event_time=LATER)

        # If one could take it from another, no one would ever be done.
        for _ in range(4):
            for event in (version(1), replayed, other):
                assert consumer(batch(notification(event), receive_count=5)) == []

        assert author.done == [("v1", 0), ("v1", 1)] * 3
        assert consumer.queue.dead_letters == []


class TestMessages:
    def test_its_copy_has_its_body_its_attributes_and_its_tenant(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[dict[str, Any]] = []
        sqs = type("Sqs", (), {"send_message": lambda _self, **request: sent.append(request)})()
        monkeypatch.setattr("object_consumer.queue.clients.sqs", lambda: sqs)
        attributes = {
            "team": {"dataType": "String", "stringValue": "load", "stringListValues": []},
            "key": {"dataType": "Binary", "binaryValue": "AAE="},
        }

        for tenant in (None, "t1"):
            message = Message("body", id="m0", attributes=attributes, tenant=tenant)
            SqsQueue("https://queue", "https://dlq").send_again(message, 3)

        copy = {
            "QueueUrl": "https://queue",
            "MessageBody": "body",
            "MessageAttributes": {
                "team": {"DataType": "String", "StringValue": "load"},
                "key": {"DataType": "Binary", "BinaryValue": b"\0\1"},
            },
            "DelaySeconds": 3,
        }
        assert sent == [copy, copy | {"MessageGroupId": "t1"}]

    def test_what_can_not_be_sent_again_is_retried_at_once(self, lines: Lines) -> None:
        author = Parts(2)
        consumer = Consumer(author, ledger=MemoryLedger())
        consumer.queue.failure = ConnectionError("no route")

        assert consumer(batch(notification(version(1)))) == ["m0"]
        consumer.queue.failure = None
        assert consumer(batch(notification(version(1)), receive_count=2)) == []

        assert author.done == [("v1", 0), ("v1", 1)]
        assert "ConnectionError: no route" in [line.get("failure") for line in lines()]

    def test_of_two_with_the_same_event_one_is_sent_again(self) -> None:
        consumer = Consumer(Parts(2), ledger=MemoryLedger())
        body = notification(version(1))

        assert consumer(batch(body, body)) == []

        assert [message.id for message, _ in consumer.queue.sent_again] == ["m0"]

    @pytest.mark.parametrize(
        ("other", "receive_count", "kept", "sent"),
        [
            # A retry keeps the message, whose receives count for the other object.
            ("retry", 1, ["m0"], 0),
            ("retry", 5, [], 1),
            # In the dead-letter queue, the object would not go on.
            ("permanent", 1, [], 1),
            ("permanent", 5, [], 1),
        ],
    )
    def test_one_with_another_object_that_fails_is_not_dead_lettered_yet(
        self, other: str, receive_count: int, kept: list[str], sent: int
    ) -> None:
        consumer = Consumer(Parts(2), ledger=MemoryLedger())
        body = notification(version(1), version(1, other))

        assert consumer(batch(body, receive_count=receive_count)) == kept
        assert len(consumer.queue.sent_again) == sent
        assert consumer.queue.dead_letters == []

        assert consumer(batch(body, receive_count=5)) == []
        assert len(consumer.queue.dead_letters) == 1

    def test_of_a_fifo_group_it_is_retried_at_once_and_the_next_one_waits(self) -> None:
        author = Parts(2)
        consumer = Consumer(author, ledger=MemoryLedger())
        events = [notification(version(number)) for number in (1, 2)]

        assert consumer(batch(*events, groups=["g", "g"])) == ["m0", "m1"]
        assert consumer.queue.delays == {"m0": 0, "m1": 0}
        assert consumer.queue.sent_again == []
        assert consumer(batch(*events, groups=["g", "g"], receive_count=2)) == ["m1"]

        assert author.done == [("v1", 0), ("v1", 1), ("v2", 0)]

    def test_on_its_last_receive_one_of_a_fifo_group_says_what_to_raise(self) -> None:
        consumer = Consumer(Parts(3), ledger=MemoryLedger())

        assert consumer(batch(notification(version(1)), groups=["g"], receive_count=5)) == []

        kind, text = reason(consumer)
        assert kind == "exhausted"
        assert "1 of 3 parts" in text
        assert "raise max_receive_count (5)" in text


class TestOthers:
    def hold(self, ledger: MemoryLedger, event: ObjectEvent) -> None:
        """Let somebody else be in the second invocation for an event."""
        first = ledger.claim(event, seconds=20, attempts=1, request_id="other")
        ledger.suspend(first, cursor="1", progress="")
        ledger.claim(event, seconds=20, attempts=1, request_id="other")

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_an_event_that_waits_for_another_ones_invocations_is_never_dead_lettered(
        self, number: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        ledger, author = MemoryLedger(), Parts()
        self.hold(ledger, version(2))
        consumer = Consumer(author, ledger=ledger)

        assert consumer(batch(notification(version(number)), receive_count=5)) == []

        ((_, delay),) = consumer.queue.sent_again
        assert 20 < delay <= 22
        assert (author.done, consumer.queue.dead_letters) == ([], [])

    def test_in_a_fifo_group_its_receives_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        ledger = MemoryLedger()
        self.hold(ledger, version(2))
        consumer = Consumer(Parts(), ledger=ledger)

        assert consumer(batch(notification(version(3)), groups=["g"])) == ["m0"]
        assert consumer(batch(notification(version(3)), groups=["g"], receive_count=5)) == []

        assert reason(consumer)[0] == "exhausted"


class TestGuardrails:
    def test_after_the_last_invocation_it_says_how_far_it_is_and_what_to_change(self) -> None:
        author, ledger = Parts(4), MemoryLedger()
        consumer = Consumer(author, ledger=ledger, settings={"max_invocations": 2})

        for _ in range(3):
            assert consumer(batch(notification(version(1)))) == []

        kind, text = reason(consumer)
        assert kind == "permanent"
        assert "after 2 invocations; 2 of 4 parts" in text
        for change in ("timeout (at most 900)", "memory_size", "split the file", "max_invocations"):
            assert change in text

        # A redrive with a higher limit goes on.
        consumer.settings["max_invocations"] = 4
        for _ in range(2):
            assert consumer(batch(notification(version(1)))) == []
        assert [part for _, part in author.done] == [0, 1, 2, 3]

    def test_as_many_invocations_as_allowed_are_enough(self) -> None:
        author = Parts(3)
        consumer = Consumer(author, ledger=MemoryLedger(), settings={"max_invocations": 3})

        for _ in range(3):
            assert consumer(batch(notification(version(1)))) == []

        assert (len(author.done), consumer.queue.dead_letters) == (3, [])

    def test_events_that_take_the_object_from_each_other_reach_the_limit_together(self) -> None:
        author, ledger = Parts(9), MemoryLedger()
        consumer = Consumer(author, ledger=ledger, settings={"max_invocations": 4})
        replayed = make_event("a", version_id="v1", sequencer=None)

        # Each comes so late that the object isn't left to the other one any more.
        for _ in range(2):
            for event in (version(1), replayed):
                consumer(batch(notification(event)))
                ledger.now += 3 * 3600 * 1000
        consumer(batch(notification(version(1))))

        assert [part for _, part in author.done] == [0, 0, 0, 0]
        assert "not finished after 4 invocations" in reason(consumer)[1]

    @pytest.mark.parametrize("cursor", [{"line": 1}, None])
    def test_the_same_cursor_again_is_no_progress(self, cursor: object, lines: Lines) -> None:
        consumer = Consumer(lambda _event, _store: Continue(cursor), ledger=MemoryLedger())
        consumer(batch(notification(version(1))))

        assert consumer(batch(notification(version(1)))) == ["m0"]

        assert "no progress" in lines()[-1]["error_message"]

    def test_a_cursor_that_the_function_has_changed_in_place_is_progress(self) -> None:
        def author(_event: ObjectEvent, store: ObjectStore) -> Continue:
            cursor = store.cursor or {"line": 0}
            cursor["line"] += 1
            return Continue(cursor)

        consumer = Consumer(author, ledger=MemoryLedger())

        for _ in range(3):
            assert consumer(batch(notification(version(1)))) == []

    @pytest.mark.parametrize(
        ("cursor", "words"),
        [
            ((1, 2), "would change"),
            ({1: 2}, "would change"),
            (b"x", "would change"),
            (math.nan, "would change"),
            ("\ud800", "can't be written"),
            (object(), "can't be written"),
            ("x" * 4095, "4,097 bytes as JSON; the ledger keeps at most 4,096"),
        ],
    )
    def test_a_cursor_that_the_next_invocation_would_not_get_is_refused(
        self, cursor: object, words: str
    ) -> None:
        with pytest.raises(PermanentError, match=words):
            Continue(cursor)

    def test_a_cursor_that_just_fits_is_kept(self) -> None:
        ledger = MemoryLedger()
        consumer = Consumer(lambda _event, _store: Continue("x" * 4094), ledger=ledger)

        assert consumer(batch(notification(version(1)))) == []

        assert len(ledger.items[version(1).uri].cursor or "") == 4096

    def test_a_cursor_that_changes_after_it_was_checked_is_a_permanent_error(self) -> None:
        def author(_event: ObjectEvent, _store: ObjectStore) -> Continue:
            cursor: dict[str, object] = {}
            result = Continue(cursor)
            cursor["set"] = {1}
            return result

        consumer = Consumer(author, ledger=MemoryLedger())

        assert consumer(batch(notification(version(1)))) == []
        assert reason(consumer)[0] == "permanent"

    @pytest.mark.parametrize("missing", ["ledger", "queue"])
    def test_where_nothing_can_go_on_it_says_what_to_set(self, missing: str, lines: Lines) -> None:
        found: list[bool] = []

        def author(_event: ObjectEvent, store: ObjectStore) -> Continue:
            found.append(store.continues)
            return Continue(1)

        settings = {"queue_url": None} if missing == "queue" else {}
        ledger = None if missing == "ledger" else MemoryLedger()
        consumer = Consumer(author, ledger=ledger, settings=settings)

        assert consumer(batch(notification(version(1)))) == ["m0"]

        assert found == [False]
        assert "set ledger = {}" in lines()[0]["error_message"]

    def test_a_ledger_that_can_not_keep_the_cursor_is_a_retry(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger, author = MemoryLedger(), Parts(2)
        consumer = Consumer(author, ledger=ledger)

        def fail(*_arguments: object, **_named: object) -> None:
            raise ConnectionError("no route")

        with monkeypatch.context() as patch:
            patch.setattr(ledger, "suspend", fail)
            assert consumer(batch(notification(version(1)))) == ["m0"]

        assert consumer.queue.sent_again == []


class TestTime:
    def test_a_function_knows_how_long_it_may_work(self) -> None:
        found: list[float] = []
        consumer = Consumer(
            lambda _event, store: found.append(store.seconds_left()),
            context=FakeContext(remaining=lambda: 30.0),
        )

        consumer(batch(notification(version(1))))

        # Of a timeout of 30 s, 3 are kept for settling the messages.
        assert found == [27.0]
        assert MemoryStore().seconds_left() == math.inf
        assert MemoryStore(seconds_left=lambda: -1.0).seconds_left() == 0.0

    def test_what_is_out_of_time_says_how_far_it_was_and_what_to_change(self, lines: Lines) -> None:
        started = False

        def author(_event: ObjectEvent, store: ObjectStore) -> None:
            nonlocal started
            reservation: Any = store._reservation
            reservation.progress = (1_234_567_890, 5_000_000_000)
            started = True
            while True:
                store.check()

        consumer = Consumer(author, context=FakeContext(remaining=lambda: 1.0 if started else 60.0))

        assert consumer(batch(notification(version(1)))) == ["m0"]

        text = lines()[0]["error_message"]
        assert text.startswith(
            "not finished when the invocation's 60 s ran out; read 1.2 of 5.0 GB"
        )
        for change in ("timeout (at most 900)", "memory_size", "split the file", "Continue"):
            assert change in text

    def test_a_function_that_returns_too_late_loses_no_progress(self, lines: Lines) -> None:
        release, started = threading.Event(), threading.Event()
        ledger, parts = MemoryLedger(), Parts(2)

        def author(event: ObjectEvent, store: ObjectStore) -> Continue | None:
            started.set()
            release.wait(10)
            return parts(event, store)

        consumer = Consumer(
            author,
            ledger=ledger,
            context=FakeContext(remaining=lambda: 1.0 if started.is_set() else 60.0),
        )
        before = set(threading.enumerate())

        assert consumer(batch(notification(version(1)))) == ["m0"]
        release.set()
        for thread in set(threading.enumerate()) - before:
            thread.join(10)

        assert consumer.queue.sent_again == []
        assert [line["outcome"] for line in lines() if "outcome" in line] == ["retry"]
        again = Consumer(parts, ledger=ledger)
        assert again(batch(notification(version(1)), receive_count=2)) == []
        assert parts.done == [("v1", 0), ("v1", 1)]
