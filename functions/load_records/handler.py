"""Read records, check them, and write them to the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from load_records.dynamodb import send
from load_records.keys import load_keys, load_table_name
from load_records.loading import Loader
from load_records.table import Table
from object_consumer import (
    Continue,
    ObjectEvent,
    ObjectStore,
    SkippedError,
    object_consumer,
)
from object_consumer.memory import workspace
from record_formats import load_input, read_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from object_consumer.memory import Allowance
    from record_formats import Batch, Position

KEYS = load_keys()
# By default, nothing limits the size: with the ledger, not even the function's timeout.
INPUT = load_input()

# CSV has no types, but a key of type N must be a number in the item.
_COLUMN_TYPES = {key.name: {"number"} for key in KEYS if key.kind == "N"}

LOADER = Loader(Table(load_table_name(), send), KEYS, workspace())


@object_consumer
def handler(event: ObjectEvent, store: ObjectStore) -> Mapping[str, object] | Continue:
    """Load one object: all records are checked before the first one is written."""
    if event.is_removal:
        raise SkippedError("removal")
    kind = INPUT.format_of(event.key)

    def read(start: Position, is_checked: bool, allowance: Allowance) -> Iterator[Batch]:  # noqa: FBT001
        return read_batches(
            lambda: store.open(event, max_bytes=INPUT.max_object_bytes),
            kind,
            _COLUMN_TYPES,
            allowance,
            start=start,
            checked=is_checked,
            member=INPUT.records_member,
        )

    return LOADER.load(read, event.size or 0, store)
