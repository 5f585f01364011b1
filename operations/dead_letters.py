"""Looking into dead-letter queues: what was set aside, of which object, and why.

SQS shows messages only to those who receive them. Whoever looks here holds them back from others
for as long as that takes, and gives them back; a dead-letter queue has no redrive policy, so that
being received doesn't count.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from typing import Any

import msgspec
from msgspec import Raw, Struct
from mypy_boto3_sqs.type_defs import MessageTypeDef

from object_consumer import envelopes
from object_consumer.events import ObjectEvent
from operations.aws import Aws
from operations.discovery import Consumer

# Long enough to look through a queue, and over soon after a tool that was killed.
HOLD_SECONDS = 120
# Asks all of SQS's servers; without it a queue that isn't empty may seem so.
WAIT_SECONDS = 1
_BATCH = 10
# As much of a reason as the runtime keeps; Lambda's record may hold a megabyte of it.
_MAX_REASON = 4_000
_MOVED = "moved"
_NO_REASON = "no reason given: the function crashed, ran out of time or was throttled"
# What differs from message to message of one reason.
_PARTICULARS = re.compile(
    r"s3://\S+|'[^']*'|\"[^\"]*\"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b[0-9a-fA-F]{16,}\b|\d+(?:[.,:]\d+)*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One message of a dead-letter queue.

    Attributes
    ----------
    consumer
        Whose it is.
    message_id, body
        The message.
    sent_at
        When it was sent: to the dead-letter queue, or to its first queue if SQS moved it.
    kind
        ``permanent``, ``exhausted``, or ``moved`` by SQS.
    error_type, error_message
        Why.
    events
        The events in it.
    receipt_handle, message_attributes, group
        What it takes to send it on and to delete it.
    """

    consumer: str
    message_id: str
    body: str
    sent_at: datetime
    kind: str
    error_type: str
    error_message: str
    events: tuple[ObjectEvent, ...] = ()
    receipt_handle: str = ""
    message_attributes: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None

    @property
    def set_aside_at(self) -> datetime | None:
        """When it was set aside; None if SQS moved it, which leaves its time as it was.

        In a FIFO queue the time is that of the move:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
        """
        return None if self.kind == _MOVED and self.group is None else self.sent_at

    @property
    def reason(self) -> str:
        """Why it was set aside, in one line."""
        return f"{self.error_type}: {self.error_message}" if self.error_type else self.error_message

    @property
    def general_reason(self) -> str:
        """The reason without what is particular to this message: names, numbers, identifiers."""
        text = self.reason
        for key in sorted({event.key for event in self.events}, key=len, reverse=True):
            text = text.replace(key, "…")
        return " ".join(_PARTICULARS.sub("…", text).split())

    def is_about(self, uri: str) -> bool:
        """Whether one of its events is of an object."""
        return any(event.uri == uri for event in self.events)


def number(consumer: Consumer, aws: Aws) -> int:
    """Count the messages of a consumer's dead-letter queue, also those that are looked at."""
    if consumer.dead_letter_queue_url is None:
        return 0
    return sum(depths(consumer.dead_letter_queue_url, aws).values())


def depths(queue_url: str, aws: Aws) -> dict[str, int]:
    """Count a queue's messages: waiting, in_flight, delayed."""
    told = aws.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    return {
        "waiting": int(told["ApproximateNumberOfMessages"]),
        "in_flight": int(told["ApproximateNumberOfMessagesNotVisible"]),
        "delayed": int(told["ApproximateNumberOfMessagesDelayed"]),
    }


@contextmanager
def held(consumer: Consumer, aws: Aws, *, limit: int) -> Iterator[list[DeadLetter]]:
    """Hold the messages of a consumer's dead-letter queue as long as the block runs.

    They are in the order in which they were sent.

    Parameters
    ----------
    limit
        How many are looked at most.
    """
    found: dict[str, DeadLetter] = {}
    try:
        while len(found) < limit and (received := _receive(consumer, aws)):
            fresh = [message for message in received if message["MessageId"] not in found]
            found |= {message["MessageId"]: read(message, consumer.name) for message in received}
            if not fresh:
                break
        yield sorted(found.values(), key=lambda letter: letter.sent_at)
    finally:
        _release(consumer, found.values(), aws)


def look(consumer: Consumer, aws: Aws, *, limit: int) -> list[DeadLetter]:
    """Give the messages of a consumer's dead-letter queue, and leave them there."""
    with held(consumer, aws, limit=limit) as letters:
        return letters


