"""Send messages to a consumer: through its queue, or directly to its function if it has none."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import batched
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from event_pipelines.operations import originals
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.dead_letters import DeadLetter
from event_pipelines.operations.discovery import Consumer
from event_pipelines.operations.errors import OperationError
from object_consumer import failed_invocations

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import (
        MessageAttributeValueTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

_BATCH = 10
# The limit for the messages of one request: 1 MB, formerly 256 KB. A larger message is sent alone.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
_MAX_BATCH_BYTES = 256 * 1024
# Errors that reject a message, not the sender: the next message may be accepted.
_NOT_TAKEN = {
    "BatchRequestTooLong",
    "InvalidAttributeValue",
    "InvalidMessageContents",
    "InvalidParameterValue",
    "InvalidRequestContentException",
    "RequestTooLargeException",
}


def deliver(consumer: Consumer, bodies: Sequence[str], aws: Aws) -> None:
    """Send messages to a consumer.

    Raises
    ------
    OperationError
        Some were rejected; sending all again only processes some twice.
    """
    if consumer.queue_url is None:
        for body in bodies:
            _invoke(consumer, body, aws)
        return
    for batch in batched(bodies, _BATCH, strict=False):
        answer = aws.sqs.send_message_batch(
            QueueUrl=consumer.queue_url,
            Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(batch)],
        )
        if failed := answer.get("Failed"):
            first = failed[0]
            raise OperationError(
                f"SQS rejected {len(failed)} of {len(batch)} messages for {consumer.name}: "
                f"{first['Code']}: {first.get('Message', '')}"
            )


def send_back(consumer: Consumer, letters: Sequence[DeadLetter], aws: Aws) -> Mapping[str, str]:
    """Send dead-lettered messages with their original attributes.

    A rejected message affects only those after it in its FIFO group, which are not sent either.

    Returns
    -------
    Mapping[str, str]
        Why messages were rejected, by their IDs.
    """
    if consumer.queue_url is None:
        return _invoke_again(consumer, letters, aws)
    refused: dict[str, str] = {}
    if not consumer.is_fifo:
        for batch in _batches(letters):
            refused |= _send(consumer, batch, aws)
        return refused
    groups: set[str | None] = set()
    for letter in letters:
        if letter.group in groups:
            refused[letter.message_id] = "an earlier message of its group was rejected"
        elif found := _send(consumer, [letter], aws):
            refused |= found
            groups.add(letter.group)
    return refused


def _invoke(consumer: Consumer, payload: str, aws: Aws) -> None:
    aws.lambda_.invoke(
        FunctionName=consumer.function, InvocationType="Event", Payload=payload.encode()
    )


def _invoke_again(consumer: Consumer, letters: Sequence[DeadLetter], aws: Aws) -> Mapping[str, str]:
    refused = {}
    for letter in letters:
        failed = failed_invocations.read(letter.body)
        try:
            _invoke(consumer, bytes(failed.payload).decode() if failed else letter.body, aws)
        except ClientError as error:
            refused[letter.message_id] = _reason(error)
    return refused


def _batches(letters: Sequence[DeadLetter]) -> Iterator[list[DeadLetter]]:
    """Split messages into requests; they are never larger than when they were received."""
    batch: list[DeadLetter] = []
    room = 0
    for letter in letters:
        size = _size(letter)
        if batch and (len(batch) == _BATCH or size > room):
            yield batch
            batch, room = [], 0
        room = (room if batch else _MAX_BATCH_BYTES) - size
        batch.append(letter)
    if batch:
        yield batch


def _size(letter: DeadLetter) -> int:
    """Return a message's size: body, and names, types and values of its attributes."""
    texts = [letter.body, *letter.message_attributes]
    binary = 0
    for attribute in letter.message_attributes.values():
        texts += [attribute.get("DataType", ""), attribute.get("StringValue", "")]
        binary += len(attribute.get("BinaryValue", b""))
    return binary + sum(len(text.encode(errors="surrogatepass")) for text in texts)


def _send(consumer: Consumer, letters: Sequence[DeadLetter], aws: Aws) -> Mapping[str, str]:
    try:
        answer = aws.sqs.send_message_batch(
            QueueUrl=str(consumer.queue_url),
            Entries=[_entry(str(n), letter, consumer) for n, letter in enumerate(letters)],
        )
    except ClientError as error:
        reason = _reason(error)
        if len(letters) == 1:
            return {letters[0].message_id: reason}
        # The whole request was rejected: send the messages separately to find the cause.
        return {
            name: why for letter in letters for name, why in _send(consumer, [letter], aws).items()
        }
    return {
        letters[int(failed["Id"])].message_id: f"{failed['Code']}: {failed.get('Message', '')}"
        for failed in answer.get("Failed", [])
    }


def _entry(
    name: str, letter: DeadLetter, consumer: Consumer
) -> "SendMessageBatchRequestEntryTypeDef":
    attributes: Mapping[str, MessageAttributeValueTypeDef] = originals.attributes(
        letter.message_attributes
    )
    entry: SendMessageBatchRequestEntryTypeDef = {
        "Id": name,
        "MessageBody": letter.body,
        "MessageAttributes": attributes,
    }
    if letter.group is not None:
        entry["MessageGroupId"] = letter.group
    if consumer.is_fifo:
        # Not the original ID: within five minutes, SQS would discard the message as a duplicate.
        # With the message ID, SQS discards it only if an interrupted redrive is repeated.
        entry["MessageDeduplicationId"] = letter.message_id
    return entry


def _reason(error: ClientError) -> str:
    """Return why a message was rejected; raise the error again if it isn't due to the message."""
    told = error.response["Error"]
    # Such as AWS.SimpleQueueService.BatchRequestTooLong.
    if told["Code"].rpartition(".")[2] not in _NOT_TAKEN:
        raise error
    return f"{told['Code']}: {told.get('Message', '')}"
