"""The event of a Lambda invocation: a batch of SQS messages, or one event from another source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

_SQS = "aws:sqs"
_FIFO_SUFFIX = ".fifo"
# The digits of a 64-bit number; Python refuses to parse more than 4,300.
_MAX_DIGITS = 19


class InvocationError(Exception):
    """There is no valid response; Lambda treats the whole batch as failed."""


class Message(msgspec.Struct, frozen=True):
    """One message of a queue, or the event of a direct invocation.

    Attributes
    ----------
    id
        The SQS message ID; None for a direct invocation.
    body
        The text with the events.
    receipt_handle
        SQS's identifier of this receive of the message.
    receive_count
        The number of receives, including this one; None if unknown.
    group
        The message group ID in a FIFO queue, else None.
    tenant
        The message group ID in a standard queue: it doesn't affect the order, but is the tenant in
        a fair queue,
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html.
    sent
        When the message was sent, in seconds since 1970; None if unknown.
    attributes
        The message attributes in Lambda's form.
    """

    body: str
    id: str | None = None
    receipt_handle: str | None = None
    receive_count: int | None = None
    group: str | None = None
    tenant: str | None = None
    sent: float | None = None
    attributes: Mapping[str, Any] = msgspec.field(default_factory=dict)


def received(event: object) -> list[Message]:
    """Split a Lambda event into messages.

    See https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html for the batch's form.

    Raises
    ------
    InvocationError
        A message of the batch has no ID, or two have the same: no response could identify the
        failed one.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not any(_is_sqs(record) for record in records):
        return [Message(body=_encode(event))]
    messages = [_from_sqs(position, record) for position, record in enumerate(records)]
    seen: set[str | None] = set()
    for position, message in enumerate(messages):
        if message.id in seen:
            raise InvocationError(f"record {position} of the batch repeats messageId {message.id}")
        seen.add(message.id)
    return messages


def _is_sqs(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == _SQS


def _from_sqs(position: int, record: object) -> Message:
    record = record if isinstance(record, dict) else {}
    identifier = record.get("messageId")
    if not isinstance(identifier, str) or not identifier:
        raise InvocationError(f"record {position} of the batch has no messageId")
    system = record.get("attributes")
    system = system if isinstance(system, dict) else {}
    attributes = record.get("messageAttributes")
    receipt = record.get("receiptHandle")
    body = record.get("body")
    fifo = str(record.get("eventSourceARN", "")).endswith(_FIFO_SUFFIX)
    group = system.get("MessageGroupId")
    group = group if isinstance(group, str) else ""
    sent = _count(system.get("SentTimestamp"))
    return Message(
        body=body if isinstance(body, str) else _encode(body),
        id=identifier,
        receipt_handle=receipt if isinstance(receipt, str) else None,
        receive_count=_count(system.get("ApproximateReceiveCount")),
        group=group if fifo else None,
        tenant=None if fifo else group or None,
        sent=None if sent is None else sent / 1000,
        attributes=attributes if isinstance(attributes, dict) else {},
    )


def _count(value: object) -> int | None:
    """Parse an integer in SQS's form; None if it has another form."""
    if not isinstance(value, str) or len(value) > _MAX_DIGITS:
        return None
    return int(value) if value.isascii() and value.isdigit() else None


def _encode(event: object) -> str:
    try:
        return msgspec.json.encode(event).decode()
    except (TypeError, ValueError, RecursionError):
        import json  # noqa: PLC0415 - rarely needed

    try:
        # Unlike msgspec, this accepts and keeps lone surrogates.
        return json.dumps(event)
    except (TypeError, ValueError, RecursionError):
        return f"a {type(event).__name__} that can't be converted to JSON"
