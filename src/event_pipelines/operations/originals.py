"""Restore a message as it was before it was dead-lettered: attributes, group, invocation event.

The sender of a dead letter adds the reason as attributes, which are removed before it is sent back.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from object_consumer import dead_letters

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

# The attributes that each sender adds.
_BY_RUNTIME = frozenset(dead_letters.REASON)
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html; SNS does alike.
_BY_SNS_OR_LAMBDA = frozenset({"ErrorCode", "ErrorMessage", "RequestID"})
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html; two only after retries.
_BY_EVENTBRIDGE = frozenset({"ERROR_CODE", "ERROR_MESSAGE", "RULE_ARN", "TARGET_ARN"})
_OF_RETRIES = frozenset({"EXHAUSTED_RETRY_CONDITION", "RETRY_ATTEMPTS"})


class _Attribute(Struct, rename="camel"):
    """An attribute in Lambda's form.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """

    data_type: str
    string_value: str | None = None
    binary_value: str | None = None


def attributes(received: Mapping[str, Any]) -> dict[str, MessageAttributeValueTypeDef]:
    """Return the original attributes of a dead-lettered message.

    Only a sender's complete set of attributes is removed, so a producer's own ``ErrorType`` stays.
    An invalid attribute with packed originals stays too.

    Parameters
    ----------
    received
        The attributes in the dead-letter queue, in SQS's form.
    """
    added: frozenset[str] = frozenset()
    for names in (_BY_RUNTIME, _BY_SNS_OR_LAMBDA):
        added |= names if names <= received.keys() else frozenset()
    if received.keys() >= _BY_EVENTBRIDGE:
        added |= _BY_EVENTBRIDGE | _OF_RETRIES
    left: dict[str, MessageAttributeValueTypeDef] = {
        name: _sendable(attribute) for name, attribute in received.items() if name not in added
    }
    if added >= _BY_RUNTIME and left.keys() == {dead_letters.ORIGINALS}:
        unpacked = _unpacked(left[dead_letters.ORIGINALS].get("StringValue", ""))
        return left if unpacked is None else unpacked
    return left


def _sendable(attribute: Mapping[str, Any]) -> MessageAttributeValueTypeDef:
    """Remove the lists, which SQS returns but doesn't accept."""
    kept: Any = {
        part: value for part, value in attribute.items() if not part.endswith("ListValues")
    }
    return kept  # type: ignore[no-any-return]


def _unpacked(text: str) -> dict[str, MessageAttributeValueTypeDef] | None:
    """Parse packed attributes; None if they don't have the runtime's form."""
    try:
        packed = msgspec.json.decode(text, type=dict[str, _Attribute])
        return {name: _unpacked_one(attribute) for name, attribute in packed.items()}
    except (ValueError, RecursionError):
        # Includes the errors of msgspec and base64.
        return None


def _unpacked_one(attribute: _Attribute) -> MessageAttributeValueTypeDef:
    if attribute.binary_value is not None:
        binary = base64.b64decode(attribute.binary_value, validate=True)
        return {"DataType": attribute.data_type, "BinaryValue": binary}
    return {"DataType": attribute.data_type, "StringValue": attribute.string_value or ""}
