"""A quarantined message: the original, and the reason as message attributes. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

    from object_consumer.messages import Message
    from object_consumer.outcomes import Quarantine

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
_MAX_ATTRIBUTES = 10
_ORIGINALS = "OriginalMessageAttributes"
_MAX_MESSAGE_BYTES = 1024
# SQS takes the characters of XML 1.0 and refuses a message with any other.
_NOT_ACCEPTED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def attributes(
    message: Message, verdict: Quarantine, *, function_name: str, request_id: str
) -> dict[str, MessageAttributeValueTypeDef]:
    """Write the reason, and keep the original attributes.

    An attribute of an earlier quarantine is replaced, so a message that fails again after a
    redrive tells of its last failure. When there are more than the ten that SQS allows, the
    originals go into one attribute as JSON.
    """
    reason = {
        "ErrorType": _text(verdict.error_type),
        "ErrorMessage": _text(verdict.error_message),
        "ErrorKind": _text(verdict.kind),
        "FunctionName": _text(function_name),
        "RequestId": _text(request_id),
    }
    originals = {
        name: attribute for name, attribute in message.attributes.items() if name not in reason
    }
    kept = {name: kept for name, value in originals.items() if (kept := _kept(value)) is not None}
    if len(reason) + len(kept) > _MAX_ATTRIBUTES:
        encoded = _NOT_ACCEPTED.sub("\ufffd", msgspec.json.encode(originals).decode())
        kept = {_ORIGINALS: {"DataType": "String", "StringValue": encoded}}
    return {**kept, **reason}


def _text(value: str) -> MessageAttributeValueTypeDef:
    accepted = _NOT_ACCEPTED.sub("\ufffd", value).encode()
    short = accepted[:_MAX_MESSAGE_BYTES].decode(errors="ignore")
    return {"DataType": "String", "StringValue": short or "unknown"}


def _kept(attribute: object) -> MessageAttributeValueTypeDef | None:
    """Turn an attribute as Lambda writes it into one as SQS takes it."""
    if not isinstance(attribute, dict):
        return None
    fields: Mapping[str, Any] = attribute
    match fields:
        case {"dataType": str(kind), "stringValue": str(value)} if value:
            return {"DataType": kind, "StringValue": value}
        case {"dataType": str(kind), "binaryValue": str(value)} if value:
            try:
                return {"DataType": kind, "BinaryValue": base64.b64decode(value, validate=True)}
            except binascii.Error:
                return None
        case _:
            return None
