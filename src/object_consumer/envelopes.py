"""Decode a message's text to object events, whichever services wrapped them.

Decoding performs no I/O, and raises no other error than `MessageFormatError`.
"""

from __future__ import annotations

import reprlib
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import unquote_plus

import msgspec
from msgspec import Meta, Struct

from object_consumer import addressing, failed_invocations
from object_consumer.errors import MessageFormatError, PermanentError
from object_consumer.events import ObjectEvent

# EventBridge to SNS to a function that failed is the deepest a route goes: the failure's record,
# two wrappers and the event.
_MAX_DEPTH = 5
# S3 and SNS send one. In a queue's message of up to 1 MiB, each of this many records would have 52
# bytes, half of the shortest object event.
MAX_RECORDS = 20_000
_EXCERPT = 200
# Shows only the outer levels of a document: the decoder accepts deeper nesting than repr(), and the
# time of repr() grows with the square of the depth.
_REPR = reprlib.Repr(maxlevel=4, maxdict=8, maxlist=8, maxstring=_EXCERPT, maxother=_EXCERPT)

# Log lines, the ledger and metrics contain these values; S3's own are far shorter.
_MAX_WORD = 256

type _Name = Annotated[str, Meta(min_length=1)]
type _Word = Annotated[str, Meta(min_length=1, max_length=_MAX_WORD)]
type _Size = Annotated[int, Meta(ge=0, le=2**63 - 1)]
# Sequencers are hexadecimal; 64 digits are four times as many as S3 has ever sent.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
type _Sequencer = Annotated[str, Meta(pattern="^[0-9A-Fa-f]{0,64}\\Z")]
type _Time = Annotated[datetime, Meta(tz=True)]


class Contents(msgspec.Struct, frozen=True):
    """The contents of a message.

    Attributes
    ----------
    events
        The object events, in the message's order.
    errors
        One for each part of the message that is not an object event.
    """

    events: tuple[ObjectEvent, ...] = ()
    errors: tuple[MessageFormatError, ...] = ()


class _S3Bucket(Struct):
    name: _Name


class _S3Object(Struct, rename={"etag": "eTag", "version_id": "versionId"}):
    key: _Name
    size: _Size | None = None
    etag: str | None = None
    version_id: str | None = None
    sequencer: _Sequencer | None = None


class _S3Entity(Struct):
    bucket: _S3Bucket
    object: _S3Object


class _S3Record(
    Struct,
    rename={
        "event_version": "eventVersion",
        "event_name": "eventName",
        "event_time": "eventTime",
        "region": "awsRegion",
    },
):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html."""

    event_name: _Word
    event_time: _Time
    s3: _S3Entity
    event_version: str = "2.0"
    region: str | None = None


class _BridgeObject(Struct, rename={"version_id": "version-id"}):
    key: _Name
    size: _Size | None = None
    etag: str | None = None
    version_id: str | None = None
    sequencer: _Sequencer | None = None


class _BridgeDetail(Struct, rename={"deletion_type": "deletion-type"}):
    bucket: _S3Bucket
    object: _BridgeObject
    reason: Annotated[str, Meta(max_length=_MAX_WORD)] = ""
    deletion_type: str = ""


class _BridgeEvent(Struct, rename={"detail_type": "detail-type"}):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html."""

    detail_type: str
    time: _Time
    detail: _BridgeDetail
    region: str | None = None


_CREATED_BY = {
    "PutObject": "Put",
    "POST Object": "Post",
    "CopyObject": "Copy",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
}

_BRIDGE_NAMES = {
    "Object Restore Initiated": "ObjectRestore:Post",
    "Object Restore Completed": "ObjectRestore:Completed",
    "Object Restore Expired": "ObjectRestore:Delete",
    "Object Storage Class Changed": "LifecycleTransition",
    "Object Access Tier Changed": "IntelligentTiering",
    "Object ACL Updated": "ObjectAcl:Put",
    "Object Tags Added": "ObjectTagging:Put",
    "Object Tags Deleted": "ObjectTagging:Delete",
}


def decode(text: str) -> Contents:
    """Find the object events in a message.

    Supports S3 notifications, SNS envelopes (delivered by SQS or to Lambda), EventBridge events,
    and the record of a failed asynchronous invocation, nested in any order. The test event that S3
    sends for a new notification configuration has no object events and is not an error.
    """
    try:
        return _decode(text, depth=1, room=_Room())
    except MessageFormatError as error:
        return Contents(errors=(error,))


class _Room(msgspec.Struct):
    """Counts the records of a message against the limit, at all levels of nesting."""

    records: int = MAX_RECORDS

    def take(self, number: int) -> None:
        self.records -= number
        if self.records < 0:
            raise MessageFormatError(
                f"more than {MAX_RECORDS:,} records in one message; S3 sends one"
            )


def _decode(text: str, *, depth: int, room: _Room) -> Contents:
    try:
        document = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MessageFormatError(f"not JSON ({error}): {_excerpt(text)}") from None
    return _contents(document, depth=depth, room=room)


