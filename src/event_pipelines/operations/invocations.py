"""Read what Lambda says of invocations that fail without a line of the runtime.

A function that fails at init, times out, runs out of memory or ends its process writes nothing
about the files of its batch. Lambda's own lines tell, as JSON (the format of
`modules/lambda-function`) or as text:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from event_pipelines.operations import metrics
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.discovery import Consumer
from event_pipelines.operations.logs import Event, LogReader
from event_pipelines.operations.metrics import Metric, Point
from event_pipelines.operations.queues import Queue
from event_pipelines.operations.terminal import utc

# The requests for the lines of failed invocations; those that failed last may then be missing.
REQUESTS = 10
# How far back `status` and `failures` look, if no message can be invisible for longer.
LOOK_BACK = timedelta(minutes=15)
# CloudWatch dates a point at the beginning of its minute.
_MINUTE = timedelta(minutes=1)
# Init has 10 s of its own before the invocation:
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
_INIT = timedelta(seconds=15)
# The lines of interest; there are no lines about successful invocations among them.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
_FAILED = {
    "JSON": '{ $.record.status = "error" || $.record.status = "failure" '
    '|| $.record.status = "timeout" || $.errorType = "*" }',
    "Text": '?"Status: error" ?"Status: failure" ?"Status: timeout" ?"Task timed out" '
    '?"Runtime exited" ?"[ERROR]"',
}
_SUCCEEDED = {
    "JSON": '{ $.type = "platform.report" && $.record.status = "success" }',
    "Text": '"REPORT RequestId"',
}
_MAX_ERROR = 1_000
# A function may fail a thousand times a minute.
_MAX_FAILED = 1_000
# Milliseconds. A function may print a line in the form of Lambda's, with any number.
_MAX_DURATION = 24 * 3_600_000.0


class Kind(StrEnum):
    """How an invocation failed."""

    INIT = "failed at init"
    TIMEOUT = "timed out"
    MEMORY = "out of memory"
    EXIT = "process ended"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedInvocation:
    """An invocation that failed, or an init that no invocation followed.

    Attributes
    ----------
    at
        When it ended.
    kind
        How it failed.
    error
        The error as Lambda, or its runtime, wrote it.
    request_id
        Its request ID; empty if unknown.
    """

    at: datetime
    kind: Kind
    error: str
    request_id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.error}" if self.error else str(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocations:
    """How a function's invocations have ended since a time.

    Attributes
    ----------
    since
        The time.
    failed
        Those that failed last, oldest first, as its log says.
    errors, throttled
        Those that failed, and those that Lambda rejected for want of concurrency, as its metrics
        say.
    has_recovered
        Whether an invocation has succeeded after the last one that failed.
    unread
        What of the log was not read, and why; empty for nothing.
    """

    since: datetime
    failed: Sequence[FailedInvocation] = ()
    errors: Sequence[Point] = ()
    throttled: Sequence[Point] = ()
    has_recovered: bool = False
    unread: str = ""

    @property
    def failures(self) -> int:
        """The number of failed invocations; metrics and log are complete at different times."""
        return max(len(self.failed), _sum(self.errors))

    @property
    def throttles(self) -> int:
        """The number of throttled invocations."""
        return _sum(self.throttled)

    @property
    def is_failing(self) -> bool:
        """Whether invocations have failed, and none has succeeded since."""
        return bool(self.failures) and not self.has_recovered

    @property
    def cause(self) -> str:
        """How the last one failed."""
        if self.failed:
            return str(self.failed[-1])
        return self.unread or "its log doesn't say why"

    def troubles(self, messages: int | None) -> list[str]:
        """Return what is wrong, in sentences.

        Failures and throttles are over when an invocation has succeeded since and the queue is
        empty: the messages of a failed invocation stay in the queue until they are done.

        Parameters
        ----------
        messages
            The messages in the function's queue; None without a queue.
        """
        found = []
        since = f"since {utc(self.since)}"
        if self.failures and (self.is_failing or messages):
            times = "once" if self.failures == 1 else f"{self.failures:,} times"
            told = f"its function failed {times} {since}: {self.cause}"
            if self.has_recovered:
                told += "; other invocations have succeeded, and its queue is not empty yet"
            found.append(told)
        if self.throttles and messages != 0:
            found.append(
                f"Lambda throttled its function {self.throttles:,} times {since}: raise the "
                "concurrency limit of the account or the function, or lower max_concurrency"
            )
        return found


def lately(queue: Queue | None, now: datetime) -> datetime:
    """Return since when to look: a message that is invisible was received since then."""
    invisible = timedelta(seconds=queue.visibility_seconds if queue else 0)
    return now - max(LOOK_BACK, invisible + _INIT)


def stuck_since(
    consumer: Consumer, queue: Queue | None, aws: Aws, *, now: datetime
) -> datetime | None:
    """Return since when messages have been received and are in flight, and none was done.

    After the visibility timeout a message is done, or visible again.

    Returns
    -------
    datetime | None
        None if some were done, or none is due.
    """
    if queue is None or consumer.queue_url is None or not queue.in_flight:
        return None
    received, deleted = (
        metrics.read(
            metrics.of_queue(name, consumer.queue_url), aws, begin=lately(queue, now), end=now
        )
        for name in ("NumberOfMessagesReceived", "NumberOfMessagesDeleted")
    )
    first = next((point.at for point in received if point.value), None)
    due = now - timedelta(seconds=queue.visibility_seconds)
    if first is None or first > due or any(point.value for point in deleted):
        return None
    return first


def look(consumer: Consumer, aws: Aws, *, since: datetime, now: datetime) -> Invocations:
    """Request how a function's invocations have ended since a time."""
    begin = since - _MINUTE
    errors, throttled = (
        _counted(metrics.of_function(name, consumer.function), aws, begin=begin, now=now)
        for name in ("Errors", "Throttles")
    )
    reader = LogReader(consumer.log_group, aws, REQUESTS)
    pattern = _FAILED[consumer.log_format]
    events = list(reader.read(pattern, begin))
    if reader.unread and errors and not any(event.at >= errors[-1].at for event in events):
        # What failed last says more than what failed first.
        later = LogReader(consumer.log_group, aws, REQUESTS)
        events += later.read(pattern, errors[-1].at)
    failed = failed_invocations(events)
    counted = metrics.period(now - begin)
    last = [failed[-1].at] if failed else [point.at + counted for point in errors[-1:]]
    request_ids = {invocation.request_id for invocation in failed}
    return Invocations(
        since=since,
        failed=failed[-_MAX_FAILED:],
        errors=errors,
        throttled=throttled,
        has_recovered=any(_has_succeeded(consumer, aws, at, request_ids) for at in last),
        unread=reader.unread,
    )


