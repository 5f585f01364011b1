"""A Lambda event: every message has its outcome, and no object changes another's."""

from __future__ import annotations

import contextlib
import io
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import strategies as st

from object_consumer import (
    Continue,
    ObjectEvent,
    ObjectStore,
    PermanentError,
    RetryableError,
    SkippedError,
)
from object_consumer.envelopes import decode
from object_consumer.messages import InvocationError, Message
from tests.fuzz import strategies
from tests.fuzz.metering import Bound
from tests.fuzz.target import Target, promise
from tests.unit.object_consumer.consumer import Consumer, FakeContext

_SECONDS = 20
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
_LONGEST_DELAY = 12 * 3600
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
_MOST_ATTRIBUTES = 10
_ACCEPTED = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")


class _BareError(RetryableError):
    """An error class that leaves its base uninitialised."""

    def __init__(self) -> None:
        pass


class _NoText:
    """A result that can't be written, and an error that can't be printed."""

    def __repr__(self) -> str:
        raise ValueError("no text")


class _NoName:
    """A name that can't be written."""

    def __str__(self) -> str:
        raise ValueError("no name")


class _NoTextError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@dataclass
class Result:
    """What became of an event.

    Attributes
    ----------
    event
        The event as Lambda's runtime reads it.
    failed
        The messages that are tried again; None if the invocation failed.
    dead_letters
        The messages that were sent to the dead-letter queue, with their attributes.
    delays
        The seconds after which messages are tried again.
    called
        The keys that the function was called for.
    lines
        What was written to the log.
    crashes
        What ended a thread.
    """

    event: object
    failed: list[str] | None = None
    error: InvocationError | None = None
    dead_letters: list[tuple[Message, Mapping[str, Any]]] = field(default_factory=list)
    delays: dict[str, int] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)
    lines: str = ""
    crashes: list[str] = field(default_factory=list)


def _nested() -> list[object]:
    value: list[object] = []
    for _ in range(2_000):
        value = [value]
    return value


def _changed() -> Continue:
    """Return a cursor that was plain data when it was checked."""
    cursor: list[object] = []
    result = Continue(cursor, progress="\ud800")
    cursor.append(_NoText())
    return result


_RAISED: Mapping[str, Callable[[], BaseException]] = {
    "skip": lambda: SkippedError("nothing to do"),
    "permanent": lambda: PermanentError("never\x1b[2J"),
    "surrogate": lambda: PermanentError("\ud800"),
    "retry": lambda: RetryableError("later", retry_after=7),
    "text delay": lambda: RetryableError("later", retry_after="30"),  # type: ignore[arg-type]
    "endless delay": lambda: RetryableError("later", retry_after=float("inf")),
    "bare error": _BareError,
    "no text": _NoTextError,
    "bug": lambda: KeyError(_NoText()),
    "exit": lambda: SystemExit(1),
}
_RETURNED: Mapping[str, Callable[[], object]] = {
    "no result": lambda: {"value": _NoText(), _NoName(): 1},
    "deep result": lambda: {"value": _nested()},
    "huge": lambda: {"value": "x" * 300_000, "number": 10**5_000},
    "no mapping": lambda: ["a", "b"],
    # Nothing can go on here, where there is no ledger.
    "continue": lambda: Continue({"line": 1}, progress="1 of 2"),
    "changed cursor": _changed,
}
# What the function under test does about an object is its key.
BEHAVIOURS = ("done", *_RAISED, *_RETURNED)


def _author(calls: list[str], event: ObjectEvent, _: ObjectStore) -> Any:
    """Do what the key says."""
    calls.append(event.key)
    if make := _RAISED.get(event.key):
        error = make()
        raise error
    return _RETURNED.get(event.key, dict)()


def work(data: bytes) -> Result | None:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        # Lambda's runtime reads the event before any handler is called.
        return None
    result = Result(event)
    ends = time.monotonic() + _SECONDS
    consumer = Consumer(
        lambda event, store: _author(result.called, event, store),
        context=FakeContext(remaining=lambda: ends - time.monotonic()),
        concurrency=1 + len(data) % 2,
        settings={"metrics_namespace": "Tests"},
    )
    output = io.StringIO()
    hook = threading.excepthook
    threading.excepthook = lambda crash: result.crashes.append(repr(crash.exc_value))
    try:
        with contextlib.redirect_stdout(output):
            result.failed = consumer(event)
    except InvocationError as error:
        result.error = error
    finally:
        threading.excepthook = hook
    result.dead_letters = consumer.queue.dead_letters
    result.delays = consumer.queue.delays
    result.lines = output.getvalue()
    return result


