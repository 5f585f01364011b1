"""Bytes that are written: compressed or not, in parts, and never more than are allowed."""

from __future__ import annotations

import gzip as gzip_format
import io
from typing import TYPE_CHECKING, Self

from object_consumer.memory import MemoryLimitError

if TYPE_CHECKING:
    from object_consumer.memory import Allowance

_GZIP_LEVEL = 6
# Bytes that are collected before they are compressed or appended: each call has its price.
_COLLECTED = 128 * 1024
# What is compressed takes time, and little memory: it may be so many times the memory.
_TIMES_LIMIT = 4
# What is appended to gets more memory than it needs at once, at most one part in so many.
_GROWTH = 8


class Output:
    """An output that grows; a context, so that one that is refused half way is closed as well.

    Parameters
    ----------
    allowance
        What may be used.
    gzip
        Whether to compress: without a time in the header, so that equal contents stay equal.
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
        """Refuse an output of so many bytes before it is written.

        Raises
        ------
        MemoryLimitError
            It would be larger than is allowed.
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
        """Return all that was written."""
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
