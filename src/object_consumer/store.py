"""Read and write objects: the interface of a consumer's function to Amazon S3.

`ObjectStore` implements the rules (version, size, bytes in memory). A `Transport` transfers the
bytes: `object_consumer.s3` on Lambda, an in-memory one in unit tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from object_consumer.addressing import MAX_KEY_BYTES
from object_consumer.errors import (
    ObjectNotFoundError,
    ObjectNotVisibleError,
    ObjectTooLargeError,
    PermanentError,
)
from object_consumer.events import ObjectEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from obstore import Bytes

_S3_URI = "s3://"
# The names of HTTP headers: https://www.rfc-editor.org/rfc/rfc9110.html#name-tokens
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# The total of names and values: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
MAX_METADATA_BYTES = 2048
# For how long an object may not be found after versioning was first enabled on its bucket:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html
VISIBLE_WITHIN = timedelta(minutes=15)
# The delay of the second attempt; the third is at the end, so that only these receives are used.
_SECOND_LOOK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class WrittenObject:
    """An object written by `ObjectStore.write`.

    Attributes
    ----------
    uri
        ``s3://bucket/key``.
    size
        Size in bytes.
    etag
        The ETag without quotes.
    version_id
        None in a bucket without versioning.
    """

    uri: str
    size: int
    etag: str | None
    version_id: str | None


@dataclass(frozen=True, slots=True)
class Response:
    """A started download: the size is known, the body is not read yet."""

    size: int
    body: Callable[[], Bytes]


class Transport(Protocol):
    """Transfers bytes from and to S3, and converts its errors to those of this package."""

    def get(
        self, bucket: str, key: str, *, region: str | None, version_id: str | None, etag: str | None
    ) -> Response:
        """Start a download of one version, or of the object if it still has this ETag."""
        ...

    def put(
        self, bucket: str, key: str, body: bytes | Bytes | memoryview, headers: PutHeaders
    ) -> tuple[str | None, str | None]:
        """Write an object; return its ETag and version."""
        ...


@dataclass(frozen=True, slots=True)
class PutHeaders:
    """The headers that S3 stores with an object."""

    content_type: str
    content_encoding: str | None
    metadata: Mapping[str, str]


class Reservation(Protocol):
    """One object's share of an invocation: its time, and its bytes in memory."""

    def check(self) -> None:
        """Raise `DeadlineError` if the object is given up, or its function has returned."""
        ...

    def reserve(self, size: int) -> None:
        """Wait until the bytes may be held in memory; they are released when the object is done."""
        ...


class Unlimited:
    """A reservation outside of an invocation: no deadline, no limit."""

    def check(self) -> None:
        """Never raise."""

    def reserve(self, size: int) -> None:
        """Never wait."""