def judge(data: bytes, result: Result | None) -> None:
    if result is None:
        return
    promise(not result.crashes, f"a thread ended with {result.crashes}")
    for line in filter(None, result.lines.split("\n")):
        json.loads(line)
    for identifier, seconds in result.delays.items():
        promise(0 <= seconds <= _LONGEST_DELAY, f"{identifier} is delayed by {seconds} seconds")
    for _, attributes in result.dead_letters:
        _judge_attributes(attributes)
    messages = _messages(result.event)
    if result.failed is None:
        promise(messages is None or _has_no_ids(result.event), f"failed as a whole: {result.error}")
        return
    if messages is None:
        promise(result.failed == [], f"{result.failed} failed without a batch")
        return
    promise(set(result.failed) <= set(messages), f"{result.failed} are not of the batch")
    settled = set(result.failed) | {str(message.id) for message, _ in result.dead_letters}
    for identifier, body in messages.items():
        _judge_message(identifier, body, identifier in settled, result.called)


def _judge_attributes(attributes: Mapping[str, Any]) -> None:
    """SQS takes ten attributes, and characters of XML 1.0 only."""
    promise(len(attributes) <= _MOST_ATTRIBUTES, f"{len(attributes)} attributes")
    for name in ("ErrorType", "ErrorMessage", "ErrorKind", "FunctionName", "RequestId"):
        text = attributes[name]["StringValue"]
        promise(_ACCEPTED.fullmatch(text), f"{name} is {text!r}")


def _judge_message(identifier: str, body: object, settled: object, called: list[str]) -> None:
    if not isinstance(body, str):
        return
    contents = decode(body)
    promise(settled or not contents.errors, f"{identifier} is lost, with {contents.errors[:1]}")
    for event in contents.events:
        promise(
            settled or event.key in called,
            f"{identifier} is acknowledged, {event.key!r} was not processed",
        )
        promise(
            settled or event.key not in {"continue", "changed cursor"},
            f"{identifier} is acknowledged, and nothing goes on with {event.key!r}",
        )


def _messages(event: object) -> dict[str, object] | None:
    """Return the bodies of a batch by their ids; nothing for an event that came directly."""
    records = event.get("Records") if isinstance(event, dict) else None
    some = records if isinstance(records, list) else []
    if not any(isinstance(one, dict) and one.get("eventSource") == "aws:sqs" for one in some):
        return None
    return {_id(one): one.get("body") if isinstance(one, dict) else None for one in some}


def _has_no_ids(event: Any) -> bool:
    ids = [_id(record) for record in event["Records"]]
    return "" in ids or len(set(ids)) < len(ids)


def _id(record: Any) -> str:
    identifier = record.get("messageId") if isinstance(record, dict) else None
    return identifier if isinstance(identifier, str) else ""


_MATES = [strategies.notification("done"), strategies.notification("skip")]


def _with_mates(behaviour: str) -> bytes:
    return strategies.batch(_MATES[0], strategies.notification(behaviour), _MATES[1]).encode()


def _nested_with_mates(depth: int) -> bytes:
    return strategies.batch(_MATES[0], strategies.nested(depth, "[", "]"), _MATES[1]).encode()


def _many(count: int) -> str:
    """Write a message about so many objects."""
    (record,) = json.loads(strategies.notification("done"))["Records"]
    records = []
    for number in range(count):
        record["s3"]["object"]["key"] = f"{number}"
        records.append(json.dumps(record))
    return f'{{"Records":[{",".join(records)}]}}'


TARGET = Target(
    work=work,
    judge=judge,
    inputs=strategies.lambda_events(st.sampled_from(BEHAVIOURS)).map(
        lambda text: text.encode(errors="surrogatepass")
    ),
    example=strategies.batch(
        strategies.notification("done"), strategies.notification("bug")
    ).encode(),
    known={f"{name}, with mates": partial(_with_mates, name) for name in BEHAVIOURS}
    | {
        f"a body nested {depth} deep, with mates": partial(_nested_with_mates, depth)
        for depth in (9_992, 9_993)
    }
    | {
        "400 records in a message": lambda: strategies.batch(_many(400)).encode(),
        "one object in 500 messages": lambda: strategies.batch(
            *[strategies.notification("done")] * 500
        ).encode(),
        "a receive count of 5,000 digits": lambda: strategies.batch(
            *_MATES, attributes={"ApproximateReceiveCount": "9" * 5_000}
        ).encode(),
        "six attributes that are no UTF-8": lambda: strategies.batch(
            strategies.notification("permanent"),
            *_MATES,
            message_attributes={
                str(n): {"dataType": "String", "stringValue": "\ud800"} for n in range(6)
            },
        ).encode(),
    },
    # An object costs a task, its outcome and a line; the smallest record of one has 150 bytes.
    bound=Bound(bytes_each=300, steps_each=20, bytes_free=8 * 1024 * 1024, steps_free=50_000),
    tokens=tuple(
        json.dumps(word).encode()
        for word in (
            *("Records", "messageId", "body", "eventSource", "aws:sqs", "eventSourceARN", "x.fifo"),
            *("attributes", "messageAttributes", "ApproximateReceiveCount", "MessageGroupId"),
            *BEHAVIOURS,
        )
    ),
)
