"""``pipeline status``: queues, functions, notifications, stopped consumers, alarms.

The command and its options come first, then the requests, then the output.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from circuit_state import Record
from event_pipelines.operations import (
    dead_letters,
    invocations,
    ledger,
    metrics,
    notifications,
    queues,
    switch,
)
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.discovery import Consumer, Pipeline
from event_pipelines.operations.errors import TROUBLE
from event_pipelines.operations.invocations import Invocations
from event_pipelines.operations.notifications import Notifications
from event_pipelines.operations.options import Json
from event_pipelines.operations.session import Session
from event_pipelines.operations.terminal import utc, visible, visible_all

# SQS publishes its metrics every minute, with a delay.
_LOOK_BACK = timedelta(minutes=10)


def command(
    context: typer.Context,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Repeat until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between repetitions.")] = 3.0,
    count_all: Annotated[
        bool, typer.Option("--count-all", help="Count the whole ledger, however long it takes.")
    ] = False,
    json: Json = False,
) -> None:
    """Show every consumer: queues, function, notifications, alarms."""
    session: Session = context.obj
    pages = None if count_all else ledger.PAGES

    def look() -> list[ConsumerStatus]:
        return status(session.pipeline, session.aws, pages=pages)

    found = look()
    if watch and not json:
        with Live(console=session.console, auto_refresh=False) as live, _until_interrupted():
            while True:
                live.update(view(session.pipeline.name, found), refresh=True)
                time.sleep(every)
                found = look()
    elif json:
        session.print_json(
            {
                "pipeline": session.pipeline.name,
                "bucket": session.pipeline.bucket,
                "consumers": found,
                "troubles": {consumer.consumer: consumer.troubles for consumer in found},
                "unfinished": {consumer.consumer: consumer.unfinished for consumer in found},
            }
        )
    else:
        session.console.print(view(session.pipeline.name, found))
    if any(consumer.troubles for consumer in found):
        raise typer.Exit(TROUBLE)


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """End watching at Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerStatus:
    """The state of one consumer.

    Attributes
    ----------
    consumer
        The consumer's name.
    waiting, in_flight
        Messages in its queue: waiting (visible or delayed), and in flight.
    oldest_seconds
        The age of the oldest message according to CloudWatch; None if unknown.
    dead_letters
        Messages in its dead-letter queue.
    stuck_since
        Since when messages have been received and are in flight, and none was done; None if some
        were done, or none is due.
    invocations
        How its function's invocations have ended lately.
    unnotified
        What is wrong if the bucket does not notify it; empty if it does.
    mapping
        The state of its event source mapping; None without a queue.
    breaker
        The state of its circuit breaker, or `paused`; None if there is none.
    ledger
        Objects in the ledger by state; None without one.
    ledger_is_complete
        Whether all objects were counted; otherwise the numbers are lower bounds.
    unfinished_files
        The objects in the ledger that failed, or whose claim ran out before they were finished.
    continued
        How far objects are that take several invocations, by their addresses: the first few.
    alarms
        Its alarms in ALARM.
    """

    consumer: str
    waiting: int | None
    in_flight: int | None
    oldest_seconds: float | None
    dead_letters: int
    stuck_since: datetime | None
    invocations: Invocations
    unnotified: str
    mapping: str | None
    breaker: str | None
    ledger: Mapping[str, int] | None
    ledger_is_complete: bool
    unfinished_files: int
    continued: Mapping[str, str]
    alarms: Sequence[str]

    @property
    def messages(self) -> int | None:
        """All messages in its queue; None without a queue."""
        return None if self.waiting is None else self.waiting + (self.in_flight or 0)

    @property
    def unfinished(self) -> list[str]:
        """What is not known to be done, although nothing may be wrong."""
        found = []
        if self.messages:
            plural = "message is" if self.messages == 1 else "messages are"
            found.append(f"{self.messages:,} {plural} not done yet")
        found += [f"{uri}: {how_far}" for uri, how_far in self.continued.items()]
        # Each of these files has a message, unless that has expired or somebody has deleted it.
        gone = self.unfinished_files - (self.messages or 0) - self.dead_letters
        if gone > 0 and self.messages is not None:
            plural = "file has failed and has" if gone == 1 else "files have failed and have"
            found.append(
                f"{gone:,} {plural} no message any more: pipeline replay --consumer "
                f"{self.consumer} --prefix PREFIX --state FAILED --state PROCESSING"
            )
        return found

    @property
    def troubles(self) -> list[str]:
        """The problems, each with the next command."""
        found = []
        if self.unnotified:
            found.append(self.unnotified)
        found += self.invocations.troubles(self.messages)
        if self.stuck_since is not None:
            plural = "message is" if self.in_flight == 1 else "messages are"
            found.append(
                f"{self.in_flight or 0:,} {plural} in flight, and none was done since "
                f"{utc(self.stuck_since)}: pipeline failures {self.consumer}"
            )
        if self.dead_letters:
            plural = "message was" if self.dead_letters == 1 else "messages were"
            found.append(
                f"{self.dead_letters} {plural} dead-lettered: pipeline failures {self.consumer}"
            )
        if self.breaker in {"OPEN", "HALF_OPEN"}:
            found.append(
                f"its circuit is {self.breaker}: what it writes to fails; the breaker tries again "
                f"by itself, and at once by: pipeline resume {self.consumer}"
            )
        elif self.mapping is not None and self.mapping != "Enabled":
            found.append(f"it is {self.mapping.lower()}: pipeline resume {self.consumer}")
        found += [f"alarm {alarm} is in ALARM" for alarm in self.alarms]
        return found


