"""Load a file: check all its records, then write them, in as many invocations as that takes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from load_records.items import Puts
from load_records.table import Writes
from object_consumer import Continue
from object_consumer.memory import Allowance
from record_formats import BEGIN, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from load_records.keys import Key
    from load_records.table import Table
    from object_consumer import ObjectStore
    from object_consumer.memory import Workspace
    from record_formats import Batch

    # Reads a file from a position; whether its records are checked already; memory and time.
    type Read = Callable[[Position, bool, Allowance], Iterator[Batch]]

# The parts of the workspace that a file's items may take to be written without reading it again,
# and that a record of a larger file may take while it is read.
_KEPT_SHARE, _RECORD_SHARE = 2, 4
# A file whose size exceeds this part of the workspace has items that exceed the other part.
_SIZE_SHARE = 6
# Records that are converted together while the ones before them are written: 200 requests. The
# items of both, and the requests, are in memory.
WINDOW_RECORDS = 5000
_WINDOW_BYTES, _WINDOW_SHARE = 8 * 1024 * 1024, 8
# Time to finish what is in flight and to return: seconds, and a part of a short invocation. In its
# second half, no further request is sent.
_RESERVED_SECONDS, _RESERVED_PART = 15.0, 0.2


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """Where the next invocation goes on with a file.

    Attributes
    ----------
    phase
        Whether all records are checked; `kept` if the file is small.
    position
        Up to which record they are checked, or written.
    records
        The file's records, if all are checked; of a small file the items to write.
    items, replaced, write_requests
        What was written, for the log; of a small file, also where it goes on.
    window
        The most records to write at a time at first, because more took too long; 0 for no limit.
    """

    phase: Literal["check", "write", "kept"] = "check"
    position: Position = BEGIN
    records: int = 0
    items: int = 0
    replaced: int = 0
    write_requests: int = 0
    window: int = 0

    @classmethod
    def of(cls, stored: Any) -> Cursor:
        """Convert the cursor of an invocation; begin anew without one.

        That of another version of this function may be different.
        """
        try:
            return msgspec.convert(stored, cls)
        except msgspec.ValidationError:
            return cls()

    def after(self, puts: Puts, position: Position) -> Cursor:
        """Return the cursor after items were written."""
        return msgspec.structs.replace(
            self,
            position=position,
            items=self.items + len(puts),
            replaced=self.replaced + puts.records - len(puts),
        )

    def counting(self, requests: int) -> Cursor:
        """Return the cursor with more requests."""
        return msgspec.structs.replace(self, write_requests=self.write_requests + requests)

    def to_continue(self) -> Continue:
        """Return what the function returns to go on here."""
        number = self.position.number
        done = {
            "check": f"checked {number:,} records, wrote none yet",
            "kept": f"wrote {self.items:,} of {self.records:,} items",
            "write": f"wrote {number:,} of {self.records:,} records",
        }
        return Continue(msgspec.json.decode(msgspec.json.encode(self)), done[self.phase])


class Loader(msgspec.Struct, frozen=True):
    """Loads files into a table.

    The records of a small file are converted once, and kept until all are checked. A larger file is
    read twice: to check the records, and to write them. Its memory doesn't depend on its size.

    Attributes
    ----------
    table
        The table.
    keys
        Its key.
    workspace
        The memory for conversions. Files take turns: a small one for all its records, a larger one
        for some thousand at a time, so that small ones don't wait for its end.
    """

    table: Table
    keys: Sequence[Key]
    workspace: Workspace

    def load(self, read: Read, size: int, store: ObjectStore) -> Mapping[str, object] | Continue:
        """Load a file.

        Parameters
        ----------
        read
            Reads it.
        size
            Its size in bytes.
        store
            The store of its event.

        Returns
        -------
        Mapping of str to object, or Continue
            Fields for the log, or where the next invocation goes on.

        Raises
        ------
        PermanentError
            A record is invalid, or DynamoDB rejected an item.
        RetryableError
            See `load_records.table.Writes.finish`.
        """
        cursor = Cursor.of(store.cursor)
        if (
            store.cursor is None or cursor.phase == "kept"
        ) and size <= self.workspace.limit // _SIZE_SHARE:
            with self.workspace.turn(store.check) as turn:
                puts = self._all(read(BEGIN, False, turn.allowance), turn.allowance)  # noqa: FBT003
                if puts is not None:
                    turn.keep(puts.size)
                    return self._write_kept(puts, cursor, store)
        return self._load_large(read, Cursor() if cursor.phase == "kept" else cursor, store)

    def _write_kept(
        self, puts: Puts, cursor: Cursor, store: ObjectStore
    ) -> Mapping[str, object] | Continue:
        """Write all items of a small file, from where the last invocation ended."""
        if cursor.records != len(puts):
            # Nothing is written yet, or it was with another key.
            cursor = Cursor(phase="kept", records=len(puts))
        _, is_over = _time_limits(store)
        writes = self.table.start(itertools.islice(puts, cursor.items, None), store.check, is_over)
        requests = cursor.write_requests + writes.finish()
        items = cursor.items + writes.items
        if not writes.is_complete:
            # The same cursor again says that there was no progress, which counts as an attempt.
            if writes.items:
                cursor = msgspec.structs.replace(cursor, items=items, write_requests=requests)
            return cursor.to_continue()
        written = Cursor(phase="write").after(puts, BEGIN)
        return self._fields(written.counting(requests))

    def _all(self, batches: Iterator[Batch], allowance: Allowance) -> Puts | None:
        """Convert all records; None if they are too many to keep."""
        puts = Puts(self.keys)
        most = self.workspace.limit // _KEPT_SHARE
        for batch in batches:
            puts.add(batch.records, puts.records, allowance)
            if puts.size > most:
                return None
        return puts

    def _load_large(
        self, read: Read, cursor: Cursor, store: ObjectStore
    ) -> Mapping[str, object] | Continue:
        must_stop, is_over = _time_limits(store)
        if cursor.phase == "check":
            records = cursor.position.number
            for _, end in self._windows(read, cursor, store):
                records = end.number
                if must_stop():
                    return Cursor(position=end).to_continue()
            cursor = Cursor(phase="write", records=records)
        begin = cursor.position
        after = cursor  # as soon as the writes in flight are done
        writes = Writes()
        try:
            for puts, end in self._windows(read, cursor, store):
                # Of records with the same key, the later one must be written later.
                requests = writes.finish()
                if not writes.is_complete:
                    break
                cursor = after.counting(requests)
                after = cursor.after(puts, end)
                writes = self.table.start(puts, store.check, is_over)
                if must_stop():
                    break
            requests = writes.finish()
        finally:
            # The next invocation must not write beside requests of this one.
            writes.wait()
        if writes.is_complete:
            cursor = after.counting(requests)
        if cursor.position.number >= cursor.records:
            return self._fields(cursor)
        # What can't be written in one invocation is tried in smaller parts. If it is the same
        # cursor again, there was no progress, which counts as an attempt.
        window = max(1, writes.items // 2) if cursor.position == begin else 0
        return msgspec.structs.replace(cursor, window=window).to_continue()

    def _windows(
        self, read: Read, cursor: Cursor, store: ObjectStore
    ) -> Iterator[tuple[Puts, Position]]:
        """Yield put requests for some thousand records at a time, and where they end."""
        allowance = Allowance(self.workspace.limit // _RECORD_SHARE, store.check)
        batches = read(cursor.position, cursor.phase == "write", allowance)
        most = min(_WINDOW_BYTES, self.workspace.limit // _WINDOW_SHARE)
        records = cursor.window or WINDOW_RECORDS
        end = cursor.position
        is_left = True
        while is_left:
            puts = Puts(self.keys)
            with self.workspace.turn(store.check) as turn:
                while puts.records < records and puts.size < most:
                    batch = next(batches, None)
                    if batch is None:
                        is_left = False
                        break
                    puts.add(batch.records, end.number, turn.allowance)
                    end = batch.end
            if puts:
                yield puts, end
            records = min(WINDOW_RECORDS, 2 * records)

    def _fields(self, cursor: Cursor) -> dict[str, object]:
        return {
            "items": cursor.items,
            "replaced": cursor.replaced,
            "table": self.table.name,
            "write_requests": cursor.write_requests,
        }


def _time_limits(store: ObjectStore) -> tuple[Callable[[], bool], Callable[[], bool]]:
    """Return what tells whether to begin no further part, and whether to send no further request.

    The rest is for another invocation; never if there is none.
    """
    if not store.continues:
        return (lambda: False), (lambda: False)
    reserved = min(_RESERVED_SECONDS, _RESERVED_PART * store.seconds_left())
    return (lambda: store.seconds_left() < reserved), (lambda: store.seconds_left() < reserved / 2)