def look_at_all(
    consumers: Sequence[Consumer], aws: Aws, *, limit: int
) -> dict[str, list[DeadLetter]]:
    """Look at the dead-letter queues of several consumers at once, by their names."""
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda consumer: look(consumer, aws, limit=limit), consumers)
        return {consumer.name: some for consumer, some in zip(consumers, found, strict=True)}


def read(message: MessageTypeDef, consumer: str) -> DeadLetter:
    """Read a message: the runtime's reason is in its attributes, Lambda's in its body.

    A message that SQS moved may have the attributes of the time before it was redriven.
    """
    attributes = message.get("MessageAttributes", {})
    system: Mapping[Any, str] = message.get("Attributes", {})
    kind, error_type, error_message = _MOVED, "", _NO_REASON
    if "DeadLetterQueueSourceArn" not in system:
        texts = {name: value.get("StringValue", "") for name, value in attributes.items()}
        kind, error_type = texts.get("ErrorKind", kind), texts.get("ErrorType", error_type)
        error_message = texts.get("ErrorMessage", error_message)
        if not error_type and (failure := _failure_of_invocation(message["Body"])):
            kind, error_type, error_message = failure
    return DeadLetter(
        consumer=consumer,
        message_id=message["MessageId"],
        body=message["Body"],
        sent_at=_moment(system.get("SentTimestamp", "")),
        kind=kind,
        error_type=error_type[:_MAX_REASON],
        error_message=error_message[:_MAX_REASON],
        events=envelopes.decode(message["Body"]).events,
        receipt_handle=message["ReceiptHandle"],
        message_attributes=attributes,
        group=system.get("MessageGroupId"),
    )


def _moment(milliseconds: str) -> datetime:
    """Read a time as SQS gives it; the epoch where it gives none that can be read."""
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def delete(consumer: Consumer, letter: DeadLetter, aws: Aws) -> None:
    """Delete a message that is held."""
    aws.sqs.delete_message(
        QueueUrl=str(consumer.dead_letter_queue_url), ReceiptHandle=letter.receipt_handle
    )


def invocation(body: str) -> Raw | None:
    """Give what a function was invoked with, letter for letter, out of Lambda's record.

    None if the body is no record of an invocation that failed.
    """
    record = _record(body)
    return record.payload if record else None


class _Context(Struct):
    condition: str


class _Record(
    Struct,
    rename={"context": "requestContext", "payload": "requestPayload", "answer": "responsePayload"},
):
    """What Lambda writes of an asynchronous invocation that failed for good.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """

    context: _Context
    payload: Raw
    answer: Raw = Raw(b"null")


class _Error(Struct, rename="camel"):
    error_type: str | None = None
    error_message: str | None = None


def _record(body: str) -> _Record | None:
    return _decoded(body, _Record)


def _failure_of_invocation(body: str) -> tuple[str, str, str] | None:
    """Read why an invocation failed, out of Lambda's record."""
    record = _record(body)
    if record is None:
        return None
    said = _decoded(record.answer, _Error) or _Error()
    error_type = record.context.condition if said.error_type is None else said.error_type
    return "exhausted", error_type, said.error_message or _NO_REASON


def _decoded[T: Struct](document: str | Raw, kind: type[T]) -> T | None:
    """Decode JSON of one form; None if it has another, or is nested too deeply to be read."""
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _receive(consumer: Consumer, aws: Aws) -> list[MessageTypeDef]:
    if consumer.dead_letter_queue_url is None:
        return []
    return aws.sqs.receive_message(
        QueueUrl=consumer.dead_letter_queue_url,
        MaxNumberOfMessages=_BATCH,
        VisibilityTimeout=HOLD_SECONDS,
        WaitTimeSeconds=WAIT_SECONDS,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    ).get("Messages", [])


def _release(consumer: Consumer, letters: Iterable[DeadLetter], aws: Aws) -> None:
    """Give messages back at once; SQS tells which are deleted by now, and that is no trouble."""
    for batch in batched(letters, _BATCH, strict=False):
        aws.sqs.change_message_visibility_batch(
            QueueUrl=str(consumer.dead_letter_queue_url),
            Entries=[
                {"Id": str(n), "ReceiptHandle": letter.receipt_handle, "VisibilityTimeout": 0}
                for n, letter in enumerate(batch)
            ],
        )
