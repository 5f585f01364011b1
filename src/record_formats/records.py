"""The records of a file, kept in memory only if they fit."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from msgspec import Raw

from object_consumer.memory import MemoryLimitError
from record_formats.sizes import RAW, SMALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from object_consumer.memory import Allowance

# The share of the remaining memory for a list of records; the output needs the rest.
_SHARE = 2
# Records that are created, used and discarded only take time; the limit is this multiple of the
# memory.
_TIMES_LIMIT = 4
# The maximum number of records in a batch.
_MOST = 1000


def batch_length(count: int, size: int) -> int:
    """Return how many records fit into a batch, from their number and total size."""
    return max(1, min(_MOST, count * SMALL // max(1, size)))


class Records:
    """Valid records, which can be iterated any number of times.

    They are in a list, or created again for each iteration: each record of a table has all names,
    so the records can be thousands of times as large as the file.

    Parameters
    ----------
    count, size
        The number of records, and their total bytes.
    make
        Creates an iterator over all of them.
    """

    def __init__(self, count: int, size: int, make: Callable[[], Iterator[Raw]]) -> None:
        self._count = count
        self._make = make
        self._batch = batch_length(count, size)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Raw]:
        return self._make()

    def batches(self) -> Iterator[Sequence[Raw]]:
        """Yield batches that are small enough to copy; check the time before each."""
        return itertools.batched(self, self._batch, strict=False)

    @classmethod
    def of(cls, records: Sequence[Raw], size: int | None = None) -> Records:
        """Create them from a list."""
        if size is None:
            size = sum(memoryview(record).nbytes for record in records)
        return cls(len(records), size, records.__iter__)


class KeptRecords:
    """Collects records while they are read; discards them when they become too large.

    Parameters
    ----------
    allowance
        The available memory and time.
    """

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        left = allowance.left
        self._most_kept = None if left is None else left // _SHARE
        self._most_made = None if allowance.limit is None else allowance.limit * _TIMES_LIMIT
        self._kept: list[Raw] | None = []
        self._count = 0
        self._size = 0

    def add(self, texts: Sequence[bytes], line: int) -> None:
        """Add the next records.

        Parameters
        ----------
        texts
            Their JSON.
        line
            The line up to which the file has been read.

        Raises
        ------
        MemoryLimitError
            The records are so large that iterating over them would take too long.
        DeadlineError
            The time is over.
        """
        self._allowance.check()
        self._count += len(texts)
        self._size += sum(map(len, texts))
        held = self._size + RAW * self._count
        if self._kept is not None and (self._most_kept is None or held <= self._most_kept):
            self._kept.extend(map(Raw, texts))
            return
        self._kept = None
        if self._most_made is not None and self._size > self._most_made:
            raise MemoryLimitError(
                f"line {line}: the records so far have {self._size:,} bytes as JSON; the "
                f"function's memory allows {self._most_made:,}: raise it, or split the file"
            )

    def records(self, make: Callable[[], Iterator[Raw]]) -> Records:
        """Return the records, which may be created again for each iteration."""
        if self._kept is None:
            return Records(self._count, self._size, make)
        self._allowance.hold(self._size + RAW * self._count, "the records")
        return Records.of(self._kept, self._size)
