"""The attributes of a dead-lettered message: the reason, and the original attributes."""

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
# The attributes of the reason, and the one for the original attributes if there are too many.
ERROR_TYPE, ERROR_MESSAGE, ERROR_KIND = "ErrorType", "ErrorMessage", "ErrorKind"
FUNCTION_NAME, REQUEST_ID = "FunctionName", "RequestId"
REASON = (ERROR_TYPE, ERROR_MESSAGE, ERROR_KIND, FUNCTION_NAME, REQUEST_ID)
ORIGINALS = "OriginalMessageAttributes"
_MAX_MESSAGE_BYTES = 1024
# SQS accepts the characters of XML 1.0, and rejects a message with others. These are the others:
# the class of all but the accepted ones would take ten times as long to compile.
_NOT_ACCEPTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def attributes(
    message: Message, settlement: MoveToDeadLetterQueue, *, function_name: str, request_id: str
) -> dict[str, MessageAttributeValueTypeDef]:
    """Return the attributes of the reason, together with the original attributes.

    They replace the attributes of an earlier failure, so a message that fails again after a redrive
    has the reason of its last failure. If there are more than SQS's limit of ten, or a name
    conflicts with the reason, the original attributes are stored in one attribute as JSON.
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


def originals(message: Message) -> dict[str, MessageAttributeValueTypeDef]:
    """Return the attributes of a message, so that a copy of it has the same."""
    return {
        name: kept
        for name, value in message.attributes.items()
        if (kept := _kept(_texts(value))) is not None
    }


def _text(value: str) -> MessageAttributeValueTypeDef:
    short = _accepted(value).encode()[:_MAX_MESSAGE_BYTES].decode(errors="ignore")
    return {"DataType": "String", "StringValue": short or "unknown"}


def _accepted(text: str) -> str:
    return _NOT_ACCEPTED.sub("\ufffd", text)


def _texts(attribute: object) -> dict[str, str]:
    """Copy an attribute from Lambda's event; its lists are never used."""
    if not isinstance(attribute, dict):
        return {}
    return {
        field: _accepted(attribute[field])
        for field in ("dataType", "stringValue", "binaryValue")
        if isinstance(attribute.get(field), str)
    }


def _kept(attribute: Mapping[str, str]) -> MessageAttributeValueTypeDef | None:
    """Convert an attribute from Lambda's form to SQS's."""
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
