"""The event of one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from datetime import datetime


class ObjectEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One object from one Amazon S3 event, independent of the envelope.

    See https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    and https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html.

    Attributes
    ----------
    bucket
        The bucket's name.
    key
        The object's key as S3 stores it, not encoded.
    event_name
        What happened, in the words of S3's notifications without their ``s3:`` prefix:
        ``"ObjectCreated:Put"``. EventBridge's detail types are mapped to the same words.
    event_time
        When S3 finished the request, in UTC.
    version_id
        The version ID of the event; None in a bucket without versioning.
    etag
        The object's ETag without quotes; None if the event has none (deletions).
    size
        The object's size in bytes; None if the event has none (deletions).
    sequencer
        Orders the events of one key, see S3's page; None if the event has none.
    region
        The bucket's region; None if the event has none.
    """

    bucket: str
    key: str
    event_name: str
    event_time: datetime
    version_id: str | None = None
    etag: str | None = None
    size: int | None = None
    sequencer: str | None = None
    region: str | None = None

    @property
    def uri(self) -> str:
        """The object's S3 URI without its version: ``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def is_removal(self) -> bool:
        """Whether the event is a deletion: there is no content to read."""
        return self.event_name.startswith(("ObjectRemoved:", "LifecycleExpiration:"))
