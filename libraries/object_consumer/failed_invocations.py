"""Lambda's record of an asynchronous invocation that failed for good.

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
    """What a record says.

    Attributes
    ----------
    payload
        What the function was invoked with, letter for letter.
    error_type
        The error's, or the condition on which Lambda gave up, such as `RetriesExhausted`.
    error_message
        The error's; empty if it has none.
    """

    payload: Raw
    error_type: str
    error_message: str


def is_record(document: object) -> TypeGuard[dict[str, object]]:
    """Whether a document that is decoded already is such a record."""
    return isinstance(document, dict) and PAYLOAD in document and CONTEXT in document


def read(body: str) -> FailedInvocation | None:
    """Read the text of a record; None if it is no record of an invocation that failed."""
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
    """Decode JSON of one form; None if it has another, or is nested too deeply to be read."""
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
