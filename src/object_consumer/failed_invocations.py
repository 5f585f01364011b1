"""Lambda's record of an asynchronous invocation that failed after its last attempt.

Lambda sends it to the function's on-failure destination:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

from typing import TypeGuard

import msgspec
from msgspec import Raw, Struct

CONTEXT, PAYLOAD, ANSWER = "requestContext", "requestPayload", "responsePayload"


class _Context(Struct):
    condition: str


class _Record(Struct, rename={"context": CONTEXT, "payload": PAYLOAD, "answer": ANSWER}):
    context: _Context
    payload: Raw
    answer: Raw = Raw(b"null")


class _Error(Struct, rename="camel"):
    error_type: str | None = None
    error_message: str | None = None


class FailedInvocation(Struct, frozen=True):
    """The content of a record.

    Attributes
    ----------
    payload
        The function's event, unchanged.
    error_type
        The error type, or the condition on which Lambda gave up, such as `RetriesExhausted`.
    error_message
        The error message; empty if there is none.
    """

    payload: Raw
    error_type: str
    error_message: str


def is_record(document: object) -> TypeGuard[dict[str, object]]:
    """Return whether a decoded document is such a record."""
    return isinstance(document, dict) and PAYLOAD in document and CONTEXT in document


def read(body: str) -> FailedInvocation | None:
    """Parse a record; None if the text is not a record of a failed invocation."""
    record = _decoded(body, _Record)
    if record is None:
        return None
    error = _decoded(record.answer, _Error) or _Error()
    return FailedInvocation(
        payload=record.payload,
        error_type=record.context.condition if error.error_type is None else error.error_type,
        error_message=error.error_message or "",
    )


def _decoded[T: Struct](document: str | Raw, kind: type[T]) -> T | None:
    """Decode JSON of the given form; None if it has another form or is nested too deeply."""
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
