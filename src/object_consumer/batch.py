"""Execute a plan: process objects in parallel and settle each message, before the deadline."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from object_consumer import continuation, dead_letters, outcomes
from object_consumer.budget import ByteBudget, ObjectReservation
from object_consumer.ledger import BusyError, Order
from object_consumer.log import Tally, object_line
from object_consumer.outcomes import (
    Acknowledge,
    Backoff,
    MoveToDeadLetterQueue,
    Retry,
    SendAgain,
    Status,
)
from object_consumer.queue import BATCH
from object_consumer.store import ObjectStore
from object_consumer.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from object_consumer.configuration import Configuration
    from object_consumer.continuation import Continue
    from object_consumer.environment import ExecutionEnvironment
    from object_consumer.events import ObjectEvent
    from object_consumer.ledger import Claim, Ledger
    from object_consumer.log import Log
    from object_consumer.messages import Message
    from object_consumer.outcomes import Outcome
    from object_consumer.plan import Delivery, Plan, Task
    from object_consumer.queue import Queue
    from object_consumer.transport import Transport
    from object_consumer.workers import Job

    type Function = Callable[[ObjectEvent, ObjectStore], Mapping[str, object] | Continue | None]


# Seconds between attempts to claim an object that another delivery is processing: giving up at once
# would use up a receive of the message.
_WAITS_FOR_OTHERS = (0.25, 0.5, 1.0, 2.0)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one invocation.

    Attributes
    ----------
    concurrency
        Objects processed at once.
    bytes_in_flight
        Bytes of objects in memory at once.
    object_bytes
        The largest object to read; None for no limit.
    backoff
        Delays between retries.
    """

    concurrency: int
    bytes_in_flight: int
    object_bytes: int | None = None
    backoff: Backoff = msgspec.field(default_factory=Backoff)


class Deadline:
    """When to stop starting objects, when to stop waiting for them, and when to respond.

    Parameters
    ----------
    seconds_left
        The time until Lambda ends the invocation.

    Attributes
    ----------
    total
        The time at the beginning, in seconds: the function's timeout.
    """

    def __init__(self, seconds_left: Callable[[], float]) -> None:
        self.total = total = seconds_left()
        self._seconds_left = seconds_left
        # Shares of the timeout, so that a function with a timeout of three seconds works too.
        self._to_answer = min(0.5, 0.05 * total)
        self._to_report = min(3.0, 0.15 * total)
        self._to_start = min(10.0, 0.25 * total)
        self._after_end = min(10.0, total)

    def may_start(self) -> bool:
        """Whether another object may be started."""
        return self._seconds_left() > self._to_start

    def lease(self) -> float:
        """Seconds after which no thread of this invocation can still be running.

        The visibility timeout is six times the function's timeout, so this ends before the message
        is delivered again.
        """
        return self._seconds_left() + self._after_end

    def until_report(self) -> float:
        """Seconds for running objects; afterwards their messages are reported for retry."""
        return self._seconds_left() - self._to_report

    def until_answer(self) -> float:
        """Seconds for the last requests to SQS; afterwards the function responds."""
        return self._seconds_left() - self._to_answer


