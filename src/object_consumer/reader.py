"""Read an object in parts: a binary file of one version, with bounded memory."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, override

from object_consumer.errors import ObjectSupersededError, StorageError
from object_consumer.seekable import SeekableFile

if TYPE_CHECKING:
    from collections.abc import Buffer

    from obstore import Bytes

    from object_consumer.budget import Reservation
    from object_consumer.transport import Address, Response, Transport

# S3's throughput per connection is that of 8 to 16 MB in one request:
# https://docs.aws.amazon.com/whitepapers/latest/s3-optimizing-performance-best-practices/use-byte-range-fetches.html
PART_BYTES = 8 * 1024 * 1024
# Parts requested while the one before them is used.
_AHEAD = 2
# The memory of a reader: the part that is used, and those ahead.
BUFFERED_BYTES = (1 + _AHEAD) * PART_BYTES
# Seconds before a part is requested again whose body broke off.
_WAITS = (0.2, 0.8, 2.0)

# Transfers only wait for the network and have timeouts, so that a few threads serve all objects.
TRANSFERS = ThreadPoolExecutor(max_workers=32, thread_name_prefix="transfer")


class ObjectReader(SeekableFile):
    """The bytes of one version of an object, as stored.

    Sequential reads request the next parts ahead, in other threads. A part whose connection breaks
    off is requested again. `seek` costs no request; the next read requests the part it needs.

    Parameters
    ----------
    transport
        Transfers the parts.
    address
        The object.
    first
        The response to the request for the first `PART_BYTES`.
    reservation
        The object's share of the invocation.
    held
        Bytes reserved for this reader; `close` releases them.
    has_event
        Whether a newer object with the same key has an event of its own.

    Attributes
    ----------
    size
        The object's size in bytes.
    """

    def __init__(
        self,
        transport: Transport,
        address: Address,
        first: Response,
        reservation: Reservation,
        *,
        held: int,
        has_event: bool,
    ) -> None:
        super().__init__()
        self.size = first.size
        self._transport = transport
        self._address = address
        self._reservation = reservation
        self._held = held
        self._has_event = has_event
        self._current: tuple[int, memoryview] | None = None
        self._requested: dict[int, Future[Bytes]] = {}
        if self.size:
            self._requested[0] = TRANSFERS.submit(self._body, 0, first)

    @override
    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}
        position = starts[whence] + offset
        if position < 0:
            raise ValueError(f"negative position {position}")
        self._position = position
        return position

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        """Read some bytes; 0 at the end.

        Raises
        ------
        ObjectSupersededError
            A newer object has replaced this one, in a bucket without versioning.
        StorageError
            S3 failed, throttled or denied a request.
        DeadlineError
            The invocation has given the object up.
        """
        if self.closed:
            raise ValueError("read from a closed file")
        if self._position >= self.size:
            return 0
        number, offset = divmod(self._position, PART_BYTES)
        part = self._part(number)
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(part) - offset)
        target[:count] = part[offset : offset + count]
        self._position += count
        self._reservation.report(self._position, self.size)
        return count

    @override
    def close(self) -> None:
        if not self.closed:
            super().close()
            self._current = None
            self._forget(self._requested)
            self._reservation.release(self._held)

    def _part(self, number: int) -> memoryview:
        if self._current is not None and self._current[0] == number:
            return self._current[1]
        self._reservation.check()
        is_sequential = number == (0 if self._current is None else self._current[0] + 1)
        self._current = None
        last = (self.size - 1) // PART_BYTES
        wanted = range(number, min(last, number + (_AHEAD if is_sequential else 0)) + 1)
        self._forget([other for other in self._requested if other not in wanted])
        for each in wanted:
            if each not in self._requested:
                self._requested[each] = TRANSFERS.submit(self._body, each)
        part = memoryview(self._requested.pop(number).result())
        self._current = number, part
        return part

    def _forget(self, numbers: list[int] | dict[int, Future[Bytes]]) -> None:
        for number in list(numbers):
            self._requested.pop(number).cancel()

    def _body(self, number: int, response: Response | None = None) -> Bytes:
        """Request a part and read it; request it again if its connection breaks off."""
        for wait in (*_WAITS, None):
            if response is None:
                response = self._get(number)
            try:
                return response.body()
            except StorageError:
                if wait is None or self.closed:
                    raise
                time.sleep(wait)
                response = None
        raise AssertionError  # the last wait is None

    def _get(self, number: int) -> Response:
        start = number * PART_BYTES
        try:
            return self._transport.get(self._address, (start, min(start + PART_BYTES, self.size)))
        except ObjectSupersededError:
            if self._has_event:
                raise
            raise StorageError(f"{self._address.uri} changed while it was read") from None