def _contents(document: object, *, depth: int, room: _Room) -> Contents:
    if depth > _MAX_DEPTH:
        raise MessageFormatError(f"wrapped more than {_MAX_DEPTH} times")
    match document:
        case {"Records": list(records)} if records:
            room.take(len(records))
            return _merge(
                [_record(position, record, depth, room) for position, record in enumerate(records)]
            )
        case {"Type": "Notification", "Message": str(message)}:
            return _decode(message, depth=depth + 1, room=room)
        case {"Type": "SubscriptionConfirmation"}:
            raise MessageFormatError(
                "an SNS subscription is waiting for confirmation: open the SubscribeURL in the body"
            )
        case {"detail-type": _, "source": "aws.s3"}:
            return Contents(events=(_from_eventbridge(document),))
        case _ if failed_invocations.is_record(document):
            # It is in the dead-letter queue, and a redrive sends it back.
            payload = document[failed_invocations.PAYLOAD]
            return _contents(payload, depth=depth + 1, room=room)
        case {"Service": "Amazon S3", "Event": "s3:TestEvent"}:
            return Contents()
        case _:
            raise MessageFormatError(f"no S3 event in a known envelope: {_excerpt(document)}")


def _record(position: int, record: object, depth: int, room: _Room) -> Contents:
    try:
        if isinstance(record, dict) and "s3" in record:
            return Contents(events=(_from_s3(record),))
        return _from_sns(record, depth=depth, room=room)
    except MessageFormatError as error:
        return Contents(errors=(MessageFormatError(f"record {position}: {error}"),))


def _from_sns(record: object, *, depth: int, room: _Room) -> Contents:
    match record:
        case {"Sns": {"Message": str(message)}}:
            return _decode(message, depth=depth + 1, room=room)
        case _:
            raise MessageFormatError(f"not an S3 event: {_excerpt(record)}")


def _merge(parts: list[Contents]) -> Contents:
    return Contents(
        events=tuple(event for part in parts for event in part.events),
        errors=tuple(error for part in parts for error in part.errors),
    )


def _from_s3(document: object) -> ObjectEvent:
    record = _convert(document, _S3Record)
    if not record.event_version.startswith("2."):
        raise MessageFormatError(f"S3 event version {record.event_version}; known: 2.x")
    stored = record.s3.object
    try:
        # S3 uses the encoding of HTML forms: a space is "+".
        key = unquote_plus(stored.key, errors="strict")
    except UnicodeDecodeError:
        raise MessageFormatError(f"the decoded key {stored.key!r} is not UTF-8") from None
    return _event(
        stored,
        bucket=record.s3.bucket.name,
        key=key,
        name=record.event_name.removeprefix("s3:"),
        time=record.event_time,
        region=record.region,
    )


def _from_eventbridge(document: object) -> ObjectEvent:
    event = _convert(document, _BridgeEvent)
    stored = event.detail.object
    return _event(
        stored,
        bucket=event.detail.bucket.name,
        key=stored.key,
        name=_event_name(event),
        time=event.time,
        region=event.region,
    )


def _event(
    stored: _S3Object | _BridgeObject,
    *,
    bucket: str,
    key: str,
    name: str,
    time: datetime,
    region: str | None,
) -> ObjectEvent:
    """Reject values that S3 would not send, and that must not be part of a request."""
    event = ObjectEvent(
        bucket=bucket,
        key=key,
        event_name=name,
        event_time=_utc(time),
        version_id=stored.version_id or None,
        etag=_unquoted(stored.etag),
        size=stored.size,
        sequencer=stored.sequencer or None,
        region=region or None,
    )
    try:
        addressing.check_bucket(event.bucket)
        addressing.check_key(event.key)
        if event.region is not None:
            addressing.check_region(event.region)
        if event.version_id is not None:
            addressing.check_version_id(event.version_id)
        if event.etag is not None:
            addressing.check_etag(event.etag)
    except PermanentError as error:
        raise MessageFormatError(str(error)) from None
    return event


def _event_name(event: _BridgeEvent) -> str:
    detail = event.detail
    match event.detail_type:
        case "Object Created":
            return "ObjectCreated:" + _CREATED_BY.get(detail.reason, "".join(detail.reason.split()))
        case "Object Deleted":
            by_lifecycle = "lifecycle" in detail.reason.lower()
            marker = detail.deletion_type == "Delete Marker Created"
            return (
                f"{'LifecycleExpiration' if by_lifecycle else 'ObjectRemoved'}:"
                f"{'DeleteMarkerCreated' if marker else 'Delete'}"
            )
        case other if other in _BRIDGE_NAMES:
            return _BRIDGE_NAMES[other]
        case other:
            raise MessageFormatError(f"EventBridge detail type {other!r} is not about an object")


def _convert[T: Struct](document: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(document, kind)
    except (msgspec.MsgspecError, OverflowError, RecursionError) as error:
        raise MessageFormatError(f"{error}: {_excerpt(document)}") from None


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise MessageFormatError(f"event time {moment.isoformat()} is out of range") from None


def _unquoted(etag: str | None) -> str | None:
    return etag.strip('"') or None if etag else None


def _excerpt(document: object) -> str:
    text = document if isinstance(document, str) else _REPR.repr(document)
    return text if len(text) <= _EXCERPT else text[:_EXCERPT] + "..."