def _counted(metric: Metric, aws: Aws, *, begin: datetime, now: datetime) -> list[Point]:
    """Return the points with a value, of periods that began since a time."""
    points = metrics.read(metric, aws, begin=begin, end=now)
    return [point for point in points if point.value and point.at >= begin]


def _has_succeeded(
    consumer: Consumer, aws: Aws, after: datetime, request_ids: Collection[str]
) -> bool:
    """Return whether an invocation has succeeded after a time, other than those that failed."""
    reader = LogReader(consumer.log_group, aws, REQUESTS)
    pattern = _SUCCEEDED[consumer.log_format]
    events = reader.read(pattern, after + timedelta(milliseconds=1), first=True)
    return any(
        sign.is_end and sign.status in _SUCCESSES and sign.request_id not in request_ids
        for sign in map(_sign, events)
        if sign is not None
    )


def failed_invocations(events: Iterable[Event]) -> list[FailedInvocation]:
    """Return the invocations that failed, by the lines about them, in the order of their ends.

    Several lines tell of one: the runtime's error, the report of init, the report of the
    invocation. An execution environment, with a log stream of its own, serves one invocation after
    the other.

    Parameters
    ----------
    events
        The events of a log in the order of their times. Others may be among them.
    """
    pending: dict[str, list[_Sign]] = {}
    found = []
    for event in events:
        sign = _sign(event)
        if sign is None:
            continue
        signs = pending.setdefault(event.stream, [])
        if not sign.is_end:
            signs.append(sign)
            continue
        begin = sign.at - sign.duration - _INIT
        about = [earlier for earlier in signs if earlier.at >= begin]
        signs.clear()
        if failed := _failed(about, sign):
            found.append(failed)
    # Lambda has not, or not yet, reported on the rest.
    found += filter(None, (_failed(signs, None) for signs in pending.values()))
    return sorted(found, key=lambda failed: failed.at)


