"""What Lambda hands over: a batch of SQS messages, or one event that came directly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

_SQS = "aws:sqs"
_FIFO_SUFFIX = ".fifo"
# A number of 64 bits has as many; Python refuses to read more than 4,300.
_MAX_DIGITS = 19


class InvocationError(Exception):
    """The invocation can't be answered; Lambda takes the whole batch for failed."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a queue, or the event of a direct invocation.

    Attributes
    ----------
    id
        The SQS message id; None for a direct invocation.
    body
        The text that holds the events.
    receipt_handle
        Names this receive of the message to SQS.
    receive_count
        How often SQS has handed the message out, this time included; None if unknown.
    group
        The message group when the queue is FIFO, else None.
    tenant
        The message group when the queue is not FIFO, which orders nothing: it is the tenant of a
        fair queue,
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html.
    sent
        When the message was sent, in seconds since 1970; None if unknown.
    attributes
        The message attributes as Lambda writes them.
    """

    body: str
    id: str | None = None
    receipt_handle: str | None = None
    receive_count: int | None = None
    group: str | None = None
    tenant: str | None = None
    sent: float | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


def received(event: object) -> list[Message]:
    """Split a Lambda event into messages.

    See https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html for the batch's form.

    Raises
    ------
    InvocationError
        A message of the batch has no id, or two have the same: no response could tell Lambda which
        one failed.
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
    """Read a whole number as SQS writes it; None for what it would not write."""
    if not isinstance(value, str) or len(value) > _MAX_DIGITS:
        return None
    return int(value) if value.isascii() and value.isdigit() else None


def _encode(event: object) -> str:
    try:
        return msgspec.json.encode(event).decode()
    except (TypeError, ValueError, RecursionError):
        import json  # noqa: PLC0415 - an event of Lambda's hardly ever gets here

    try:
        # Takes lone surrogates as well, and keeps them.
        return json.dumps(event)
    except (TypeError, ValueError, RecursionError):
        return f"a {type(event).__name__} that JSON has no form for"
