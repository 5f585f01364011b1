"""Keeping the corpus small: the smallest inputs that together reach what all of them reach."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType

from tests.fuzz.findings import ROOT, size_order
from tests.fuzz.target import Target

# Larger ones come from the strategies.
LONGEST = 4 * 1024
_TOOL = 4
_FOLDERS = (f"{ROOT / 'functions'}/", f"{ROOT / 'operations'}/")
_EVENTS = (sys.monitoring.events.BRANCH, sys.monitoring.events.PY_START)


def minimise(target: Target, inputs: Iterable[bytes]) -> dict[str, bytes]:
    """Choose inputs, smallest first; each reaches a branch that none before it did."""
    chosen = {}
    reached: set[object] = set()
    for data in sorted({one for one in inputs if len(one) <= LONGEST}, key=size_order):
        with _branches() as branches:
            target.work(data)
        if branches - reached:
            reached |= branches
            chosen[hashlib.sha256(data).hexdigest()[:12]] = data
    return chosen


@contextmanager
def _branches() -> Iterator[set[object]]:
    """Gather which way each branch of this repository's code goes."""
    found: set[object] = set()

    def went(code: CodeType, *where: int) -> object:
        if code.co_filename.startswith(_FOLDERS):
            found.add((code.co_filename, code.co_firstlineno, *where))
            return None
        return sys.monitoring.DISABLE

    sys.monitoring.use_tool_id(_TOOL, "tests.fuzz")
    try:
        for event in _EVENTS:
            sys.monitoring.register_callback(_TOOL, event, went)
        sys.monitoring.set_events(_TOOL, sum(_EVENTS))
        yield found
    finally:
        sys.monitoring.set_events(_TOOL, 0)
        sys.monitoring.free_tool_id(_TOOL)