_SUCCESS, _TIMEOUT = "success", "timeout"
# A report as text has no status then.
_SUCCESSES = {_SUCCESS, ""}
_EXIT_ERROR, _OUT_OF_MEMORY = "Runtime.ExitError", "Runtime.OutOfMemory"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sign:
    """What a line says of an invocation.

    Attributes
    ----------
    status
        ``success``, ``error``, ``failure`` or ``timeout``; empty if the line doesn't say.
    is_end, is_init
        Whether it is the report of an invocation, or says how init ended.
    error_type, error
        The error, and its text.
    duration
        Of the invocation.
    is_full
        Whether all memory was used.
    """

    at: datetime
    status: str = ""
    is_end: bool = False
    is_init: bool = False
    error_type: str = ""
    error: str = ""
    request_id: str = ""
    duration: timedelta = timedelta()
    is_full: bool = False


def _failed(signs: Sequence[_Sign], report: _Sign | None) -> FailedInvocation | None:
    """Judge an invocation by the lines about it; None if it succeeded."""
    everything = [*signs, *([report] if report else [])]
    failures = [sign for sign in everything if sign.status != _SUCCESS]
    if not failures or (report is not None and not _is_of_failure(report, signs)):
        return None
    types = {sign.error_type for sign in failures}
    has_ended = _EXIT_ERROR in types or (report is not None and report.status == "failure")
    if _OUT_OF_MEMORY in types or (has_ended and any(sign.is_full for sign in failures)):
        kind = Kind.MEMORY
    elif any(sign.is_init for sign in failures):
        kind = Kind.INIT
    elif any(sign.status == _TIMEOUT for sign in failures):
        kind = Kind.TIMEOUT
    elif has_ended:
        kind = Kind.EXIT
    else:
        kind = Kind.ERROR
    # An error with a text says more than the type in a report.
    texts = [sign.error for sign in failures if sign.error]
    names = [sign.error_type for sign in failures if sign.error_type]
    request_ids = [sign.request_id for sign in everything if sign.request_id]
    return FailedInvocation(
        at=everything[-1].at,
        kind=kind,
        error=next(iter(texts + names), "")[:_MAX_ERROR],
        request_id=next(reversed(request_ids), ""),
    )


def _is_of_failure(report: _Sign, signs: Sequence[_Sign]) -> bool:
    """Return whether the invocation failed; text had no status before 2024, even of a failure."""
    if report.status:
        return report.status != _SUCCESS
    return any(sign.request_id == report.request_id for sign in signs)


class _Metrics(Struct):
    duration: Annotated[float, Meta(ge=0)] = msgspec.field(default=0.0, name="durationMs")
    memory: float = msgspec.field(default=0.0, name="memorySizeMB")
    peak: float = msgspec.field(default=-1.0, name="maxMemoryUsedMB")


class _Record(Struct, rename="camel"):
    status: str
    request_id: str = ""
    error_type: str = ""
    metrics: _Metrics = msgspec.field(default_factory=_Metrics)


class _Platform(Struct):
    """Lambda's line as JSON."""

    type: str
    record: _Record


