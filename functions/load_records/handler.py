"""Read records, check them, and write them to the table."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING

from load_records.dynamodb import send
from load_records.items import make_puts
from load_records.keys import load_keys, load_table_name
from load_records.table import Table
from object_consumer import ObjectEvent, ObjectStore, SkippedError, object_consumer, settings
from object_consumer.memory import workspace
from record_formats import input_format, read_records

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE = Table(load_table_name(), send)
KEYS = load_keys()
MAX_OBJECT_BYTES = settings.integer("MAX_OBJECT_BYTES", 64 * 1024 * 1024, minimum=1)

# CSV has no types, but a key of type N must be a number in the item.
_COLUMN_TYPES = {key.name: {"number"} for key in KEYS if key.kind == "N"}

# Objects are read and written in parallel, but converted one by one.
WORKSPACE = workspace()


@object_consumer(max_object_bytes=min(MAX_OBJECT_BYTES, WORKSPACE.limit))
def handler(event: ObjectEvent, store: ObjectStore) -> Mapping[str, object]:
    """Load one object: all records are checked before the first one is written."""
    if event.is_removal:
        raise SkippedError("removal")
    kind = input_format(event.key)
    downloaded = store.read(event)
    with WORKSPACE.turn(store.check) as turn:
        turn.allowance.hold(len(downloaded), "the file")
        content = bytes(downloaded)
        del downloaded
        open_file = functools.partial(io.BytesIO, content)
        del content
        records = read_records(open_file, kind, _COLUMN_TYPES, turn.allowance)
        puts = make_puts(records, KEYS, turn.allowance)
        replaced = len(records) - len(puts)
        del open_file, records
        turn.keep(sum(map(len, puts)))
        requests = TABLE.write(puts, store.check)
    return {
        "items": len(puts),
        "replaced": replaced,
        "table": TABLE.name,
        "write_requests": requests,
    }
