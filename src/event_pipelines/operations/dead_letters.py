"""Read dead-letter queues: which objects were dead-lettered, and why.

To read a message, a client has to receive it. This hides it from other clients until it is
released. A dead-letter queue has no redrive policy, so the receive count doesn't matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import batched
from typing import TYPE_CHECKING, Any

from event_pipelines.operations import queues
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.discovery import Consumer
from event_pipelines.operations.errors import OperationError
from object_consumer import envelopes, failed_invocations
from object_consumer.dead_letters import ERROR_KIND, ERROR_MESSAGE, ERROR_TYPE
from object_consumer.events import ObjectEvent

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# Long enough to read a queue, and short enough if the tool is killed.
HOLD_SECONDS = 120
# Long polling queries all of SQS's servers; otherwise a queue may seem empty although it isn't.
WAIT_SECONDS = 1
# A message has up to one megabyte, and its decoded form a few times as much.
MAX_LOOK_BYTES = 64 * 2**20
_BATCH = 10
# The runtime's limit of a reason; Lambda's record may have one of a megabyte.
_MAX_REASON = 4_000
_MOVED = "moved"
_NO_REASON = "no reason given: the function crashed, timed out or was throttled"
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
_BEHIND_OTHERS = (
    "a FIFO queue returns no more of a message group while one of its messages is in flight, so at "
    "most ten of each group can be read; redrive or delete them to see the next ones"
)
# The parts that differ between messages with the same reason. An apostrophe in a word, as in "the
# consumer's timeout", begins no quoted name.
_PARTICULARS = re.compile(
    r"s3://\S+|(?<!\w)'[^']*'|\"[^\"]*\"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b[0-9a-fA-F]{16,}\b|\d+(?:[.,:]\d+)*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One message of a dead-letter queue.

    Attributes
    ----------
    consumer
        The consumer's name.
    message_id, body
        The message.
    sent_at
        When it was sent: to the dead-letter queue, or to its first queue if SQS moved it.
    kind
        ``permanent``, ``exhausted``, or ``moved`` by SQS.
    error_type, error_message
        The reason.
    events
        Its object events.
    receipt_handle, message_attributes, group, fifo
        The data to send it back and to delete it; its group, and whether its queue is FIFO.
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
        """When it was dead-lettered; None if SQS moved it, which keeps the original time.

        In a FIFO queue the time is that of the move:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
        """
        return None if self.kind == _MOVED and not self.fifo else self.sent_at

    @property
    def reason(self) -> str:
        """The reason in one line."""
        return f"{self.error_type}: {self.error_message}" if self.error_type else self.error_message

    @property
    def general_reason(self) -> str:
        """The reason without the parts of this message: names, numbers, identifiers."""
        text = self.reason
        for key in sorted({event.key for event in self.events}, key=len, reverse=True):
            text = text.replace(key, "…")
        return general(text)

    @property
    def has_reason(self) -> bool:
        """Whether its sender gave a reason; SQS gives none."""
        return self.error_message != _NO_REASON

    def is_about(self, uri: str) -> bool:
        """Return whether one of its events is about an object."""
        return any(event.uri == uri for event in self.events)


def general(text: str) -> str:
    """Return a text without its numbers, identifiers, addresses and quoted names."""
    return " ".join(_PARTICULARS.sub("…", text).split())


def matches(letter: DeadLetter, reason: str) -> bool:
    """Return whether a message has a reason: its type, or a part of it, case-insensitive."""
    wanted = reason.casefold()
    return wanted in letter.reason.casefold() or wanted in letter.general_reason.casefold()


def now(consumer: Consumer, aws: Aws) -> datetime:
    """Return the time of SQS's clock, as in messages, in whole seconds."""
    answer = aws.sqs.get_queue_attributes(
        QueueUrl=str(consumer.dead_letter_queue_url), AttributeNames=["QueueArn"]
    )
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(told) if told else datetime.now(UTC)


def number(consumer: Consumer, aws: Aws) -> int:
    """Count the messages of a consumer's dead-letter queue, including those in flight."""
    if consumer.dead_letter_queue_url is None:
        return 0
    return queues.read(consumer.dead_letter_queue_url, aws).messages


@dataclass(frozen=True, slots=True)
class Look:
    """The messages of a dead-letter queue.

    Attributes
    ----------
    letters
        The messages, in the order in which they were sent, without their bodies, which may have one
        megabyte each.
    unseen
        The approximate number of unread messages, and why they were not read; empty if none.
    """

    letters: Sequence[DeadLetter]
    unseen: str = ""


def look(consumer: Consumer, aws: Aws, *, limit: int) -> Look:
    """Read the messages of a consumer's dead-letter queue, and leave them there.

    Parameters
    ----------
    limit
        The maximum number of messages to read.
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
    """Return how many messages of a dead-letter queue were not read, and why.

    Parameters
    ----------
    looked
        The number of messages that were read and are still there.
    limit, size
        The maximum number of messages, and their total characters.
    """
    there = number(consumer, aws)
    if there <= looked:
        return ""
    if limit is not None and looked >= limit:
        why = "see --limit"
    elif size >= MAX_LOOK_BYTES:
        why = f"they have more than {MAX_LOOK_BYTES // 2**20} MB, so no more were read"
    elif consumer.is_fifo:
        why = _BEHIND_OTHERS
    else:
        why = "another client is reading the others, or SQS has not updated its count yet"
    return f"{looked:,} of about {there:,} messages: {why}"


def look_at_all(consumers: Sequence[Consumer], aws: Aws, *, limit: int) -> dict[str, Look]:
    """Read the dead-letter queues of several consumers in parallel; return them by name."""
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda consumer: look(consumer, aws, limit=limit), consumers)
        return {consumer.name: some for consumer, some in zip(consumers, found, strict=True)}


def read(message: MessageTypeDef, consumer: str, *, fifo: bool = False) -> DeadLetter:
    """Parse a message: the runtime's reason is in its attributes, Lambda's in its body.

    A message that SQS moved may have attributes from before a redrive.

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
    """Parse SQS's time; the epoch if it is missing or invalid."""
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def receive(consumer: Consumer, aws: Aws) -> list[DeadLetter]:
    """Receive up to ten messages, which are hidden until they are released or deleted."""
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
    """Make messages visible at once; SQS's errors for deleted messages are ignored."""
    for batch in batched(handles, _BATCH, strict=False):
        aws.sqs.change_message_visibility_batch(
            QueueUrl=str(consumer.dead_letter_queue_url),
            Entries=[
                {"Id": str(n), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for n, handle in enumerate(batch)
            ],
        )


def delete(consumer: Consumer, letters: Iterable[DeadLetter], aws: Aws) -> None:
    """Delete received messages.

    Raises
    ------
    OperationError
        Some could not be deleted.
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
                f"{len(failed)} messages could not be deleted from the dead-letter queue of "
                f"{consumer.name}: {failed[0]['Code']}: {failed[0].get('Message', '')}"
            )
