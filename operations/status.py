"""How a pipeline is doing: what waits, what was set aside, who is stopped, which alarms ring."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from circuit_state import Record
from operations import dead_letters, ledger, switch
from operations.aws import Aws
from operations.discovery import Consumer, Pipeline

# SQS tells its metrics every minute, and late.
_LOOK_BACK = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerStatus:
    """How one consumer is doing.

    Attributes
    ----------
    consumer
        Its name.
    waiting, in_flight
        Messages in its queue: to be received, now or later, and received already.
    oldest_seconds
        How long the oldest has been in the queue, as CloudWatch tells; None if it doesn't.
    dead_letters
        Messages that were set aside.
    mapping
        The state of its event source mapping; None without a queue.
    breaker
        The state of its circuit breaker, and `paused`; None where there is none.
    ledger
        Objects in the ledger by state; None without one.
    ledger_is_complete
        Whether all were counted, or there are at least so many.
    alarms
        Its alarms that ring.
    """

    consumer: str
    waiting: int | None
    in_flight: int | None
    oldest_seconds: float | None
    dead_letters: int
    mapping: str | None
    breaker: str | None
    ledger: Mapping[str, int] | None
    ledger_is_complete: bool
    alarms: Sequence[str]

    @property
    def troubles(self) -> list[str]:
        """What is wrong, each with the command that goes on from there."""
        found = []
        if self.dead_letters:
            plural = "message was" if self.dead_letters == 1 else "messages were"
            found.append(
                f"{self.dead_letters} {plural} set aside: pipeline failures {self.consumer}"
            )
        if self.breaker in {"OPEN", "HALF_OPEN"}:
            found.append(
                f"its circuit is {self.breaker}: what it writes to fails; the breaker tries again "
                f"by itself, and at once by: pipeline resume {self.consumer}"
            )
        elif self.mapping is not None and self.mapping != "Enabled":
            found.append(f"it is {self.mapping.lower()}: pipeline resume {self.consumer}")
        found += [f"alarm {alarm} rings" for alarm in self.alarms]
        return found


def status(
    pipeline: Pipeline, aws: Aws, *, pages: int | None = ledger.PAGES
) -> list[ConsumerStatus]:
    """Look at every consumer, all at once.

    Parameters
    ----------
    pages
        How much of the ledger is counted, see `operations.ledger.count`.
    """
    with ThreadPoolExecutor() as pool:
        return list(
            pool.map(
                lambda consumer: _status(pipeline, consumer, aws, pages),
                pipeline.consumers.values(),
            )
        )


def _status(pipeline: Pipeline, consumer: Consumer, aws: Aws, pages: int | None) -> ConsumerStatus:
    depths = dead_letters.depths(consumer.queue_url, aws) if consumer.queue_url else None
    counts = ledger.count(consumer, aws, pages=pages)
    breaker = switch.record(consumer, aws)
    return ConsumerStatus(
        consumer=consumer.name,
        waiting=depths["waiting"] + depths["delayed"] if depths else None,
        in_flight=depths["in_flight"] if depths else None,
        oldest_seconds=_oldest(consumer, aws),
        dead_letters=dead_letters.number(consumer, aws),
        mapping=switch.state(consumer, aws),
        breaker=_word(breaker),
        ledger=None if counts is None else counts.by_state,
        ledger_is_complete=counts is None or counts.is_complete,
        alarms=_ringing(pipeline, consumer, aws),
    )


def _word(breaker: Record | None) -> str | None:
    if breaker is None:
        return None
    return "paused" if breaker.paused else str(breaker.state)


def _oldest(consumer: Consumer, aws: Aws) -> float | None:
    if consumer.queue_url is None:
        return None
    now = datetime.now(UTC)
    told = aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": consumer.queue_url.rpartition("/")[2]}],
        StartTime=now - _LOOK_BACK,
        EndTime=now,
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    newest = max(told, key=lambda point: point["Timestamp"], default=None)
    return newest["Maximum"] if newest else None


def _ringing(pipeline: Pipeline, consumer: Consumer, aws: Aws) -> list[str]:
    """Name the alarms that ring; those of a consumer begin with the name of its function.

    So do those of another whose name goes on where this one ends.
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
    # LocalStack gives those in any state.
    names = [alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"]
    return [name for name in names if not (longer and name.startswith(longer))]