class Batch:
    """The execution of one invocation's plan.

    Parameters
    ----------
    plan
        The objects and messages.
    function
        The consumer's function.
    transport
        Transfers objects from and to S3.
    queue
        Sends messages to the queue again or to the dead-letter queue, and delays them.
    ledger
        The processing ledger; None for none.
    configuration, limits, deadline
        The invocation's configuration.
    log
        The log for the objects' lines.
    request_id
        The invocation's id, for dead-lettered messages.
    environment
        Counts hung threads.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        function: Function,
        transport: Transport,
        queue: Queue,
        ledger: Ledger | None,
        configuration: Configuration,
        limits: Limits,
        deadline: Deadline,
        log: Log,
        request_id: str,
        environment: ExecutionEnvironment,
    ) -> None:
        self._plan = plan
        self._function = function
        self._transport = transport
        self._queue = queue
        self._ledger = ledger
        self._configuration = configuration
        self._limits = limits
        self._deadline = deadline
        self._log = log
        self._request_id = request_id
        self._environment = environment
        self._workers: list[Workers] = []
        self._budget = ByteBudget(limits.bytes_in_flight)
        self._lock = threading.RLock()
        self._reservations: dict[Task, ObjectReservation] = {}
        self._given_up = False

    def run(self) -> None:
        """Process every object and settle every message, if time permits.

        Afterwards each delivery has its settlement: `Acknowledge`, `Retry`, or `SendAgain` if the
        message was sent again.
        """
        try:
            self._run()
        finally:
            self._environment.leave(self._workers, self._reservations.values())

    def hand_back(self) -> None:
        """Start nothing, and return every message to the queue at once."""
        for delivery in self._plan.deliveries:
            delivery.settlement = Retry(0)
        self._work([partial(self._delay, some) for some in self._delays()], self._until_answer)
        self._close()

    def _run(self) -> None:
        jobs: list[Job] = [partial(self._settle, delivery) for delivery in self._plan.empty]
        jobs += [partial(self._process_group, group) for group in self._plan.groups]
        jobs += [partial(self._process_versions, tasks) for tasks in self._by_object()]
        self._work(jobs, self._deadline.until_report)
        late = self._give_up()
        self._work([partial(self._settle, delivery) for delivery in late], self._until_answer)
        self._work([partial(self._delay, some) for some in self._delays()], self._until_answer)
        self._close()

    # Processing

    def _by_object(self) -> list[list[Task]]:
        """Group the tasks that may run in parallel: with a ledger, one group for each object."""
        if self._ledger is None:
            return [[task] for task in self._plan.unordered]
        objects: dict[str, list[Task]] = {}
        for task in self._plan.unordered:
            objects.setdefault(task.event.uri, []).append(task)
        # The newest version first: when it is done, the others are stale.
        return [sorted(tasks, key=_age) for tasks in objects.values()]

    def _process_versions(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._process(task)
            for delivery in task.deliveries:
                self._settle(delivery)

    def _process_group(self, group: Sequence[Delivery]) -> None:
        """Process a FIFO group in order; nothing is started after a message to be retried."""
        delay: float | None = None
        for delivery in group:
            held_back = delay
            for task in delivery.tasks:
                if held_back is not None:
                    self._finish(task, outcomes.behind(held_back))
                    continue
                self._process(task)
                if task.outcome and task.outcome.status in {Status.RETRY, Status.CONTINUED}:
                    held_back = 0
            self._settle(delivery)
            if delay is None and isinstance(delivery.settlement, Retry):
                delay = delivery.settlement.delay

    def _process(self, task: Task) -> None:
        if not self._configuration.wanted.wants(task.event):
            self._finish(task, outcomes.FILTERED)
            return
        if not self._deadline.may_start():
            self._finish(task, outcomes.NO_TIME_TO_START)
            return
        reservation = ObjectReservation(self._budget)
        with self._lock:
            if self._given_up:
                return
            self._reservations[task] = reservation
        began = time.perf_counter()
        try:
            outcome = self._process_claimed(task, reservation)
        finally:
            reservation.end()
        self._finish(task, outcome, time.perf_counter() - began)

    def _process_claimed(self, task: Task, reservation: ObjectReservation) -> Outcome:
        """Call the consumer's function, if the ledger permits it, and record the outcome."""
        if self._ledger is None:
            return self._call(task, reservation)
        try:
            claim = self._claim(task, self._ledger)
        except Exception as error:  # noqa: BLE001 - without the ledger nothing is processed
            return outcomes.not_claimed(error)
        if claim.continuations >= self._configuration.max_invocations:
            outcome = outcomes.too_many_invocations(claim.continuations, claim.progress)
        else:
            outcome = self._call(task, reservation, claim)
        try:
            self._record(claim, outcome, self._ledger)
        except Exception as error:  # noqa: BLE001 - the object is processed, but not recorded
            if outcome.status in {Status.DONE, Status.CONTINUED}:
                return outcomes.of_error(error)
            # Its lease expires.
            self._note("WARN", "outcome not recorded", {"key": task.event.key, "error": str(error)})
        return outcome

    def _claim(self, task: Task, ledger: Ledger) -> Claim:
        """Claim an object; if another delivery is processing it, wait a little for its end."""
        waits = iter(_WAITS_FOR_OTHERS)
        while True:
            try:
                return ledger.claim(
                    task.event,
                    seconds=self._deadline.lease(),
                    attempts=task.deliveries[0].message.receive_count,
                    request_id=self._request_id,
                )
            except BusyError:
                wait = next(waits, None)
                if wait is None or not self._deadline.may_start():
                    raise
                time.sleep(wait)

    @staticmethod
    def _record(claim: Claim, outcome: Outcome, ledger: Ledger) -> None:
        if outcome.status is Status.CONTINUED:
            ledger.suspend(claim, cursor=outcome.cursor or "", progress=outcome.progress or "")
        elif outcome.status in {Status.DONE, Status.SKIPPED}:
            ledger.complete(claim, outcome.fields)
        else:
            ledger.fail(claim, outcomes.failure_of(outcome))

    def _call(
        self, task: Task, reservation: ObjectReservation, claim: Claim | None = None
    ) -> Outcome:
        cursor = claim.cursor if claim is not None else None
        continues = (
            claim is not None
            and self._configuration.queue_url is not None
            and task.deliveries[0].message.id is not None
        )
        try:
            store = ObjectStore(
                self._transport,
                reservation=reservation,
                max_object_bytes=self._limits.object_bytes,
                cursor=continuation.decode(cursor),
                continues=continues,
                seconds_left=self._deadline.until_report,
            )
            result = self._function(task.event, store)
            return outcomes.of_result(result, cursor=cursor, continues=continues)
        except BaseException as error:  # noqa: BLE001 - any error concerns this object only
            return outcomes.of_error(error)

    def _finish(self, task: Task, outcome: Outcome, duration: float = 0.0) -> None:
        """Record an outcome and log it, unless the object was given up."""
        with self._lock:
            if task.outcome is not None:
                return
            task.outcome = outcome
            task.duration = duration
            task.age = max(0.0, (self._log.clock() - task.event.event_time).total_seconds())
            for delivery in task.deliveries:
                delivery.unfinished -= 1
            first, *others = (delivery.message for delivery in task.deliveries)
            level, message, fields = object_line(task.event, outcome, duration=duration)
            self._log.write(
                level,
                message,
                fields
                | {
                    "message_id": first.id,
                    "attempts": first.receive_count,
                    "duplicate_message_ids": [other.id for other in others] or None,
                },
            )

    # Settling

    def _settle(self, delivery: Delivery) -> None:
        """Settle a message when all its objects have their outcomes."""
        with self._lock:
            if delivery.settling or not delivery.is_complete:
                return
            delivery.settling = True
            if not delivery.tasks and not delivery.errors:
                # Such as S3's test event for a new notification configuration.
                self._note("INFO", "message without objects", {"message_id": delivery.message.id})
        decided = outcomes.settle(
            _results(delivery),
            receive_count=delivery.message.receive_count,
            max_receive_count=self._configuration.max_receive_count,
            backoff=self._limits.backoff,
            uniform=random.uniform,
            time_left=self._time_left(delivery.message),
            in_order=delivery.message.group is not None,
        )
        settlement: Acknowledge | Retry | SendAgain
        match decided:
            case MoveToDeadLetterQueue():
                settlement = self._dead_letter(delivery, decided)
            case SendAgain():
                settlement = self._send_again(delivery.message, decided)
            case _:
                settlement = decided
        with self._lock:
            delivery.settlement = settlement

    def _time_left(self, message: Message) -> float | None:
        """Seconds within which a message's next attempt must begin to end in time.

        An attempt may take as long as the function's timeout, and begin as late, because the
        message waits for a poller and for its batch.
        """
        retention = self._configuration.retention_seconds
        if retention is None or message.sent is None:
            return None
        expires = message.sent + retention
        return expires - self._log.clock().timestamp() - 2 * self._deadline.total

    def _dead_letter(
        self, delivery: Delivery, settlement: MoveToDeadLetterQueue
    ) -> Acknowledge | Retry:
        fields = {
            "message_id": delivery.message.id,
            "attempts": delivery.message.receive_count,
            "error_kind": settlement.kind,
            "error_type": settlement.error_type,
            "error_message": settlement.error_message,
        }
        if self._configuration.dead_letter_queue_url is None:
            self._note("WARN", "message not quarantined: DEAD_LETTER_QUEUE_URL is not set", fields)
            return settlement.otherwise
        try:
            attributes = dead_letters.attributes(
                delivery.message,
                settlement,
                function_name=self._configuration.function_name,
                request_id=self._request_id,
            )
            self._queue.dead_letter(delivery.message, attributes)
        except Exception as error:  # noqa: BLE001 - on any error, the message stays in its queue
            failure = f"{type(error).__name__}: {error}"
            self._note("WARN", "message not quarantined", fields | {"failure": failure})
            return settlement.otherwise
        self._note("ERROR", "message quarantined", fields)
        return Acknowledge()

    def _send_again(self, message: Message, settlement: SendAgain) -> SendAgain | Retry:
        """Send a message to its queue again; the cursors of its objects are already recorded.

        The message is acknowledged afterwards. If the function crashes in between, both messages
        are delivered, and the ledger lets only one of them claim an object.
        """
        try:
            self._queue.send_again(message, math.ceil(settlement.delay))
        except Exception as error:  # noqa: BLE001 - on any error, the message stays in its queue
            fields = {
                "message_id": message.id,
                "attempts": message.receive_count,
                "failure": f"{type(error).__name__}: {error}",
            }
            self._note("WARN", "message not sent again: it is retried, which counts", fields)
            return settlement.otherwise
        return settlement

    def _delays(self) -> list[list[tuple[Message, int]]]:
        if self._configuration.queue_url is None:
            return []
        entries = [
            (delivery.message, math.ceil(delivery.settlement.delay))
            for delivery in self._plan.deliveries
            if isinstance(delivery.settlement, Retry) and delivery.message.receipt_handle
        ]
        return [list(some) for some in itertools.batched(entries, BATCH, strict=False)]

    def _delay(self, entries: Sequence[tuple[Message, int]]) -> None:
        """Set the delay of retries; without it, the queue's visibility timeout applies."""
        try:
            failures = self._queue.delay(entries)
        except Exception as error:  # noqa: BLE001 - the retry only comes later
            failures = [f"{type(error).__name__}: {error}"]
        if failures:
            self._note("WARN", "visibility of retried messages not set", {"failures": failures})

    # The deadline

    def _until_answer(self) -> float:
        return self._deadline.until_answer()

    def _work(self, jobs: Sequence[Job], seconds_left: Callable[[], float]) -> None:
        workers = Workers(jobs, concurrency=self._limits.concurrency)
        self._workers.append(workers)
        workers.run(seconds_left)

    def _give_up(self) -> list[Delivery]:
        """Return every unfinished object an outcome; return the messages still to be settled.

        Threads that are still in a consumer's function can't be stopped. Their results are ignored
        from now on, and the store rejects their requests.
        """
        with self._lock:
            self._given_up = True
            for delivery in self._plan.deliveries:
                for task in delivery.tasks:
                    reservation = self._reservations.get(task)
                    if task.outcome is None:
                        self._finish(
                            task,
                            outcomes.NO_TIME_TO_START
                            if reservation is None
                            else outcomes.out_of_time(self._deadline.total, reservation.progress),
                        )
                    if reservation is not None:
                        reservation.abandon()
            self._budget.close()
            return [delivery for delivery in self._plan.deliveries if not delivery.settling]

    def _close(self) -> None:
        """Fix the result: unsettled messages are retried, and nothing more is logged."""
        with self._lock:
            self._log.close()
            for delivery in self._plan.deliveries:
                # The response is fixed: a remaining thread must not settle the message differently.
                delivery.settling = True
                delivery.settlement = delivery.settlement or Retry(0)

    def _note(self, level: str, message: str, fields: Mapping[str, object]) -> None:
        with self._lock:
            self._log.write(level, message, fields)


