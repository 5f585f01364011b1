"""The runtime's requests to Amazon SQS: dead-letter messages, send them again, delay retries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from object_consumer import clients, dead_letters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef, SendMessageRequestTypeDef

    from object_consumer.messages import Message

# The entries of one request:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html
BATCH = 10


class Queue(Protocol):
    """A consumer's queue and its dead-letter queue."""

    def dead_letter(
        self, message: Message, attributes: Mapping[str, MessageAttributeValueTypeDef]
    ) -> None:
        """Send a message to the dead-letter queue; raises an exception if that fails."""
        ...

    def send_again(self, message: Message, delay: int) -> None:
        """Send a message to its queue, delayed by seconds; raises an exception if that fails."""
        ...

    def delay(self, entries: Iterable[tuple[Message, int]]) -> list[str]:
        """Set the visibility timeout of up to ten messages; return the errors."""
        ...


class SqsQueue:
    """The queues of Amazon SQS."""

    def __init__(self, queue_url: str, dead_letter_queue_url: str) -> None:
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url

    def dead_letter(
        self, message: Message, attributes: Mapping[str, MessageAttributeValueTypeDef]
    ) -> None:
        """Send a message, its body unchanged; see `Queue`."""
        request: SendMessageRequestTypeDef = {
            "QueueUrl": self._dead_letter_queue_url,
            "MessageBody": message.body,
            "MessageAttributes": attributes,
        }
        if message.tenant is not None:
            request["MessageGroupId"] = message.tenant
        if message.group is not None and message.id is not None:
            # A FIFO queue requires a message group ID.
            request["MessageGroupId"] = message.group or message.id
            # If the same message is sent twice within five minutes, SQS discards the second.
            request["MessageDeduplicationId"] = message.id
        clients.sqs().send_message(**request)

    def send_again(self, message: Message, delay: int) -> None:
        """Send a copy of a message of a standard queue; see `Queue`."""
        request: SendMessageRequestTypeDef = {
            "QueueUrl": self._queue_url,
            "MessageBody": message.body,
            "MessageAttributes": dead_letters.originals(message),
            "DelaySeconds": delay,
        }
        if message.tenant is not None:
            request["MessageGroupId"] = message.tenant
        clients.sqs().send_message(**request)

    def delay(self, entries: Iterable[tuple[Message, int]]) -> list[str]:
        """Set the visibility of up to ten messages; see `Queue`."""
        result = clients.sqs().change_message_visibility_batch(
            QueueUrl=self._queue_url,
            Entries=[
                {
                    "Id": str(position),
                    "ReceiptHandle": message.receipt_handle or "",
                    "VisibilityTimeout": seconds,
                }
                for position, (message, seconds) in enumerate(entries)
            ],
        )
        return [
            f"{failed['Code']}: {failed.get('Message', '')}" for failed in result.get("Failed", [])
        ]
