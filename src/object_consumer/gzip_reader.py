"""Decompress a gzip file while it is read, with bounded memory, and refuse decompression bombs."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from typing import TYPE_CHECKING, override

from object_consumer.errors import ObjectTooLargeError, PermanentError
from object_consumer.seekable import SeekableFile

if TYPE_CHECKING:
    from collections.abc import Buffer

# https://www.rfc-editor.org/rfc/rfc1952#page-6: ID1, ID2; the only compression method is deflate.
MAGIC = b"\x1f\x8b\x08"

_INPUT_BYTES = 128 * 1024
_SKIPPED_BYTES = 1024 * 1024
# Deflate reaches 1,032. JSON and CSV seldom exceed 50; below the second limit, a file of any ratio
# takes less than a second.
MAX_RATIO = 500
_FREE_BYTES = 64 * 1024 * 1024


class CompressionError(PermanentError):
    """A compressed file is damaged, or expands to more than any file that holds data."""


class GzipReader(SeekableFile):
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
        self._file = gzip.GzipFile(fileobj=io.BufferedReader(source, _INPUT_BYTES), mode="rb")
        self._name = name
        self._max_bytes = max_bytes

    @override
    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if whence == os.SEEK_END:
            while self._read(_SKIPPED_BYTES):
                pass
        target = offset + (0 if whence == os.SEEK_SET else self._position)
        if target < 0:
            raise ValueError(f"negative position {target}")
        if target < self._position:
            self._position = self._file.seek(0)
        while self._position < target and self._read(min(target - self._position, _SKIPPED_BYTES)):
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
        data = self._read(len(target))
        target[: len(data)] = data
        return len(data)

    @override
    def close(self) -> None:
        if not self.closed:
            super().close()
            self._source.close()

    def _read(self, size: int) -> bytes:
        try:
            data = self._file.read1(size)
        except EOFError:
            raise CompressionError(
                f"{self._name} is incomplete: its gzip data ends after {self._source.tell():,} "
                "bytes, before the end of a member"
            ) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise CompressionError(
                f"{self._name} is damaged: gzip data before byte {self._source.tell():,}: {error}"
            ) from None
        self._position += len(data)
        self._check_size()
        return data

    def _check_size(self) -> None:
        size, stored = self._position, self._source.tell()
        if self._max_bytes is not None and size > self._max_bytes:
            raise ObjectTooLargeError(
                f"{self._name} has more than {self._max_bytes} bytes when it is decompressed; "
                f"this consumer accepts {self._max_bytes}"
            )
        if size > _FREE_BYTES and size > MAX_RATIO * stored:
            raise CompressionError(
                f"{self._name} expands to more than {MAX_RATIO} times its size: {stored:,} bytes "
                f"gave {size:,}; a file of data doesn't, so it is refused"
            )
