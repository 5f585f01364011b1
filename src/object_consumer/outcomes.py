"""Determine the outcome of an object, and the settlement of a message from its objects.

A result or an exception of a consumer's function can run the function's code when it is accessed: a
field, an error's text or its `retry_after` can raise any exception. Only this module accesses them,
in the object's thread, and converts them to plain texts and numbers.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import traceback
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec.structs import replace

from object_consumer import continuation
from object_consumer.continuation import Continue
from object_consumer.errors import DeadlineError, PermanentError, RetryableError, SkippedError
from object_consumer.ledger import BusyForLongError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# A message can stay invisible for 12 hours after it was received, of which at most 15 minutes have
# passed when a function sets the delay.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
MAX_DELAY = 12 * 3600 - 15 * 60
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html
MAX_SEND_DELAY = 15 * 60
# What to change so that an object is finished; the names are those of the Terraform modules.
_MORE_TIME = (
    "raise the consumer's timeout (at most 900) or memory_size (more memory, more CPU), or split "
    "the file"
)
# A log line has at most 256 KB; keep the beginning of a message and the end of a stack trace.
_MAX_MESSAGE = 4_000
_MAX_TRACEBACK = 8_000
_MAX_FIELDS = 1_000
_MAX_PROGRESS = 200
# The number of objects whose reasons are listed; the message itself has all of them.
_MAX_REASONS = 20


class Status(StrEnum):
    """The status of a finished object."""

    DONE = "done"
    SKIPPED = "skipped"
    CONTINUED = "continued"
    RETRY = "retry"
    PERMANENT = "permanent"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one object.

    Attributes
    ----------
    status
        The status.
    reason
        The reason why an object was skipped.
    error_type, error_message, stack
        The error of a failed object; the stack trace only for an unexpected error.
    retry_after
        The delay in seconds that the error requests.
    started
        Whether the consumer's function was called.
    counts
        Whether the attempt counts towards the dead-letter queue: not if another delivery makes
        progress with the object.
    ends
        Whether the next attempt starts at the beginning, without the cursor of an earlier one.
    cursor
        Where the next invocation goes on, as JSON.
    progress
        How far the object is.
    fields
        The function's result, for the log.
    """

    status: Status
    reason: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    stack: str | None = None
    retry_after: float | None = None
    started: bool = True
    counts: bool = True
    ends: bool = False
    cursor: str | None = None
    progress: str | None = None
    fields: Mapping[str, object] = msgspec.field(default_factory=dict)


FILTERED = Outcome(status=Status.SKIPPED, reason="filtered", started=False)
NO_TIME_TO_START = Outcome(
    status=Status.RETRY,
    error_type=DeadlineError.__name__,
    error_message="not started: the invocation's time was running out",
    retry_after=0,
    started=False,
)


def out_of_time(seconds: float, progress: tuple[int, int] | None) -> Outcome:
    """Create the outcome of an object that was started, but not finished in time.

    Parameters
    ----------
    seconds
        The function's timeout.
    progress
        The bytes that were read, and those of the file; None if unknown.
    """
    done = _bytes_read(*progress) if progress is not None else None
    message = f"not finished when the invocation's {seconds:.0f} s ran out"
    return Outcome(
        status=Status.RETRY,
        error_type=DeadlineError.__name__,
        error_message=f"{message}{f'; {done}' if done else ''}: {_MORE_TIME}; with a ledger, a "
        "function can also return Continue, as load_records does, and go on in another invocation",
        progress=done,
    )


def too_many_invocations(invocations: int, progress: str) -> Outcome:
    """Create the outcome of an object that is not finished after the last invocation it may have.

    Its cursor is kept: after a redrive with a higher limit, the object goes on from there.
    """
    return Outcome(
        status=Status.PERMANENT,
        error_type=PermanentError.__name__,
        error_message=f"not finished after {invocations:,} invocations"
        f"{f'; {progress}' if progress else ''}: {_MORE_TIME}, or raise the consumer's "
        "max_invocations and redrive the message, which goes on from there",
        started=False,
        progress=progress or None,
    )


def behind(delay: float) -> Outcome:
    """Create the outcome of an object whose predecessor in its FIFO group is retried.

    The whole group has one delay: SQS delivers no message of a group while one of it is invisible.
    """
    return Outcome(
        status=Status.RETRY,
        error_type=RetryableError.__name__,
        error_message="not started: an earlier message of its group is retried first",
        retry_after=delay,
        started=False,
    )


def of_result(result: object, *, cursor: str | None = None, continues: bool = False) -> Outcome:
    """Return the outcome of an object whose function returned.

    The fields of a mapping are copied as plain data, at most 1,000 of them. A field that can't be
    read is replaced by its type; the object is done nevertheless.

    Parameters
    ----------
    result
        What the function returned.
    cursor
        The cursor that the function was called with, as JSON.
    continues
        Whether the runtime can go on in another invocation.
    """
    # Not isinstance(), which calls the result's __class__.
    if issubclass(type(result), Continue):
        return _continued(cast("Continue", result), cursor, continues=continues)
    try:
        if isinstance(result, Generator | Coroutine | AsyncGenerator):
            return _never_ran(result)
        fields = _fields(result) if isinstance(result, Mapping) else {}
    except BaseException as error:  # noqa: BLE001 - the object is done, whatever its result is
        fields = {"result_error": f"{_type_name(error)} while reading the result"}
    return Outcome(status=Status.DONE, fields=fields)


