"""The records of a file, kept in memory only if they fit."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from record_formats.positions import BEGIN, Batch
from record_formats.sizes import RAW, SMALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from msgspec import Raw

    from object_consumer.memory import Allowance

# The share of the remaining memory for a list of records; the output needs the rest.
_SHARE = 4
# The maximum number of records in a batch.
_MOST = 1000


class Records:
    """Valid records, which can be iterated any number of times.

    They are in a list, or read again for each iteration: a file may be larger than the memory, and
    each record of a table has all names, so that the records can be thousands of times as large as
    the file.

    Parameters
    ----------
    count
        The number of records.
    make
        Creates an iterator over all of them, in batches that are small enough to copy.
    file_bytes
        The size of their file; 0 if there is none.
    """

    def __init__(
        self, count: int, make: Callable[[], Iterable[Batch]], file_bytes: int = 0
    ) -> None:
        self.file_bytes = file_bytes
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Raw]:
        return itertools.chain.from_iterable(self.batches())

    def batches(self) -> Iterator[Sequence[Raw]]:
        """Yield the records in batches."""
        return (batch.records for batch in self._make())

    @classmethod
    def of(cls, records: Sequence[Raw]) -> Records:
        """Create them from a list."""
        size = sum(memoryview(record).nbytes for record in records)
        length = max(1, min(_MOST, len(records) * SMALL // max(1, size)))
        batches = [
            Batch(batch, BEGIN, 0) for batch in itertools.batched(records, length, strict=False)
        ]
        return cls(len(records), batches.__iter__)


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
        self._kept: list[Batch] | None = []
        self._count = 0
        self._size = 0
        self._end = BEGIN

    def add(self, batch: Batch) -> None:
        """Add the next records.

        Raises
        ------
        DeadlineError
            The time is over.
        """
        self._allowance.check()
        self._end = batch.end
        self._count += len(batch.records)
        self._size += batch.size + RAW * len(batch.records)
        if self._kept is not None:
            self._kept.append(batch)
            if self._most_kept is not None and self._size > self._most_kept:
                self._kept = None

    def records(self, make: Callable[[], Iterable[Batch]]) -> Records:
        """Return the records, which may be created again for each iteration."""
        if self._kept is None:
            return Records(self._count, make, self._end.offset)
        self._allowance.hold(self._size, "the records")
        return Records(self._count, self._kept.__iter__, self._end.offset)
