"""A message before it was dead-lettered: its attributes, its group, what invoked a function.

Pure. Whoever dead-letters a message adds the reason as attributes; sent back it goes without them.
"""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

from object_consumer import dead_letters

# What each writes besides the original attributes.
_BY_RUNTIME = frozenset(dead_letters.REASON)
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html; SNS does alike.
_BY_SNS_OR_LAMBDA = frozenset({"ErrorCode", "ErrorMessage", "RequestID"})
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html; two only after retries.
_BY_EVENTBRIDGE = frozenset({"ERROR_CODE", "ERROR_MESSAGE", "RULE_ARN", "TARGET_ARN"})
_OF_RETRIES = frozenset({"EXHAUSTED_RETRY_CONDITION", "RETRY_ATTEMPTS"})


class _Attribute(Struct, rename="camel"):
    """An attribute as Lambda writes it.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """

    data_type: str
    string_value: str | None = None
    binary_value: str | None = None


def attributes(received: Mapping[str, Any]) -> dict[str, MessageAttributeValueTypeDef]:
    """Give the attributes that a message had before it was dead-lettered.

    Only the whole set of attributes that somebody adds is taken for theirs: a producer's own
    ``ErrorType`` stays. What claims to be packed originals and can't be read stays as it is, too.

    Parameters
    ----------
    received
        The attributes in the dead-letter queue, as SQS gives them.
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
    """Leave the lists out, which SQS gives and doesn't take."""
    kept: Any = {
        part: value for part, value in attribute.items() if not part.endswith("ListValues")
    }
    return kept  # type: ignore[no-any-return]


def _unpacked(text: str) -> dict[str, MessageAttributeValueTypeDef] | None:
    """Read packed attributes; None if they are not of the form that the runtime writes."""
    try:
        packed = msgspec.json.decode(text, type=dict[str, _Attribute])
        return {name: _unpacked_one(attribute) for name, attribute in packed.items()}
    except (ValueError, RecursionError):
        # Such as msgspec's errors and those of base64.
        return None


def _unpacked_one(attribute: _Attribute) -> MessageAttributeValueTypeDef:
    if attribute.binary_value is not None:
        binary = base64.b64decode(attribute.binary_value, validate=True)
        return {"DataType": attribute.data_type, "BinaryValue": binary}
    return {"DataType": attribute.data_type, "StringValue": attribute.string_value or ""}
