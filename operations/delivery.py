"""Handing messages to a consumer: through its queue, or straight to its function without one."""

from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any

from operations import dead_letters
from operations.aws import Aws
from operations.dead_letters import DeadLetter
from operations.discovery import Consumer
from operations.errors import OperationError

_BATCH = 10
# What the runtime writes when it sets a message aside, see object_consumer.quarantine.
_REASON = {"ErrorKind", "ErrorMessage", "ErrorType", "FunctionName", "RequestId"}


def deliver(consumer: Consumer, bodies: Sequence[str], aws: Aws) -> None:
    """Send messages to a consumer.

    Raises
    ------
    OperationError
        Some were not taken; sending all again does no harm beyond processing some twice.
    """
    if consumer.queue_url is None:
        for body in bodies:
            aws.lambda_.invoke(
                FunctionName=consumer.function, InvocationType="Event", Payload=body.encode()
            )
        return
    for batch in batched(bodies, _BATCH, strict=False):
        answer = aws.sqs.send_message_batch(
            QueueUrl=consumer.queue_url,
            Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(batch)],
        )
        if failed := answer.get("Failed"):
            first = failed[0]
            raise OperationError(
                f"SQS did not take {len(failed)} of {len(batch)} messages for {consumer.name}: "
                f"{first['Code']}: {first.get('Message', '')}"
            )


def send_back(consumer: Consumer, letter: DeadLetter, aws: Aws) -> None:
    """Send a message that was set aside as it was before."""
    if consumer.queue_url is None:
        payload = dead_letters.invocation(letter.body)
        deliver(consumer, [letter.body if payload is None else bytes(payload).decode()], aws)
        return
    request: dict[str, Any] = {}
    if letter.group is not None:
        request["MessageGroupId"] = letter.group
        request["MessageDeduplicationId"] = letter.message_id
    aws.sqs.send_message(
        QueueUrl=consumer.queue_url,
        MessageBody=letter.body,
        MessageAttributes=_original(letter.message_attributes),
        **request,
    )


def _original(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {part: value for part, value in attribute.items() if not part.endswith("ListValues")}
        for name, attribute in attributes.items()
        if name not in _REASON
    }
