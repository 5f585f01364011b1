"""What becomes of an object, and from its objects, of a message. Pure decisions."""

from __future__ import annotations

import math
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from object_consumer.errors import DeadlineError, PermanentError, RetryableError, SkippedError
from object_consumer.ledger import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# A message may stay invisible for 12 hours after it was received, at most 15 minutes of which have
# gone by when a function sets the delay.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
MAX_DELAY = 12 * 3600 - 15 * 60
# A line of a log holds 256 KB at most; the beginning of a message and the end of a stack tell most.
_MAX_MESSAGE = 4_000
_MAX_TRACEBACK = 8_000


class Status(StrEnum):
    """How one object ended."""

    DONE = "done"
    SKIPPED = "skipped"
    RETRY = "retry"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one object ended, and why.

    Attributes
    ----------
    status
        The end itself.
    reason
        Why an object was skipped.
    error_type, error_message, stack
        The error of an object that failed; the stack only of an unexpected one.
    retry_after
        Seconds that the error asks to wait before the next try.
    started
        Whether the consumer's function was called.
    fields
        What the function returned for the log.
    """

    status: Status
    reason: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    stack: str | None = None
    retry_after: float | None = None
    started: bool = True
    fields: Mapping[str, object] = field(default_factory=dict)


FILTERED = Outcome(status=Status.SKIPPED, reason="filtered", started=False)
NO_TIME_TO_START = Outcome(
    status=Status.RETRY,
    error_type=DeadlineError.__name__,
    error_message="not started: the invocation's time was running out",
    retry_after=0,
    started=False,
)
OUT_OF_TIME = Outcome(
    status=Status.RETRY,
    error_type=DeadlineError.__name__,
    error_message="not finished when the invocation's time ran out",
)


def behind(delay: float) -> Outcome:
    """Make the outcome of an object whose predecessor in its FIFO group is retried.

    The whole group gets one delay: SQS hands out nothing of a group while any of it is invisible.
    """
    return Outcome(
        status=Status.RETRY,
        error_type=RetryableError.__name__,
        error_message="not started: an earlier message of its group is retried first",
        retry_after=delay,
        started=False,
    )


def of_result(result: object) -> Outcome:
    """Judge what a consumer's function returned."""
    fields = (
        {str(name): value for name, value in result.items()} if isinstance(result, Mapping) else {}
    )
    return Outcome(status=Status.DONE, fields=fields)


def of_error(error: BaseException) -> Outcome:
    """Judge what a consumer's function raised.

    `SystemExit`, `MemoryError` and the like are retried as any unexpected error is: one object's
    trouble is no reason to fail the others of its batch.
    """
    if isinstance(error, SkippedError):
        return Outcome(status=Status.SKIPPED, reason=error.reason)
    expected = isinstance(error, PermanentError | RetryableError)
    return Outcome(
        status=Status.PERMANENT if isinstance(error, PermanentError) else Status.RETRY,
        error_type=type(error).__name__,
        error_message=_message(error),
        stack=None if expected else _stack(error),
        retry_after=error.retry_after if isinstance(error, RetryableError) else None,
    )


def not_claimed(error: Exception) -> Outcome:
    """Judge why the ledger did not let an object be processed: nothing was started."""
    return replace(of_error(error), started=False)


def failure_of(outcome: Outcome) -> Failure:
    """Say for the ledger why an object failed."""
    return Failure(
        kind=str(outcome.status),
        error_type=outcome.error_type or "",
        message=outcome.error_message or "",
    )


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The message is dealt with: SQS deletes it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The message becomes visible again after a delay in seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The message goes to the dead-letter queue with its reason.

    Attributes
    ----------
    kind
        ``"permanent"``, or ``"exhausted"`` when the last allowed receive failed.
    error_type, error_message
        The reasons of all the objects that failed.
    otherwise
        What becomes of the message when it can't be sent there.
    """

    kind: str
    error_type: str
    error_message: str
    otherwise: Retry


type Verdict = Acknowledge | Retry | Quarantine


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays between tries: exponential, with full jitter.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Attributes
    ----------
    base
        The longest delay in seconds after the first try; doubles with each receive.
    cap
        The longest delay in seconds at all.
    """

    base: float = 20
    cap: float = 900

    def delay(self, receive_count: int | None, uniform: Callable[[float, float], float]) -> float:
        """Draw the delay in seconds after so many receives."""
        doublings = min(max((receive_count or 1) - 1, 0), 32)
        return uniform(0, min(self.cap, MAX_DELAY, self.base * 2**doublings))


def judge(
    outcomes: Sequence[tuple[str, Outcome]],
    *,
    receive_count: int | None,
    max_receive_count: int | None,
    backoff: Backoff,
    uniform: Callable[[float, float], float],
) -> Verdict:
    """Decide what becomes of a message.

    Any object to be retried means that the message is, and its permanent failures with it. On its
    last allowed receive it is quarantined instead, as SQS would move it without a reason.

    Parameters
    ----------
    outcomes
        For each object, what it is called and how it ended.
    receive_count, max_receive_count
        This receive and the last one allowed; None if unknown.
    backoff, uniform
        The delays, and the source of chance.
    """
    failed = [
        (name, outcome)
        for name, outcome in outcomes
        if outcome.status in {Status.RETRY, Status.PERMANENT}
    ]
    if not failed:
        return Acknowledge()
    again = [outcome for _, outcome in failed if outcome.status is Status.RETRY]
    retry = Retry(_delay(again, backoff.delay(receive_count, uniform)))
    exhausted = bool(receive_count and max_receive_count and receive_count >= max_receive_count)
    if again and not exhausted:
        return retry
    return Quarantine(
        kind="exhausted" if again else "permanent",
        error_type=", ".join(dict.fromkeys(outcome.error_type or "" for _, outcome in failed)),
        error_message=_reasons(failed),
        otherwise=retry,
    )


def _delay(outcomes: Sequence[Outcome], backoff: float) -> float:
    asked = [outcome.retry_after for outcome in outcomes if outcome.retry_after is not None]
    delays = [delay for delay in asked if not math.isnan(delay)]
    if len(delays) < len(outcomes) or not outcomes:
        # Some object has no wish of its own.
        delays.append(backoff)
    return min(max(0.0, *delays), MAX_DELAY)


def _reasons(failed: Sequence[tuple[str, Outcome]]) -> str:
    if len(failed) == 1:
        return failed[0][1].error_message or ""
    return "; ".join(f"{name}: {outcome.error_message}" for name, outcome in failed)


def _message(error: BaseException) -> str:
    try:
        return str(error)[:_MAX_MESSAGE] or type(error).__name__
    except Exception:  # noqa: BLE001 - an error that can't even be printed is still an outcome
        return type(error).__name__


def _stack(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:]
    except Exception:  # noqa: BLE001 - as above
        return ""