def status(
    pipeline: Pipeline, aws: Aws, *, pages: int | None = ledger.PAGES
) -> list[ConsumerStatus]:
    """Return the state of every consumer, requested in parallel.

    Parameters
    ----------
    pages
        The pages of the ledger to count, see `operations.ledger.count`.
    """
    notified = notifications.read(pipeline.bucket, aws)
    with ThreadPoolExecutor() as pool:
        return list(
            pool.map(
                lambda consumer: _status(pipeline, consumer, notified, aws, pages),
                pipeline.consumers.values(),
            )
        )


def _status(
    pipeline: Pipeline,
    consumer: Consumer,
    notified: Notifications,
    aws: Aws,
    pages: int | None,
) -> ConsumerStatus:
    now = datetime.now(UTC)
    queue = queues.read(consumer.queue_url, aws) if consumer.queue_url else None
    counts = ledger.count(consumer, aws, pages=pages)
    breaker = switch.record(consumer, aws)
    return ConsumerStatus(
        consumer=consumer.name,
        waiting=queue.waiting if queue else None,
        in_flight=queue.in_flight if queue else None,
        oldest_seconds=_oldest(consumer, aws, now),
        dead_letters=dead_letters.number(consumer, aws),
        stuck_since=invocations.stuck_since(consumer, queue, aws, now=now),
        invocations=invocations.look(consumer, aws, since=invocations.lately(queue, now), now=now),
        unnotified=notifications.trouble(notified, consumer, queue, aws),
        mapping=switch.state(consumer, aws),
        breaker=_word(breaker),
        ledger=None if counts is None else counts.by_state,
        ledger_is_complete=counts is None or counts.is_complete,
        unfinished_files=0 if counts is None else counts.unfinished,
        continued={} if counts is None else counts.continued,
        alarms=_ringing(pipeline, consumer, aws),
    )


def _word(breaker: Record | None) -> str | None:
    if breaker is None:
        return None
    return "paused" if breaker.paused else str(breaker.state)


def _oldest(consumer: Consumer, aws: Aws, now: datetime) -> float | None:
    if consumer.queue_url is None:
        return None
    age = metrics.of_queue("ApproximateAgeOfOldestMessage", consumer.queue_url)
    points = metrics.read(age, aws, begin=now - _LOOK_BACK, end=now, statistic="Maximum")
    return points[-1].value if points else None


def _ringing(pipeline: Pipeline, consumer: Consumer, aws: Aws) -> list[str]:
    """Return the alarms in ALARM; a consumer's begin with the name of its function.

    The alarms of a consumer with a longer name that begins like this one are excluded.
    """
    prefix = f"{consumer.function}-"
    longer = tuple(
        f"{other.function}-"
        for other in pipeline.consumers.values()
        if other.function.startswith(prefix)
    )
    pages = aws.cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=prefix, StateValue="ALARM"
    )
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    # LocalStack returns alarms in all states.
    names = [alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"]
    return [name for name in names if not (longer and name.startswith(longer))]


def view(name: str, consumers: Sequence[ConsumerStatus]) -> RenderableType:
    """Show the state of a pipeline: a row for each consumer, then the problems."""
    consumers = visible_all(consumers)
    table = Table(title=Text(f"Pipeline {visible(name)}"), title_justify="left")
    table.add_column("consumer")
    for number in ("waiting", "in flight", "oldest", "dead-lettered"):
        table.add_column(number, justify="right")
    table.add_column("mapping")
    shows_breaker = any(consumer.breaker for consumer in consumers)
    shows_ledger = any(consumer.ledger is not None for consumer in consumers)
    if shows_breaker:
        table.add_column("breaker")
    if shows_ledger:
        for state in ("processing", "succeeded", "failed"):
            table.add_column(state, justify="right")
    table.add_column("alarms", justify="right")
    for consumer in consumers:
        cells = [
            Text(consumer.consumer),
            Text(_number(consumer.waiting)),
            Text(_number(consumer.in_flight)),
            Text(_duration(consumer.oldest_seconds)),
            Text(_number(consumer.dead_letters), "red" if consumer.dead_letters else ""),
            Text(
                (consumer.mapping or "none").lower(),
                "" if consumer.mapping in {None, "Enabled"} else "yellow",
            ),
        ]
        if shows_breaker:
            good = consumer.breaker in {None, "CLOSED"}
            cells.append(Text((consumer.breaker or "").lower(), "" if good else "yellow"))
        if shows_ledger:
            more = "" if consumer.ledger_is_complete else "+"
            cells += [
                Text("" if consumer.ledger is None else f"{consumer.ledger.get(state, 0):,}{more}")
                for state in ("PROCESSING", "SUCCEEDED", "FAILED")
            ]
        cells.append(Text(f"{len(consumer.alarms)}", "red" if consumer.alarms else ""))
        table.add_row(*cells)
    troubles = [
        Text.assemble(("!", "yellow"), f" {consumer.consumer}: {trouble}")
        for consumer in consumers
        for trouble in consumer.troubles
    ]
    unfinished = [
        Text(f"  {consumer.consumer}: {told}")
        for consumer in consumers
        for told in consumer.unfinished
    ]
    if not troubles and not unfinished:
        return Group(table, Text("No problem was found, and no message is left to be done."))
    return Group(table, *troubles, *unfinished)


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