def of_error(error: BaseException) -> Outcome:
    """Return the outcome of an object whose function raised.

    `SystemExit`, `MemoryError` and others are retried like any unexpected error: one object's
    failure must not affect the others of its batch.
    """
    # Not isinstance(), which calls the error's __class__.
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
        ends=issubclass(kind, PermanentError),
    )


def not_claimed(error: Exception) -> Outcome:
    """Return the outcome of an object that the ledger rejected."""
    counts = not isinstance(error, BusyForLongError)
    return replace(of_error(error), started=False, counts=counts)


def failure_of(outcome: Outcome) -> Failure:
    """Return the failure to record in the ledger."""
    return Failure(
        kind=str(outcome.status),
        error_type=outcome.error_type or "",
        message=outcome.error_message or "",
        ends=outcome.ends,
    )


class Acknowledge(msgspec.Struct, frozen=True):
    """The message is done: SQS deletes it."""


class Retry(msgspec.Struct, frozen=True):
    """The message becomes visible again after a delay in seconds."""

    delay: float


class MoveToDeadLetterQueue(msgspec.Struct, frozen=True):
    """The message goes to the dead-letter queue with its reason.

    Attributes
    ----------
    kind
        ``"permanent"``, or ``"exhausted"`` if no retry is possible: the last receive failed, or the
        message would expire.
    error_type, error_message
        The reasons of all failed objects.
    otherwise
        The settlement if the message can't be sent there.
    """

    kind: str
    error_type: str
    error_message: str
    otherwise: Retry


class SendAgain(msgspec.Struct, frozen=True):
    """The message is sent to its queue again, which starts its receives at 1, and acknowledged.

    Attributes
    ----------
    delay
        Seconds until it is delivered.
    otherwise
        The settlement if it can't be sent.
    """

    delay: float
    otherwise: Retry


type Settlement = Acknowledge | Retry | SendAgain | MoveToDeadLetterQueue


class Backoff(msgspec.Struct, frozen=True):
    """Delays between retries: exponential, with full jitter.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Attributes
    ----------
    base
        The maximum delay in seconds after the first attempt; doubles with each receive.
    cap
        The maximum of all delays in seconds.
    """

    base: float = 20
    cap: float = 900

    def delay(self, receive_count: int | None, uniform: Callable[[float, float], float]) -> float:
        """Return a random delay in seconds after the given number of receives."""
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
    in_order: bool = False,
) -> Settlement:
    """Determine the settlement of a message.

    A message with an object that goes on in another invocation is sent again. If another object of
    it has to be retried, the message is retried until its last receive, and only then sent again. A
    message of a FIFO group keeps its place: it is retried at once, which counts as a receive.

    If an object has to be retried, the whole message is retried, including its permanent failures.
    On its last receive it is dead-lettered instead, because SQS would move it without a reason. The
    same applies if no retry can end before the queue's retention period, because SQS would delete
    it. A delay of the backoff is shortened to fit. A delay that an error requests is not, because
    an earlier attempt would fail.

    Parameters
    ----------
    outcomes
        The name and the outcome of each object.
    receive_count, max_receive_count
        This receive and the last one allowed; None if unknown.
    backoff, uniform
        The delays, and the random function.
    time_left
        Seconds within which the next attempt must begin, so that it ends before SQS deletes the
        message; None if unknown.
    in_order
        Whether the message is one of a FIFO group.
    """
    if in_order:
        outcomes = [(name, _in_order(outcome, max_receive_count)) for name, outcome in outcomes]
    failed = [
        (name, outcome)
        for name, outcome in outcomes
        if outcome.status in {Status.RETRY, Status.PERMANENT}
    ]
    continues = any(outcome.status is Status.CONTINUED for _, outcome in outcomes)
    if not failed and not continues:
        return Acknowledge()
    again = [outcome for _, outcome in failed if outcome.status is Status.RETRY]
    longest = math.inf if time_left is None else max(0.0, time_left)
    delay = _delay(again, min(longest, backoff.delay(receive_count, uniform)))
    expires = time_left is not None and (time_left < 0 or delay > time_left)
    exhausted = bool(receive_count and max_receive_count and receive_count >= max_receive_count)
    if any(outcome.counts for outcome in again) and not exhausted and not expires:
        return Retry(delay)
    if continues or any(not outcome.counts for outcome in again):
        soon = 0.0 if continues else min(_delay(again, 0.0), MAX_SEND_DELAY)
        return SendAgain(soon, otherwise=Retry(soon))
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


