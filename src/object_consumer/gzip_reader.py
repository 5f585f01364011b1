"""Decompress a gzip file while it is read, with bounded memory, and refuse decompression bombs."""

from __future__ import annotations

import io
import os
import zlib
from typing import TYPE_CHECKING, override

from object_consumer.errors import ObjectTooLargeError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Buffer

# https://www.rfc-editor.org/rfc/rfc1952#page-6: ID1, ID2; the only compression method is deflate.
MAGIC = b"\x1f\x8b\x08"

# zlib's number for a gzip member, with its header and checksum.
_GZIP = 31
# Compressed bytes given to zlib at once: it copies what it could not use.
_INPUT_BYTES = 64 * 1024
# Deflate reaches 1,032. JSON and CSV seldom exceed 50; below the second limit, a file of any ratio
# takes less than a second.
MAX_RATIO = 500
_FREE_BYTES = 64 * 1024 * 1024


class CompressionError(PermanentError):
    """A compressed file is damaged, or expands to more than any file that holds data."""


class GzipReader(io.RawIOBase):
    """The decompressed bytes of a gzip file.

    The file may have several members (https://www.rfc-editor.org/rfc/rfc1952#section-2.2), as
    files have that were appended to, and zeros after the last one. `seek` decompresses everything
    before the position: from the current position if it is before, else from the beginning.

    Parameters
    ----------
    source
        The compressed file, at its beginning; closed with this one.
    name
        The file's name for errors.
    max_bytes
        The most decompressed bytes; None for any number.
    """

    def __init__(self, source: io.RawIOBase, name: str, max_bytes: int | None = None) -> None:
        super().__init__()
        self._source = source
        self._name = name
        self._max_bytes = max_bytes
        self._restart()

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._position

    @override
    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if whence == os.SEEK_END:
            while self._skip(_INPUT_BYTES):
                pass
        target = offset + (0 if whence == os.SEEK_SET else self._position)
        if target < 0:
            raise ValueError(f"negative position {target}")
        if target < self._position:
            self._source.seek(0)
            self._restart()
        while self._position < target and self._skip(target - self._position):
            pass
        return self._position

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        """Read some bytes; 0 at the end.

        Raises
        ------
        CompressionError
            The file is damaged or incomplete, or a decompression bomb.
        ObjectTooLargeError
            It has more than `max_bytes`.
        """
        target = memoryview(buffer).cast("B")
        data = self._decompress(len(target))
        target[: len(data)] = data
        return len(data)

    @override
    def close(self) -> None:
        if not self.closed:
            super().close()
            self._source.close()

    def _restart(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._input = b""
        # Compressed bytes that were read, and decompressed bytes that were returned.
        self._consumed = 0
        self._position = 0

    def _skip(self, most: int) -> int:
        return len(self._decompress(min(most, 16 * _INPUT_BYTES)))

    def _decompress(self, most: int) -> bytes:
        """Return 1 to `most` bytes; none at the end."""
        while most > 0:
            if self._member.eof and not self._next_member():
                break
            if not self._input:
                self._input = self._source.read(_INPUT_BYTES) or b""
                self._consumed += len(self._input)
                if not self._input:
                    raise CompressionError(
                        f"{self._name} is incomplete: its gzip data ends after "
                        f"{self._consumed:,} bytes, before the end of a member"
                    )
            try:
                data = self._member.decompress(self._input, most)
            except zlib.error as error:
                raise CompressionError(
                    f"{self._name} is damaged: gzip data before byte {self._consumed:,}: {error}"
                ) from None
            self._input = self._member.unused_data or self._member.unconsumed_tail
            if data:
                self._position += len(data)
                self._check_size()
                return data
        return b""

    def _next_member(self) -> bool:
        """Begin the next member; False at the end of the file."""
        while not (rest := self._input.lstrip(b"\0")):
            self._input = self._source.read(_INPUT_BYTES) or b""
            if not self._input:
                return False
            self._consumed += len(self._input)
        self._input = rest
        self._member = zlib.decompressobj(_GZIP)
        return True

    def _check_size(self) -> None:
        if self._max_bytes is not None and self._position > self._max_bytes:
            raise ObjectTooLargeError(
                f"{self._name} has more than {self._max_bytes} bytes when it is decompressed; "
                f"this consumer accepts {self._max_bytes}"
            )
        if self._position > _FREE_BYTES and self._position > MAX_RATIO * self._consumed:
            raise CompressionError(
                f"{self._name} expands to more than {MAX_RATIO} times its size: {self._consumed:,} "
                f"bytes gave {self._position:,}; a file of data doesn't, so it is refused"
            )
