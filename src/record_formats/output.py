"""Write an output in parts, optionally compressed."""

from __future__ import annotations

import gzip as gzip_format
from typing import TYPE_CHECKING, Protocol, Self

from object_consumer.memory import MemoryLimitError
from record_formats.sizes import most_expanded

if TYPE_CHECKING:
    from collections.abc import Buffer

    from object_consumer.memory import Allowance

_GZIP_LEVEL = 6
# Bytes collected before they are compressed or written, to save calls.
_COLLECTED = 128 * 1024


class Writable(Protocol):
    """What an output is written to, such as an `object_consumer.writer.ObjectWriter` or a file."""

    def write(self, data: bytes, /) -> object:
        """Append bytes."""
        ...


class Output:
    """An output; a context manager, which writes the end unless the block raises.

    Parameters
    ----------
    target
        What it is written to.
    allowance
        The available memory and time.
    file_bytes
        The size of the records' file.
    gzip
        Whether to compress, without a time in the header, so that equal contents give equal bytes.
    """

    def __init__(
        self, target: Writable, allowance: Allowance, file_bytes: int, *, gzip: bool
    ) -> None:
        self._allowance = allowance
        # Each record of a table has all columns, so a short file can have terabytes as CSV.
        self._most = most_expanded(allowance.limit, file_bytes)
        self._target = target
        self._file = _File(target)
        self._gzip = (
            gzip_format.GzipFile(fileobj=self._file, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0)
            if gzip
            else None
        )
        self._collected: list[bytes] = []
        self._size = 0
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        else:
            self._file.is_given_up = True
        if self._gzip is not None:
            self._gzip.close()

    def need(self, size: int) -> None:
        """Reject an output of the given size before it is written.

        Raises
        ------
        MemoryLimitError
            It would be larger than allowed.
        """
        if self._most is not None and size > self._most:
            raise MemoryLimitError(
                f"the output has {size:,} bytes or more; the function's memory allows "
                f"{self._most:,}: raise it, or split the file"
            )

    def write(self, part: bytes) -> None:
        """Append a part; raises as `need` does."""
        self._collected.append(part)
        self._size += len(part)
        if self._size > _COLLECTED:
            self._flush()

    def _flush(self) -> None:
        self._written += self._size
        self.need(self._written)
        self._allowance.check()
        (self._gzip or self._target).write(b"".join(self._collected))
        self._collected.clear()
        self._size = 0


class _File:
    """A target as the file that GzipFile expects.

    Attributes
    ----------
    is_given_up
        Whether bytes are discarded: GzipFile writes the end of a file even after an error.
    """

    def __init__(self, target: Writable) -> None:
        self.is_given_up = False
        self._target = target

    def write(self, data: Buffer, /) -> int:
        content = bytes(data)
        if not self.is_given_up:
            self._target.write(content)
        return len(content)

    def flush(self) -> None:
        """Do nothing: the target's owner completes it."""
