"""What is attacked, one module for each promise; `TARGETS` has them all by name."""

from __future__ import annotations

from tests.fuzz.target import Target
from tests.fuzz.targets import (
    batches,
    dead_letters,
    envelopes,
    items,
    records,
    schema,
)

TARGETS: dict[str, Target] = {
    module.__name__.rpartition(".")[2]: module.TARGET
    for module in (envelopes, batches, records, items, schema, dead_letters)
}
