"""Read and write objects: the interface of a consumer's function to Amazon S3.

`ObjectStore` implements the rules (version, size, bytes in memory). A `Transport` transfers the
bytes.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from object_consumer.addressing import MAX_KEY_BYTES
from object_consumer.budget import Unlimited
from object_consumer.errors import (
    ObjectNotFoundError,
    ObjectNotVisibleError,
    ObjectTooLargeError,
    PermanentError,
)
from object_consumer.events import ObjectEvent
from object_consumer.transport import Address, PutHeaders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from obstore import Bytes

    from object_consumer.budget import Reservation
    from object_consumer.reader import ObjectReader
    from object_consumer.transport import Body, Response, Transport, WrittenObject
    from object_consumer.writer import ObjectWriter

_S3_URI = "s3://"
# The names of HTTP headers: https://www.rfc-editor.org/rfc/rfc9110.html#name-tokens
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# The total of names and values: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
MAX_METADATA_BYTES = 2048
# For how long an object may not be found after versioning was first enabled on its bucket:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html
VISIBLE_WITHIN = timedelta(minutes=15)
# The encodings of a body as it was uploaded; some clients leave their chunks' name behind.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_ResponseSyntax
_READABLE_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "aws-chunked"})
# A larger body is written faster in parts; for a smaller one, their requests take longer.
_ONE_REQUEST_BYTES = 64 * 1024 * 1024
# The buffer of an open file, and the bytes copied at once.
_BUFFER_BYTES = 1024 * 1024
# The delay of the second attempt; the third is at the end, so that only these receives are used.
_SECOND_LOOK = timedelta(minutes=1)


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
    cursor, continues
        See the attributes.
    seconds_left
        Returns what the method of this name does; without it, the time is unlimited.

    Attributes
    ----------
    cursor
        The cursor of the `Continue` with which the last invocation for this event ended; None if
        the object starts at its beginning.
    continues
        Whether the function may return `Continue`: there is a ledger and a queue.
    """

    def __init__(
        self,
        transport: Transport | None = None,
        *,
        reservation: Reservation | None = None,
        max_object_bytes: int | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        cursor: Any = None,
        continues: bool = False,
        seconds_left: Callable[[], float] = lambda: math.inf,
    ) -> None:
        if transport is None:
            from object_consumer.s3 import S3Transport  # noqa: PLC0415 - unit tests need no S3

            transport = S3Transport()
        self._transport = transport
        self._reservation = reservation or Unlimited()
        self._max_object_bytes = max_object_bytes
        self._clock = clock
        self.cursor = cursor
        self.continues = continues
        self._seconds_left = seconds_left

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
        address, announced = _address(source)
        self._reservation.check()
        self._admit(address.uri, announced)
        response = self._get(source, address)
        if response.size > announced:
            self._admit(address.uri, response.size, already=announced)
        body = response.body()
        self._reservation.check()
        return body

    def open(
        self, source: ObjectEvent | str, *, decompress: bool = True, max_bytes: int | None = None
    ) -> io.BufferedReader:
        """Open an object of any size as a binary file, which is read in parts.

        It reads exactly the version that `read` does. The memory is about 24 MB, whatever the
        size. It can be opened again for a second pass, and `seek` works; in compressed content,
        `seek` decompresses what is before the position.

        Parameters
        ----------
        source
            An event, or an ``s3://bucket/key`` to read the newest version.
        decompress
            Whether content that begins as gzip does is decompressed. The first bytes decide, not
            the key or ``Content-Encoding``: both occur on content that isn't compressed.
        max_bytes
            The most bytes of the object, as stored and decompressed; None for any number.

        Returns
        -------
        io.BufferedReader
            Use it in a ``with`` block. Reading raises `StorageError`, `ObjectSupersededError`,
            `DeadlineError`, and `CompressionError` if compressed content is damaged, incomplete,
            or a decompression bomb (a permanent error).

        Raises
        ------
        PermanentError
            ``Content-Encoding`` names another compression than gzip.
        ObjectTooLargeError
            It has more than `max_bytes`.
        ObjectNotFoundError, ObjectNotVisibleError, ObjectSupersededError, StorageError
            As for `read`.
        DeadlineError
            As for `read`.
        """
        from object_consumer import reader  # noqa: PLC0415 - saves time at init

        address, announced = _address(source)
        self._reservation.check()
        _check_size(address.uri, announced, max_bytes)
        held = min(announced or reader.BUFFERED_BYTES, reader.BUFFERED_BYTES)
        self._reservation.reserve(held)
        with contextlib.ExitStack() as undo:
            undo.callback(self._reservation.release, held)
            response = self._get(source, address, (0, reader.PART_BYTES))
            _check_size(address.uri, response.size, max_bytes)
            raw = reader.ObjectReader(
                self._transport,
                # Without a version, every part must be of the object that the first one is of.
                replace(address, etag=None if address.version_id else response.etag),
                response,
                self._reservation,
                held=held,
                has_event=isinstance(source, ObjectEvent),
            )
            undo.pop_all()
        try:
            if not decompress:
                return io.BufferedReader(raw, _BUFFER_BYTES)
            return _decompressed(raw, response, address.uri, max_bytes)
        except BaseException:
            raw.close()
            raise

    def download(
        self,
        source: ObjectEvent | str,
        path: Path | str,
        *,
        decompress: bool = True,
        max_bytes: int | None = None,
    ) -> int:
        """Write an object to a file, such as in /tmp, the ephemeral storage of a function.

        Parameters
        ----------
        source, decompress, max_bytes
            As for `open`.
        path
            The file; replaced if it exists, and removed if this fails.

        Returns
        -------
        int
            The file's size in bytes.

        Raises
        ------
        ObjectTooLargeError
            The file system is full, or the object has more than `max_bytes`.
        PermanentError, StorageError, ObjectSupersededError, DeadlineError
            As for `open`, and for reading from it.
        """
        from pathlib import Path  # noqa: PLC0415 - saves time at init

        from object_consumer.ephemeral_storage import room_for  # noqa: PLC0415

        path = Path(path)
        uri = source.uri if isinstance(source, ObjectEvent) else source
        try:
            with (
                self.open(source, decompress=decompress, max_bytes=max_bytes) as file,
                room_for(uri),
                path.open("wb") as target,
            ):
                while part := file.read(_BUFFER_BYTES):
                    target.write(part)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path.stat().st_size

    def write(
        self,
        bucket: str,
        key: str,
        body: Body,
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
        headers = _headers(key, content_type, content_encoding, metadata)
        self._reservation.check()
        if memoryview(body).nbytes <= _ONE_REQUEST_BYTES:
            return self._transport.put(bucket, key, body, headers)
        content = memoryview(body).cast("B")
        with self._writer(bucket, key, headers) as output:
            for start in range(0, content.nbytes, _BUFFER_BYTES):
                output.write(content[start : start + _BUFFER_BYTES])
        return output.written

    def create(
        self,
        bucket: str,
        key: str,
        *,
        content_type: str,
        content_encoding: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectWriter:
        """Write an object of any size in parts; readers see all of it or nothing.

            with store.create(bucket, key, content_type="text/plain") as output:
                output.write(b"...")
            return {"output": output.written.uri}

        The object becomes visible when the ``with`` block ends. If the block raises, nothing is
        written. The memory is about 32 MB, or the object's size if that is less than 8 MB.
        Parameters and errors are those of `write`.
        """
        headers = _headers(key, content_type, content_encoding, metadata)
        self._reservation.check()
        return self._writer(bucket, key, headers)

    def check(self) -> None:
        """Check that the object is still this invocation's; for functions that write elsewhere.

        Raises
        ------
        DeadlineError
            The invocation has given this object up.
        """
        self._reservation.check()

    def seconds_left(self) -> float:
        """Return the seconds until the invocation gives the object up; infinite outside of one."""
        return max(0.0, self._seconds_left())

    def _writer(self, bucket: str, key: str, headers: PutHeaders) -> ObjectWriter:
        from object_consumer.writer import ObjectWriter  # noqa: PLC0415 - saves time at init

        return ObjectWriter(self._transport, bucket, key, headers, self._reservation)

    def _get(
        self,
        source: ObjectEvent | str,
        address: Address,
        byte_range: tuple[int, int] | None = None,
    ) -> Response:
        try:
            return self._transport.get(address, byte_range)
        except ObjectNotFoundError as error:
            if isinstance(source, ObjectEvent) and not error.is_final:
                check_visible(source, self._clock())
            raise

    def _admit(self, uri: str, size: int, *, already: int = 0) -> None:
        _check_size(uri, size, self._max_object_bytes)
        self._reservation.reserve(size - already)


def _address(source: ObjectEvent | str) -> tuple[Address, int]:
    """Return what to read, and its size if the event names it, else 0."""
    if not isinstance(source, ObjectEvent):
        return Address(*split_uri(str(source))), 0
    if source.is_removal:
        raise ObjectNotFoundError(
            f"{source.uri} was removed ({source.event_name}): nothing to read"
        )
    version_id = None if source.version_id == "null" else source.version_id
    etag = source.etag if version_id is None else None
    return Address(source.bucket, source.key, source.region, version_id, etag), source.size or 0


def _check_size(uri: str, size: int, most: int | None) -> None:
    if most is not None and size > most:
        raise ObjectTooLargeError(f"{uri} has {size} bytes; this consumer accepts {most}")


def _decompressed(
    raw: ObjectReader, response: Response, uri: str, max_bytes: int | None
) -> io.BufferedReader:
    from object_consumer.gzip_reader import MAGIC, GzipReader  # noqa: PLC0415 - saves time at init

    beginning = raw.read(len(MAGIC))
    raw.seek(0)
    if beginning == MAGIC:
        return io.BufferedReader(GzipReader(raw, uri, max_bytes), _BUFFER_BYTES)
    encodings = {part.strip().lower() for part in (response.content_encoding or "").split(",")}
    if unknown := encodings - _READABLE_ENCODINGS:
        raise PermanentError(
            f"{uri} has the Content-Encoding {', '.join(sorted(unknown))!r}, which is not "
            "supported: upload it uncompressed, or compressed with gzip"
        )
    return io.BufferedReader(raw, _BUFFER_BYTES)


def _headers(
    key: str, content_type: str, content_encoding: str | None, metadata: Mapping[str, str] | None
) -> PutHeaders:
    """Check what is to be written as headers."""
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
    _check_length("the metadata", MAX_METADATA_BYTES, *headers.metadata, *headers.metadata.values())
    return headers


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