class _Unhandled(Struct, rename="camel"):
    """The line of Lambda's Python runtime about an error that no code has handled, as JSON."""

    error_type: str
    error_message: str = ""
    request_id: str = ""
    # A logger's line about an error that was handled has a message, and may have the rest.
    message: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_INIT_LINES = {"platform.initReport", "platform.initRuntimeDone"}
_REPORT = re.compile(
    r"REPORT RequestId: (?P<request>\S+)\s+Duration: (?P<duration>\d{1,9})(?:\.\d+)? ms.*?"
    r"Memory Size: (?P<memory>\d{1,9}) MB\s+Max Memory Used: (?P<peak>\d{1,9}) MB"
)
_INIT_REPORT = re.compile(r"INIT_REPORT Init Duration: [\d.]+ ms\s")
# AWS's page shows spaces where the log has tabs.
_STATUS = re.compile(r"\sStatus: (\w+)")
_ERROR_TYPE = re.compile(r"\sError Type: ([\w.]+)")
_TIMED_OUT = re.compile(
    r"(?:(?P<request>[0-9a-f-]{36}) (?:Error: )?)?(?P<text>Task timed out after [\d.]+ seconds)"
)
_EXITED = re.compile(r"RequestId: (?P<request>\S+) Error: (?P<text>Runtime exited.*)")
_RAISED = re.compile(r"\[ERROR\] (?P<type>[A-Za-z_][\w.]*): (?P<text>.*)")


def _sign(event: Event) -> _Sign | None:
    """Read a line; None if it says nothing of how an invocation ended."""
    return _json_sign(event) if event.message.startswith("{") else _text_sign(event)


def _json_sign(event: Event) -> _Sign | None:
    platform = _decoded(event.message, _Platform)
    if platform is not None:
        record, is_init = platform.record, platform.type in _INIT_LINES
        is_end = platform.type == "platform.report"
        if not is_end and (record.status == _SUCCESS or not platform.type.startswith("platform.")):
            return None
        return _Sign(
            at=event.at,
            status=record.status,
            is_end=is_end,
            is_init=is_init,
            error_type=record.error_type,
            request_id=record.request_id,
            duration=timedelta(milliseconds=min(record.metrics.duration, _MAX_DURATION)),
            is_full=record.metrics.peak >= record.metrics.memory > 0,
        )
    unhandled = _decoded(event.message, _Unhandled)
    if unhandled is None or unhandled.message is not msgspec.UNSET:
        return None
    return _raised(event, unhandled.error_type, unhandled.error_message, unhandled.request_id)


def _raised(event: Event, error_type: str, text: str, request_id: str) -> _Sign:
    # Errors of the runtime client itself, such as Runtime.ImportModuleError, are those of init.
    return _Sign(
        at=event.at,
        is_init=error_type.startswith("Runtime.") and not request_id,
        error_type=error_type,
        error=f"{error_type}: {text}",
        request_id=request_id,
    )


def _text_sign(event: Event) -> _Sign | None:
    text = event.message
    status = next(iter(_STATUS.findall(text)), "")
    error_type = next(iter(_ERROR_TYPE.findall(text)), "")
    if match := _REPORT.match(text):
        return _Sign(
            at=event.at,
            status=status,
            is_end=True,
            error_type=error_type,
            request_id=match["request"],
            duration=timedelta(milliseconds=int(match["duration"])),
            is_full=int(match["peak"]) >= int(match["memory"]),
        )
    if _INIT_REPORT.match(text):
        return _Sign(at=event.at, status=status, is_init=True, error_type=error_type)
    if match := _TIMED_OUT.search(text):
        request_id = match["request"] or ""
        return _Sign(at=event.at, status=_TIMEOUT, error=match["text"], request_id=request_id)
    if match := _EXITED.match(text):
        return _Sign(
            at=event.at,
            error_type=_EXIT_ERROR,
            error=match["text"],
            request_id=match["request"],
        )
    if match := _RAISED.match(text):
        return _raised(event, match["type"], match["text"], "")
    return None


def _decoded[T](text: str, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _sum(points: Sequence[Point]) -> int:
    return round(sum(point.value for point in points))
