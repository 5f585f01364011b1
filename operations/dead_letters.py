"""Looking into dead-letter queues: what was dead-lettered, of which object, and why.

SQS shows messages only to those who receive them. Whoever looks here holds them back from others
for as long as that takes, and gives them back; a dead-letter queue has no redrive policy, so that
being received doesn't count.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import batched
from typing import Any

from mypy_boto3_sqs.type_defs import MessageTypeDef

from object_consumer import envelopes, failed_invocations
from object_consumer.dead_letters import ERROR_KIND, ERROR_MESSAGE, ERROR_TYPE
from object_consumer.events import ObjectEvent
from operations.aws import Aws
from operations.discovery import Consumer
from operations.errors import OperationError

# Long enough to look through a queue, and over soon after a tool that was killed.
HOLD_SECONDS = 120
# Asks all of SQS's servers; without it a queue that isn't empty may seem so.
WAIT_SECONDS = 1
# A message has up to a megabyte, and what is read of it takes a few times as much.
MAX_LOOK_BYTES = 64 * 2**20
_BATCH = 10
# As much of a reason as the runtime keeps; Lambda's record may hold a megabyte of it.
_MAX_REASON = 4_000
_MOVED = "moved"
_NO_REASON = "no reason given: the function crashed, ran out of time or was throttled"
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
_BEHIND_OTHERS = (
    "a FIFO queue hands out no more of a message group while any of it is held, so ten of each "
    "group are looked at, at most; those behind them show when these are redriven or deleted"
)
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
    receipt_handle, message_attributes, group, fifo
        What it takes to send it on and to delete it; its group, and whether its queue is FIFO.
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
    fifo: bool = False

    @property
    def dead_lettered_at(self) -> datetime | None:
        """When it was dead-lettered; None if SQS moved it, which leaves its time as it was.

        In a FIFO queue the time is that of the move:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
        """
        return None if self.kind == _MOVED and not self.fifo else self.sent_at

    @property
    def reason(self) -> str:
        """Why it was dead-lettered, in one line."""
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


def now(consumer: Consumer, aws: Aws) -> datetime:
    """Give the time by SQS's clock, which is the one that messages have; in whole seconds."""
    answer = aws.sqs.get_queue_attributes(
        QueueUrl=str(consumer.dead_letter_queue_url), AttributeNames=["QueueArn"]
    )
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(told) if told else datetime.now(UTC)


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


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen in a dead-letter queue.

    Attributes
    ----------
    letters
        The messages, in the order in which they were sent; without their bodies, which may have a
        megabyte each.
    unseen
        How many there are besides, about, and why they were not looked at; empty if there are none.
    """

    letters: Sequence[DeadLetter]
    unseen: str = ""


def look(consumer: Consumer, aws: Aws, *, limit: int) -> Look:
    """Look at the messages of a consumer's dead-letter queue, and leave them there.

    Parameters
    ----------
    limit
        How many are looked at most.
    """
    found: dict[str, DeadLetter] = {}
    size = 0
    try:
        while len(found) < limit and size < MAX_LOOK_BYTES:
            received = receive(consumer, aws)
            fresh = [letter for letter in received if letter.message_id not in found]
            size += sum(len(letter.body) for letter in fresh)
            found |= {
                letter.message_id: replace(letter, body="", message_attributes={})
                for letter in received
            }
            if not fresh:
                break
    finally:
        release(consumer, [letter.receipt_handle for letter in found.values()], aws)
    letters = sorted(found.values(), key=lambda letter: letter.sent_at)
    return Look(letters, out_of_sight(consumer, aws, looked=len(found), limit=limit, size=size))


def out_of_sight(
    consumer: Consumer, aws: Aws, *, looked: int, limit: int | None = None, size: int = 0
) -> str:
    """Say how many messages of a dead-letter queue were not looked at, and why.

    Parameters
    ----------
    looked
        How many were looked at and are still there.
    limit, size
        How many were to be looked at most, and how many characters they had.
    """
    there = number(consumer, aws)
    if there <= looked:
        return ""
    if limit is not None and looked >= limit:
        why = "see --limit"
    elif size >= MAX_LOOK_BYTES:
        why = f"they have more than {MAX_LOOK_BYTES // 2**20} MB, so no more were looked at"
    elif consumer.is_fifo:
        why = _BEHIND_OTHERS
    else:
        why = "somebody else looks at the others, or SQS has not counted anew yet"
    return f"{looked:,} of about {there:,} messages: {why}"


def look_at_all(consumers: Sequence[Consumer], aws: Aws, *, limit: int) -> dict[str, Look]:
    """Look at the dead-letter queues of several consumers at once, by their names."""
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda consumer: look(consumer, aws, limit=limit), consumers)
        return {consumer.name: some for consumer, some in zip(consumers, found, strict=True)}


def read(message: MessageTypeDef, consumer: str, *, fifo: bool = False) -> DeadLetter:
    """Read a message: the runtime's reason is in its attributes, Lambda's in its body.

    A message that SQS moved may have the attributes of the time before it was redriven.

    Parameters
    ----------
    consumer
        The consumer's name.
    fifo
        Whether its queues are FIFO. A message of a standard queue may have a group, too:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
    """
    attributes = message.get("MessageAttributes", {})
    system: Mapping[Any, str] = message.get("Attributes", {})
    kind, error_type, error_message = _MOVED, "", _NO_REASON
    if "DeadLetterQueueSourceArn" not in system:
        texts = {name: value.get("StringValue", "") for name, value in attributes.items()}
        kind, error_type = texts.get(ERROR_KIND, kind), texts.get(ERROR_TYPE, error_type)
        error_message = texts.get(ERROR_MESSAGE, error_message)
        if not error_type and (failed := failed_invocations.read(message["Body"])):
            kind, error_type = "exhausted", failed.error_type
            error_message = failed.error_message or _NO_REASON
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
        fifo=fifo,
    )


def _moment(milliseconds: str) -> datetime:
    """Read a time as SQS gives it; the epoch where it gives none that can be read."""
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def receive(consumer: Consumer, aws: Aws) -> list[DeadLetter]:
    """Receive up to ten messages, which are held until they are released or deleted."""
    if consumer.dead_letter_queue_url is None:
        return []
    received = aws.sqs.receive_message(
        QueueUrl=consumer.dead_letter_queue_url,
        MaxNumberOfMessages=_BATCH,
        VisibilityTimeout=HOLD_SECONDS,
        WaitTimeSeconds=WAIT_SECONDS,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    )
    messages = received.get("Messages", [])
    return [read(message, consumer.name, fifo=consumer.is_fifo) for message in messages]


def release(consumer: Consumer, handles: Iterable[str], aws: Aws) -> None:
    """Give messages back at once; SQS tells which are deleted by now, and that is no trouble."""
    for batch in batched(handles, _BATCH, strict=False):
        aws.sqs.change_message_visibility_batch(
            QueueUrl=str(consumer.dead_letter_queue_url),
            Entries=[
                {"Id": str(n), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for n, handle in enumerate(batch)
            ],
        )


def delete(consumer: Consumer, letters: Iterable[DeadLetter], aws: Aws) -> None:
    """Delete messages that are held.

    Raises
    ------
    OperationError
        Some are still there.
    """
    for batch in batched(letters, _BATCH, strict=False):
        answer = aws.sqs.delete_message_batch(
            QueueUrl=str(consumer.dead_letter_queue_url),
            Entries=[
                {"Id": str(n), "ReceiptHandle": letter.receipt_handle}
                for n, letter in enumerate(batch)
            ],
        )
        if failed := answer.get("Failed"):
            raise OperationError(
                f"{len(failed)} messages were sent back to {consumer.name} and could not be "
                "deleted from its dead-letter queue, so they are in both: "
                f"{failed[0]['Code']}: {failed[0].get('Message', '')}"
            )
