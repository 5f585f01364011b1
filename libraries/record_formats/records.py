"""The records of a file, without holding all of them where that would be too much."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from msgspec import Raw

from object_consumer.memory import MemoryLimitError
from record_formats.sizes import RAW, SMALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from object_consumer.memory import Allowance

# Of the memory that is left, what a list of records may take: an output is to fit beside it.
_SHARE = 2
# What is made, used and thrown away takes time alone, and may be so many times the memory.
_TIMES_LIMIT = 4
# Records in a batch, however small they are.
_MOST = 1000


def batch_length(count: int, size: int) -> int:
    """Return how many of so many records, of so many bytes in all, are small together."""
    return max(1, min(_MOST, count * SMALL // max(1, size)))


class Records:
    """Records to be gone through, as often as is needed; they are known to be well-formed.

    They are in a list, or made again each time: a table's names are in each of its records, so that
    these can be thousands of times as large as their file.

    Parameters
    ----------
    count, size
        How many there are, and how many bytes they have.
    make
        Gives all of them.
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
        """Return some at a time: few enough to be copied, and to ask for the time before each."""
        return itertools.batched(self, self._batch, strict=False)

    @classmethod
    def of(cls, records: Sequence[Raw], size: int | None = None) -> Records:
        """Take records that are in a list."""
        if size is None:
            size = sum(memoryview(record).nbytes for record in records)
        return cls(len(records), size, records.__iter__)


class KeptRecords:
    """Collects records while they are read; forgets them once they are too much to be kept.

    Parameters
    ----------
    allowance
        What may be used.
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
        """Take the next records.

        Parameters
        ----------
        texts
            Their JSON.
        line
            Where the file has been read to.

        Raises
        ------
        MemoryLimitError
            The records are so large that going through them would take too long.
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
                f"line {line}: until here the records have {self._size:,} bytes as JSON; the "
                f"function's memory allows {self._most_made:,}: raise it, or split the file"
            )

    def records(self, make: Callable[[], Iterator[Raw]]) -> Records:
        """Return the records, or what makes them again."""
        if self._kept is None:
            return Records(self._count, self._size, make)
        self._allowance.hold(self._size + RAW * self._count, "the records")
        return Records.of(self._kept, self._size)
