"""A dead-lettered message: the original, and the reason as message attributes. Pure."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

    from object_consumer.messages import Message
    from object_consumer.outcomes import MoveToDeadLetterQueue

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
_MAX_ATTRIBUTES = 10
# The attributes that tell the reason, and the one for the originals where there is no room.
ERROR_TYPE, ERROR_MESSAGE, ERROR_KIND = "ErrorType", "ErrorMessage", "ErrorKind"
FUNCTION_NAME, REQUEST_ID = "FunctionName", "RequestId"
REASON = (ERROR_TYPE, ERROR_MESSAGE, ERROR_KIND, FUNCTION_NAME, REQUEST_ID)
ORIGINALS = "OriginalMessageAttributes"
_MAX_MESSAGE_BYTES = 1024
# SQS takes the characters of XML 1.0 and refuses a message with any other.
_NOT_ACCEPTED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def attributes(
    message: Message, settlement: MoveToDeadLetterQueue, *, function_name: str, request_id: str
) -> dict[str, MessageAttributeValueTypeDef]:
    """Write the reason, and keep the original attributes.

    The attributes of an earlier failure are replaced, so a message that fails again after a
    redrive tells of its last failure. When there are more than the ten that SQS allows, or one has
    a name of the reason's, the originals go into one attribute as JSON.
    """
    reason = {
        ERROR_TYPE: _text(settlement.error_type),
        ERROR_MESSAGE: _text(settlement.error_message),
        ERROR_KIND: _text(settlement.kind),
        FUNCTION_NAME: _text(function_name),
        REQUEST_ID: _text(request_id),
    }
    is_repeated = reason.keys() <= message.attributes.keys()
    originals = {
        _accepted(name): _texts(attribute)
        for name, attribute in message.attributes.items()
        if not (is_repeated and name in reason)
    }
    kept = {name: kept for name, value in originals.items() if (kept := _kept(value)) is not None}
    if len(reason) + len(kept) > _MAX_ATTRIBUTES or reason.keys() & kept.keys():
        encoded = msgspec.json.encode({name: originals[name] for name in kept}).decode()
        kept = {ORIGINALS: {"DataType": "String", "StringValue": encoded}}
    return {**kept, **reason}


def _text(value: str) -> MessageAttributeValueTypeDef:
    short = _accepted(value).encode()[:_MAX_MESSAGE_BYTES].decode(errors="ignore")
    return {"DataType": "String", "StringValue": short or "unknown"}


def _accepted(text: str) -> str:
    return _NOT_ACCEPTED.sub("\ufffd", text)


def _texts(attribute: object) -> dict[str, str]:
    """Take over what Lambda writes of an attribute; its lists are never used."""
    if not isinstance(attribute, dict):
        return {}
    return {
        field: _accepted(attribute[field])
        for field in ("dataType", "stringValue", "binaryValue")
        if isinstance(attribute.get(field), str)
    }


def _kept(attribute: Mapping[str, str]) -> MessageAttributeValueTypeDef | None:
    """Turn an attribute as Lambda writes it into one as SQS takes it."""
    match attribute:
        case {"dataType": kind, "stringValue": value} if value:
            return {"DataType": kind, "StringValue": value}
        case {"dataType": kind, "binaryValue": value} if value:
            try:
                return {"DataType": kind, "BinaryValue": base64.b64decode(value, validate=True)}
            except ValueError:
                return None
        case _:
            return None