def count(plan: Plan) -> Tally:
    """Count the outcomes of a plan's objects, each object once."""
    tally = Tally()
    for delivery in plan.deliveries:
        is_left = isinstance(delivery.settlement, Retry | SendAgain)
        failed = "ObjectsRetried" if is_left else "ObjectsQuarantined"
        tally.counts[failed] += len(delivery.errors)
        for task in delivery.tasks:
            if task.deliveries[0] is not delivery or task.outcome is None:
                continue
            match task.outcome.status:
                case Status.DONE:
                    tally.counts["ObjectsDone"] += 1
                case Status.SKIPPED:
                    tally.counts["ObjectsSkipped"] += 1
                case Status.CONTINUED:
                    tally.counts["ObjectsContinued"] += 1
                case Status.RETRY | Status.PERMANENT:
                    tally.counts[failed] += 1
            if task.outcome.started:
                tally.durations.append(round(task.duration * 1000, 1))
            if task.outcome.status is Status.DONE:
                tally.ages.append(round(task.age, 3))
    return tally


def _results(delivery: Delivery) -> list[tuple[str, Outcome]]:
    malformed = [
        (f"message {delivery.message.id}", outcomes.of_error(error)) for error in delivery.errors
    ]
    return malformed + [
        (task.event.uri, task.outcome)
        for task in delivery.tasks
        # Of several messages with the same event, only the first one is sent again.
        if task.outcome
        and (task.outcome.status is not Status.CONTINUED or task.deliveries[0] is delivery)
    ]


def _age(task: Task) -> tuple[bool, str]:
    """Return a sort key: the newest event first, events without order last."""
    order = Order.of(task.event.sequencer)
    if order is None:
        return True, ""
    # The complement of each digit, because texts can't be negated.
    return False, order.left.translate(_COMPLEMENTS)


_COMPLEMENTS = str.maketrans("0123456789ABCDEF", "FEDCBA9876543210")