class ObjectStore:
    """Reads the objects of events, and writes results.

    The runtime passes one to the consumer's function. For reference data at import time, create
    one: ``ObjectStore().read("s3://bucket/schema.json")``.

    All methods are thread-safe. They block with the GIL released, so the objects of a batch are
    processed in parallel.

    Parameters
    ----------
    transport
        Transfers the bytes; Amazon S3 by default.
    reservation
        The object's share of the invocation; unlimited by default.
    max_object_bytes
        The largest object that `read` accepts; None for no limit.
    clock
        Returns the time in UTC, to determine the age of events.
    """

    def __init__(
        self,
        transport: Transport | None = None,
        *,
        reservation: Reservation | None = None,
        max_object_bytes: int | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if transport is None:
            from object_consumer.s3 import S3Transport  # noqa: PLC0415 - unit tests need no S3

            transport = S3Transport()
        self._transport = transport
        self._reservation = reservation or Unlimited()
        self._max_object_bytes = max_object_bytes
        self._clock = clock

    def read(self, source: ObjectEvent | str) -> Bytes:
        """Read a whole object.

        For an event, this reads exactly its version. In a bucket without versioning, it reads the
        object only if it still has the ETag of the event.

        Parameters
        ----------
        source
            An event, or an ``s3://bucket/key`` to read the newest version.

        Returns
        -------
        Bytes
            A read-only buffer outside of Python's heap. JSON decoders and ``memoryview`` accept it;
            ``bytes(...)`` copies it.

        Raises
        ------
        ObjectNotFoundError
            The object or version doesn't exist, or the event is a deletion.
        ObjectNotVisibleError
            S3 doesn't find the object, but the event is so recent that it may become visible.
        ObjectTooLargeError
            It is larger than ``max_object_bytes``; the body was not read.
        ObjectSupersededError
            A newer object has the same key; it has its own event.
        StorageError
            S3 failed, throttled or denied the request; denials are retried, because permissions can
            be fixed.
        DeadlineError
            The invocation has given this object up.
        """
        event = source if isinstance(source, ObjectEvent) else None
        bucket, key = (event.bucket, event.key) if event else split_uri(str(source))
        uri = f"{_S3_URI}{bucket}/{key}"
        if event and event.is_removal:
            raise ObjectNotFoundError(f"{uri} was removed ({event.event_name}): nothing to read")
        version_id = event.version_id if event and event.version_id != "null" else None
        announced = (event.size if event else None) or 0
        self._reservation.check()
        self._admit(uri, announced)
        try:
            response = self._transport.get(
                bucket,
                key,
                region=event.region if event else None,
                version_id=version_id,
                etag=event.etag if event and version_id is None else None,
            )
        except ObjectNotFoundError as error:
            if event and not error.is_final:
                check_visible(event, self._clock())
            raise
        if response.size > announced:
            self._admit(uri, response.size, already=announced)
        body = response.body()
        self._reservation.check()
        return body

    def write(
        self,
        bucket: str,
        key: str,
        body: bytes | Bytes | memoryview,
        *,
        content_type: str,
        content_encoding: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> WrittenObject:
        """Write an object atomically.

        Parameters
        ----------
        bucket, key
            The destination.
        body
            The content.
        content_type
            Its media type, such as ``"application/json"``.
        content_encoding
            ``"gzip"`` for a compressed body.
        metadata
            User-defined metadata; names and values in ASCII, because they are HTTP headers.

        Raises
        ------
        PermanentError
            The key or the metadata is longer than S3's limit, or a header value is not printable
            ASCII.
        StorageError
            S3 failed, throttled or denied the request, or the bucket doesn't exist.
        DeadlineError
            The invocation has given this object up.
        """
        headers = PutHeaders(content_type, content_encoding, dict(metadata or {}))
        for name, value in headers.metadata.items():
            if _TOKEN.fullmatch(name) is None:
                raise PermanentError(
                    f"metadata {name!r}: S3 accepts letters, digits and hyphens in a name"
                )
            _check_header(f"metadata {name!r} has", value)
        _check_header("content_type has", content_type)
        _check_header("content_encoding has", content_encoding or "")
        _check_length("the key", MAX_KEY_BYTES, key)
        _check_length(
            "the metadata", MAX_METADATA_BYTES, *headers.metadata, *headers.metadata.values()
        )
        self._reservation.check()
        etag, version_id = self._transport.put(bucket, key, body, headers)
        return WrittenObject(f"{_S3_URI}{bucket}/{key}", memoryview(body).nbytes, etag, version_id)

    def check(self) -> None:
        """Check that the object is still this invocation's; for functions that write elsewhere.

        Raises
        ------
        DeadlineError
            The invocation has given this object up.
        """
        self._reservation.check()

    def _admit(self, uri: str, size: int, *, already: int = 0) -> None:
        if self._max_object_bytes is not None and size > self._max_object_bytes:
            raise ObjectTooLargeError(
                f"{uri} has {size} bytes; this consumer accepts {self._max_object_bytes}"
            )
        self._reservation.reserve(size - already)


def _check_header(what: str, value: str) -> None:
    if not (value.isascii() and value.isprintable()):
        raise PermanentError(
            f"{what} the value {value!r}: S3 accepts printable ASCII only; percent-encode it"
        )


def _check_length(what: str, most: int, *texts: str) -> None:
    try:
        length = sum(len(text.encode()) for text in texts)
    except UnicodeEncodeError:
        raise PermanentError(f"{what} to be written is not UTF-8") from None
    if length > most:
        raise PermanentError(f"{what} to be written has {length:,} bytes; S3 accepts {most:,}")


def check_visible(event: ObjectEvent, now: datetime) -> None:
    """Raise if an object that S3 doesn't find may still become visible.

    Raises
    ------
    ObjectNotVisibleError
        The event is recent, so that the object may turn up. Of a message's receives this uses two:
        at once and after a minute; the third is after the quarter of an hour, and decides.
    """
    age = max(now - event.event_time, timedelta(0))
    if age >= VISIBLE_WITHIN:
        return
    wait = (_SECOND_LOOK if age < _SECOND_LOOK else VISIBLE_WITHIN) - age
    raise ObjectNotVisibleError(
        f"{event.uri} is not found {age.total_seconds():.0f} s after its event: it was deleted, or "
        "isn't visible yet, as may be for 15 minutes after versioning was enabled on its bucket",
        retry_after=wait.total_seconds(),
    )


def split_uri(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key`` into bucket and key.

    Raises
    ------
    ValueError
        It has another form.
    """
    bucket, slash, key = uri.removeprefix(_S3_URI).partition("/")
    if not uri.startswith(_S3_URI) or not bucket or not slash or not key:
        raise ValueError(f"{uri!r} is not an S3 URI; expected s3://bucket/key")
    return bucket, key
