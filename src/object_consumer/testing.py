"""Events and an in-memory object store for the unit tests of a consumer, without AWS.

    store = MemoryStore()
    event = store.upload("incoming/a.json", b'{"id": 1}')
    handler.function(event, store)
    assert store.stored("results/a.json").body == b'...'

The store behaves like an S3 bucket with versioning: every upload has a version, an MD5 ETag and a
sequencer, and any key is valid.
"""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from obstore import Bytes

from object_consumer.errors import ObjectNotFoundError, ObjectSupersededError, StorageError
from object_consumer.events import ObjectEvent
from object_consumer.store import ObjectStore
from object_consumer.transport import Address, PutHeaders, Response, WrittenObject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from object_consumer.budget import Reservation
    from object_consumer.transport import Body

BUCKET = "test-bucket"
REGION = "eu-west-1"
FIRST_EVENT_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def make_event(
    key: str,
    *,
    bucket: str = BUCKET,
    event_name: str = "ObjectCreated:Put",
    event_time: datetime = FIRST_EVENT_TIME,
    version_id: str | None = None,
    etag: str | None = None,
    size: int | None = None,
    sequencer: str | None = "0055AED6DCD90281E5",
    region: str | None = REGION,
) -> ObjectEvent:
    """Create an event with defaults for everything that is irrelevant to a test."""
    return ObjectEvent(
        bucket=bucket,
        key=key,
        event_name=event_name,
        event_time=event_time,
        version_id=version_id,
        etag=etag,
        size=size,
        sequencer=sequencer,
        region=region,
    )


class StoredObject(msgspec.Struct, frozen=True):
    """One version of an object in a `MemoryStore`."""

    body: bytes
    version_id: str
    content_type: str = "binary/octet-stream"
    content_encoding: str | None = None
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def etag(self) -> str:
        """The ETag of an object that is uploaded in one request."""
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()


class MemoryTransport:
    """Objects in a dictionary, with versions."""

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], list[StoredObject]] = {}
        self.failures: dict[tuple[str, str], Exception] = {}
        self.incomplete: list[MemoryUpload] = []
        self.uploads = 0

    def get(self, address: Address, byte_range: tuple[int, int] | None = None) -> Response:
        """Find one version, or the newest if it still has this ETag."""
        if failure := self.failures.get((address.bucket, address.key)):
            raise failure
        versions = self.versions.get((address.bucket, address.key), [])
        found = [
            version for version in versions if address.version_id in (None, version.version_id)
        ]
        if not found:
            raise ObjectNotFoundError(
                f"{address.uri} does not exist", is_final=address.version_id is not None
            )
        stored = found[-1]
        if address.etag is not None and stored.etag != address.etag:
            raise ObjectSupersededError
        start, end = byte_range or (0, len(stored.body))
        return Response(
            len(stored.body),
            lambda: Bytes(stored.body[start:end]),
            stored.etag,
            stored.content_encoding,
        )

    def put(self, bucket: str, key: str, body: Body, headers: PutHeaders) -> WrittenObject:
        """Add a version."""
        if failure := self.failures.get((bucket, key)):
            raise failure
        self.uploads += 1
        stored = StoredObject(
            bytes(body),
            f"version-{self.uploads}",
            headers.content_type,
            headers.content_encoding,
            headers.metadata,
        )
        self.versions.setdefault((bucket, key), []).append(stored)
        uri = f"s3://{bucket}/{key}"
        return WrittenObject(uri, len(stored.body), stored.etag, stored.version_id)

    def start_upload(self, bucket: str, key: str, headers: PutHeaders) -> MemoryUpload:
        """Begin an upload."""
        if failure := self.failures.get((bucket, key)):
            raise failure
        return MemoryUpload(self, bucket, key, headers)


class MemoryUpload:
    """Parts in a dictionary."""

    def __init__(
        self, transport: MemoryTransport, bucket: str, key: str, headers: PutHeaders
    ) -> None:
        self._transport = transport
        self._bucket = bucket
        self._key = key
        self._headers = headers
        self._parts: dict[int, bytes] = {}
        transport.incomplete.append(self)

    def part(self, number: int, body: Body) -> None:
        """Add a part."""
        if failure := self._transport.failures.get((self._bucket, self._key)):
            raise failure
        self._parts[number] = bytes(body)

    def complete(self) -> WrittenObject:
        """Add a version of all parts."""
        self.abort()
        body = b"".join(self._parts[number] for number in sorted(self._parts))
        return self._transport.put(self._bucket, self._key, body, self._headers)

    def abort(self) -> None:
        """Discard the parts."""
        self._transport.incomplete.remove(self)


class MemoryStore(ObjectStore):
    """An in-memory `ObjectStore`.

    Parameters
    ----------
    max_object_bytes
        The largest object that `read` accepts; None for no limit.
    cursor, continues, seconds_left
        What a function that returns `Continue` finds; see `ObjectStore`.
    """

    def __init__(
        self,
        *,
        max_object_bytes: int | None = None,
        reservation: Reservation | None = None,
        transport: MemoryTransport | None = None,
        cursor: Any = None,
        continues: bool = True,
        seconds_left: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self.transport = transport or MemoryTransport()
        super().__init__(
            self.transport,
            reservation=reservation,
            max_object_bytes=max_object_bytes,
            cursor=cursor,
            continues=continues,
            seconds_left=seconds_left,
        )

    def upload(
        self,
        key: str,
        body: bytes,
        *,
        bucket: str = BUCKET,
        content_encoding: str | None = None,
    ) -> ObjectEvent:
        """Add an object to the store, and return the event that S3 would send."""
        headers = PutHeaders("binary/octet-stream", content_encoding, {})
        written = self.transport.put(bucket, key, body, headers)
        return make_event(
            key,
            bucket=bucket,
            event_time=FIRST_EVENT_TIME + timedelta(seconds=self.transport.uploads),
            version_id=written.version_id,
            etag=written.etag,
            size=written.size,
            sequencer=f"{self.transport.uploads:018X}",
        )

    def stored(self, key: str, *, bucket: str = BUCKET) -> StoredObject:
        """Return the newest version of an object.

        Raises
        ------
        ObjectNotFoundError
            It doesn't exist.
        """
        versions = self.transport.versions.get((bucket, key))
        if not versions:
            raise ObjectNotFoundError(f"s3://{bucket}/{key} does not exist")
        return versions[-1]

    def keys(self, *, bucket: str = BUCKET) -> list[str]:
        """Return the sorted keys of a bucket."""
        return sorted(key for owner, key in self.transport.versions if owner == bucket)

    def fail(self, key: str, error: Exception | None = None, *, bucket: str = BUCKET) -> None:
        """Let every further request for a key fail, by default with a `StorageError`."""
        self.transport.failures[bucket, key] = error or StorageError("S3 answered 503 Slow Down")
