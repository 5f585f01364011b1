"""Write an object in parts: readers see the whole object or nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from object_consumer.errors import PermanentError
from object_consumer.reader import TRANSFERS

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType

    from object_consumer.budget import Reservation
    from object_consumer.transport import Body, PutHeaders, Transport, Upload, WrittenObject

# At least 5 MiB, and at most 10,000 parts: objects of up to 78 GiB.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
PART_BYTES = 8 * 1024 * 1024
MAX_PARTS = 10_000
# Parts that are sent while the next one is written.
_IN_FLIGHT = 2
# The memory of a writer: the part that is written, twice when it is joined, and those in flight.
BUFFERED_BYTES = (2 + _IN_FLIGHT) * PART_BYTES


class ObjectWriter:
    """An object that is being written; see `ObjectStore.create`.

    An object of at most one part is written by one request. A larger one is a multipart upload:
    completed when the ``with`` block ends, aborted when it raises. A process that is killed leaves
    an incomplete upload, which nobody sees; the bucket's lifecycle rule deletes it.
    """

    def __init__(
        self,
        transport: Transport,
        bucket: str,
        key: str,
        headers: PutHeaders,
        reservation: Reservation,
    ) -> None:
        self._transport = transport
        self._bucket = bucket
        self._key = key
        self._headers = headers
        self._reservation = reservation
        self._collected: list[bytes] = []
        self._collected_bytes = 0
        self._upload: Upload | None = None
        self._parts = 0
        self._in_flight: list[Future[None]] = []
        self._written: WrittenObject | None = None
        self._held = 0
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            if self._written is None:
                self._abort()
            self._collected.clear()
            self._reservation.release(self._held)

    @property
    def written(self) -> WrittenObject:
        """The object; only after the ``with`` block."""
        if self._written is None:
            raise ValueError("the object is not written before the with block has ended")
        return self._written

    def write(self, data: Body) -> int:
        """Append bytes; returns their number.

        Raises
        ------
        PermanentError
            The object has more parts than S3 accepts.
        StorageError
            S3 failed, throttled or denied a request for an earlier part, or the bucket doesn't
            exist.
        DeadlineError
            The invocation has given the object up.
        """
        size = memoryview(data).nbytes
        # A copy of a view, because the caller may change what it shows.
        self._collected.append(bytes(data))
        self._collected_bytes += size
        self.size += size
        if self._collected_bytes > PART_BYTES:
            self._send_parts()
        return size

    def _send_parts(self) -> None:
        """Send all whole parts; the rest, at least a byte, waits for more or for the end."""
        data = memoryview(b"".join(self._collected))
        self._collected.clear()
        start = 0
        while len(data) - start > PART_BYTES:
            self._send(bytes(data[start : start + PART_BYTES]))
            start += PART_BYTES
        self._collected.append(bytes(data[start:]))
        self._collected_bytes = len(data) - start

    def _send(self, part: bytes) -> None:
        self._reservation.check()
        if self._upload is None:
            self._reservation.reserve(BUFFERED_BYTES)
            self._held = BUFFERED_BYTES
            self._upload = self._transport.start_upload(self._bucket, self._key, self._headers)
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise PermanentError(
                f"s3://{self._bucket}/{self._key} to be written has more than "
                f"{MAX_PARTS * PART_BYTES:,} bytes"
            )
        self._wait_for(_IN_FLIGHT - 1)
        self._in_flight.append(TRANSFERS.submit(self._upload.part, self._parts, part))

    def _wait_for(self, left: int) -> None:
        while len(self._in_flight) > left:
            self._in_flight.pop(0).result()

    def _finish(self) -> None:
        body = b"".join(self._collected)
        if self._upload is None:
            self._reservation.check()
            self._written = self._transport.put(self._bucket, self._key, body, self._headers)
            return
        self._send(body)
        self._wait_for(0)
        # Nothing becomes visible for an object that the invocation has given up.
        self._reservation.check()
        self._written = self._upload.complete()

    def _abort(self) -> None:
        """Discard what was sent; the lifecycle rule does it if this fails."""
        for sent in self._in_flight:
            sent.cancel()
            # A part that arrives after the abort would stay.
            with contextlib.suppress(Exception):
                sent.exception()
        if self._upload is not None:
            with contextlib.suppress(Exception):
                self._upload.abort()
