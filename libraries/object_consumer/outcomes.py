"""What becomes of an object, and from its objects, of a message. Pure decisions.

What a consumer's function returns or raises is its own code up to here: a field, an error's text
or its `retry_after` can raise anything when it is looked at. It is looked at here alone, in the
object's thread, and what is left is plain text and numbers.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import traceback
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

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
_MAX_FIELDS = 1_000
# Objects of a message whose reasons are told; the message itself has all of them.
_MAX_REASONS = 20


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
    """Give the outcome of an object whose function returned.

    The fields of a mapping are taken over as plain data, at most 1,000 of them. One that can't be
    read is told by its type, and takes nothing from the object's being done.
    """
    try:
        if isinstance(result, Generator | Coroutine | AsyncGenerator):
            return _never_ran(result)
        fields = _fields(result) if isinstance(result, Mapping) else {}
    except BaseException as error:  # noqa: BLE001 - the object is done, whatever its result is
        fields = {"result_error": f"{_type_name(error)} when the result was read"}
    return Outcome(status=Status.DONE, fields=fields)


def of_error(error: BaseException) -> Outcome:
    """Give the outcome of an object whose function raised.

    `SystemExit`, `MemoryError` and the like are retried as any unexpected error is: one object's
    trouble is no reason to fail the others of its batch.
    """
    # Not isinstance(), which asks an error for its class.
    kind = type(error)
    if issubclass(kind, SkippedError):
        return Outcome(status=Status.SKIPPED, reason=_reason(error))
    expected = issubclass(kind, PermanentError | RetryableError)
    return Outcome(
        status=Status.PERMANENT if issubclass(kind, PermanentError) else Status.RETRY,
        error_type=_type_name(error),
        error_message=_message(error),
        stack=None if expected else _stack(error),
        retry_after=_seconds(error) if issubclass(kind, RetryableError) else None,
    )


def not_claimed(error: Exception) -> Outcome:
    """Give the outcome of an object that the ledger did not let be processed."""
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
class MoveToDeadLetterQueue:
    """The message goes to the dead-letter queue with its reason.

    Attributes
    ----------
    kind
        ``"permanent"``, or ``"exhausted"`` when no other try is allowed: the last receive failed,
        or the message would expire.
    error_type, error_message
        The reasons of all the objects that failed.
    otherwise
        What becomes of the message when it can't be sent there.
    """

    kind: str
    error_type: str
    error_message: str
    otherwise: Retry


type Settlement = Acknowledge | Retry | MoveToDeadLetterQueue


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


def settle(
    outcomes: Sequence[tuple[str, Outcome]],
    *,
    receive_count: int | None,
    max_receive_count: int | None,
    backoff: Backoff,
    uniform: Callable[[float, float], float],
    time_left: float | None = None,
) -> Settlement:
    """Decide what becomes of a message.

    Any object to be retried means that the message is, and its permanent failures with it. On its
    last allowed receive it is dead-lettered instead, as SQS would move it without a reason; and
    where no other try can end before the queue's retention does, as SQS would delete it. A delay of
    the backoff is shortened to fit, one that an error asks for is not: an earlier try would fail.

    Parameters
    ----------
    outcomes
        For each object, what it is called and how it ended.
    receive_count, max_receive_count
        This receive and the last one allowed; None if unknown.
    backoff, uniform
        The delays, and the source of chance.
    time_left
        Seconds within which another try has to begin, or SQS deletes the message before it ends;
        None if unknown.
    """
    failed = [
        (name, outcome)
        for name, outcome in outcomes
        if outcome.status in {Status.RETRY, Status.PERMANENT}
    ]
    if not failed:
        return Acknowledge()
    again = [outcome for _, outcome in failed if outcome.status is Status.RETRY]
    longest = math.inf if time_left is None else max(0.0, time_left)
    delay = _delay(again, min(longest, backoff.delay(receive_count, uniform)))
    expires = time_left is not None and (time_left < 0 or delay > time_left)
    exhausted = bool(receive_count and max_receive_count and receive_count >= max_receive_count)
    if again and not exhausted and not expires:
        return Retry(delay)
    expiry = (
        "not tried again: the queue's retention ends before another try would; "
        if again and expires and not exhausted
        else ""
    )
    return MoveToDeadLetterQueue(
        kind="exhausted" if again else "permanent",
        error_type=", ".join(dict.fromkeys(outcome.error_type or "" for _, outcome in failed)),
        error_message=expiry + _reasons(failed),
        otherwise=Retry(min(delay, longest)),
    )


def _delay(outcomes: Sequence[Outcome], backoff: float) -> float:
    delays = [outcome.retry_after for outcome in outcomes if outcome.retry_after is not None]
    if len(delays) < len(outcomes) or not outcomes:
        # Some object has no wish of its own.
        delays.append(backoff)
    return min(max(0.0, *delays), MAX_DELAY)


def _reasons(failed: Sequence[tuple[str, Outcome]]) -> str:
    if len(failed) == 1:
        return failed[0][1].error_message or ""
    told = "; ".join(f"{name}: {outcome.error_message}" for name, outcome in failed[:_MAX_REASONS])
    return told if len(failed) <= _MAX_REASONS else f"{told}; and {len(failed) - _MAX_REASONS} more"


def _never_ran(result: object) -> Outcome:
    """Refuse what was to be iterated or awaited: acknowledged, its object would be lost."""
    if isinstance(result, Coroutine):
        # Python warns of those that nobody awaits.
        with contextlib.suppress(BaseException):
            result.close()
    return of_error(
        TypeError(
            f"the function returned a {_type_name(result)}, so nothing of it has run; "
            "write it without yield and async"
        )
    )


def _fields(result: Mapping[object, object]) -> dict[str, object]:
    return {
        _cut(str(name), _MAX_MESSAGE): _plain(value)
        for name, value in itertools.islice(result.items(), _MAX_FIELDS)
    }


def _plain(value: object) -> object:
    """Take a value over without its code: what JSON has, else its text, else its type's name."""
    if value is None or type(value) in {float, bool}:
        return value
    if type(value) is str:
        return _cut(value, len(value))
    # Suppressed is whatever a value's code raises, and what JSON has no form for.
    with contextlib.suppress(Exception):
        return msgspec.json.decode(msgspec.json.encode(value, enc_hook=repr))
    with contextlib.suppress(Exception):
        return _cut(repr(value), _MAX_MESSAGE)
    return _type_name(value)