def _in_order(outcome: Outcome, max_receive_count: int | None) -> Outcome:
    """Return the outcome of an object in a FIFO group, where each attempt counts."""
    if outcome.status is not Status.CONTINUED:
        return replace(outcome, counts=True)
    return replace(
        outcome,
        status=Status.RETRY,
        error_type=RetryableError.__name__,
        error_message=f"not finished{f'; {outcome.progress}' if outcome.progress else ''}; in a "
        "FIFO queue each invocation counts as a receive: raise max_receive_count "
        f"({max_receive_count}) and redrive the message, which goes on from there",
        retry_after=0,
    )


def _delay(outcomes: Sequence[Outcome], backoff: float) -> float:
    delays = [outcome.retry_after for outcome in outcomes if outcome.retry_after is not None]
    if len(delays) < len(outcomes) or not outcomes:
        # At least one object requests no delay.
        delays.append(backoff)
    return min(max(0.0, *delays), MAX_DELAY)


def _reasons(failed: Sequence[tuple[str, Outcome]]) -> str:
    if len(failed) == 1:
        return failed[0][1].error_message or ""
    told = "; ".join(f"{name}: {outcome.error_message}" for name, outcome in failed[:_MAX_REASONS])
    return told if len(failed) <= _MAX_REASONS else f"{told}; and {len(failed) - _MAX_REASONS} more"


def _continued(result: Continue, before: str | None, *, continues: bool) -> Outcome:
    try:
        cursor = continuation.encode(result.cursor)
        progress = None if result.progress is None else _cut(str(result.progress), _MAX_PROGRESS)
        is_same = continuation.decode(cursor) == continuation.decode(before)
    except BaseException as error:  # noqa: BLE001 - the object can't go on, whatever is wrong
        return of_error(error)
    if not continues:
        return of_error(
            RetryableError(
                "the function returned Continue, which needs a ledger for the cursor and a queue "
                "for the next invocation: set ledger = {} on the pipeline (or ledger on the "
                "consumer's module), and a route other than function"
            )
        )
    if is_same:
        return of_error(
            RetryableError(
                "the function returned Continue with the cursor it was called with, so it made no "
                f"progress: {_cut(cursor, _MAX_PROGRESS)}"
            )
        )
    return Outcome(status=Status.CONTINUED, cursor=cursor, progress=progress)


def _bytes_read(read: int, size: int) -> str:
    units = [("GB", 10**9), ("MB", 10**6), ("KB", 10**3)]
    unit, divisor = next((some for some in units if size >= some[1]), ("bytes", 1))
    digits = 0 if divisor == 1 else 1
    return f"read {min(read, size) / divisor:.{digits}f} of {size / divisor:.{digits}f} {unit}"


def _never_ran(result: object) -> Outcome:
    """Reject a generator or coroutine: if it were acknowledged, its object would be lost."""
    if isinstance(result, Coroutine):
        # Python warns about coroutines that are never awaited.
        with contextlib.suppress(BaseException):
            result.close()
    return of_error(
        TypeError(
            f"the function returned a {_type_name(result)}, so its code has not run; "
            "write it without yield and async"
        )
    )


def _fields(result: Mapping[object, object]) -> dict[str, object]:
    return {
        _cut(str(name), _MAX_MESSAGE): _plain(value)
        for name, value in itertools.islice(result.items(), _MAX_FIELDS)
    }


def _plain(value: object) -> object:
    """Convert a value to plain data: a JSON value, else its text, else its type's name."""
    if value is None or type(value) in {float, bool}:
        return value
    if type(value) is str:
        return _cut(value, len(value))
    # Ignore any exception of the value's code, and values that JSON can't represent.
    with contextlib.suppress(Exception):
        return msgspec.json.decode(msgspec.json.encode(value, enc_hook=repr))
    with contextlib.suppress(Exception):
        return _cut(repr(value), _MAX_MESSAGE)
    return _type_name(value)


def _seconds(error: BaseException) -> float | None:
    try:
        asked: Any = getattr(error, "retry_after")  # noqa: B009 - it may be a property
        seconds = math.nan if asked is None else float(asked)
    except BaseException:  # noqa: BLE001 - it is not a number, or too large for a float
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
    except BaseException:  # noqa: BLE001 - an error that can't be printed is an outcome too
        return _type_name(error)


def _stack(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:]
    except BaseException:  # noqa: BLE001 - as above
        return ""


def _type_name(value: object) -> str:
    try:
        return _cut(type(value).__name__, _MAX_MESSAGE)
    except BaseException:  # noqa: BLE001 - a metaclass may have code too
        return "object"


def _cut(text: str, most: int) -> str:
    # For a subclass of str, this is the text itself, without the subclass's code.
    plain = str.__getitem__(text, slice(most))
    # A lone surrogate is not valid UTF-8: neither JSON nor DynamoDB accepts it.
    return plain if plain.isascii() else plain.encode(errors="backslashreplace").decode()
