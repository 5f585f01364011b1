"""An output buffer: written in parts, optionally compressed, with a size limit."""

from __future__ import annotations

import gzip as gzip_format
import io
from typing import TYPE_CHECKING, Self

from object_consumer.memory import MemoryLimitError

if TYPE_CHECKING:
    from object_consumer.memory import Allowance

_GZIP_LEVEL = 6
# Bytes collected before they are compressed or appended, to save calls.
_COLLECTED = 128 * 1024
# Compression takes time but little memory: the limit is this multiple of the memory.
_TIMES_LIMIT = 4
# A bytearray over-allocates when it grows, by at most this part of its size.
_GROWTH = 8


class Output:
    """An output buffer; a context manager, so that it is also closed after an error.

    Parameters
    ----------
    allowance
        The available memory and time.
    gzip
        Whether to compress, without a time in the header, so that equal contents give equal bytes.
    """

    def __init__(self, allowance: Allowance, *, gzip: bool) -> None:
        self._allowance = allowance
        self._content = io.BytesIO()
        self._gzip = (
            gzip_format.GzipFile(
                fileobj=self._content, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0
            )
            if gzip
            else None
        )
        self._collected: list[bytes] = []
        self._size = 0
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._gzip is not None:
            self._gzip.close()

    def need(self, size: int) -> None:
        """Reject an output of the given size before it is written.

        Raises
        ------
        MemoryLimitError
            It would be larger than allowed.
        """
        allowed = self._allowance.left
        if allowed is None:
            return
        if self._gzip is not None:
            allowed *= _TIMES_LIMIT
        else:
            allowed -= allowed // _GROWTH
        if size > allowed:
            raise MemoryLimitError(
                f"the output has {size:,} bytes or more; the function's memory allows "
                f"{max(0, allowed):,}: raise it, or split the file"
            )

    def write(self, part: bytes) -> None:
        """Append a part; raises as `need` does."""
        self._collected.append(part)
        self._size += len(part)
        if self._size > _COLLECTED:
            self._flush()

    def close(self) -> bytes:
        """Return the whole output."""
        self._flush()
        if self._gzip is not None:
            self._gzip.close()
        return self._content.getvalue()

    def _flush(self) -> None:
        self._written += self._size
        self.need(self._written)
        self._allowance.check()
        (self._gzip or self._content).write(b"".join(self._collected))
        self._collected.clear()
        self._size = 0