def _seconds(error: BaseException) -> float | None:
    try:
        asked: Any = getattr(error, "retry_after")  # noqa: B009 - it may be a property
        seconds = math.nan if asked is None else float(asked)
    except BaseException:  # noqa: BLE001 - it is no number, or one that no float holds
        return None
    return None if math.isnan(seconds) else seconds


def _reason(error: BaseException) -> str:
    try:
        return _cut(str(getattr(error, "reason")), _MAX_MESSAGE) or SkippedError.reason  # noqa: B009
    except BaseException:  # noqa: BLE001 - as above
        return SkippedError.reason


def _message(error: BaseException) -> str:
    try:
        return _cut(str(error), _MAX_MESSAGE) or _type_name(error)
    except BaseException:  # noqa: BLE001 - an error that can't even be printed is still an outcome
        return _type_name(error)


def _stack(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:]
    except BaseException:  # noqa: BLE001 - as above
        return ""


def _type_name(value: object) -> str:
    try:
        return _cut(type(value).__name__, _MAX_MESSAGE)
    except BaseException:  # noqa: BLE001 - a class of classes may have code, too
        return "object"


def _cut(text: str, most: int) -> str:
    # Of a subclass of str this is the text itself, without the subclass's code.
    plain = str.__getitem__(text, slice(most))
    # A lone surrogate is no UTF-8: neither JSON nor DynamoDB takes it.
    return plain if plain.isascii() else plain.encode(errors="backslashreplace").decode()
