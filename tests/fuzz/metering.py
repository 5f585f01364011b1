"""What a call costs, in counts that are the same on every machine: bytes allocated, and steps.

A step is a call of a Python function or a turn of a loop. Seconds would tell of the machine, and
of what else runs on it.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_TOOL = 4  # neither a debugger's nor a profiler's
_EVENTS = (
    sys.monitoring.events.PY_START,
    sys.monitoring.events.PY_RESUME,
    sys.monitoring.events.JUMP,
)


@dataclass(slots=True)
class Cost:
    """What a call cost.

    Attributes
    ----------
    peak
        The most bytes that were allocated at once, beyond what was before.
    steps
        Calls of Python functions and turns of loops, in all threads.
    """

    peak: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Bound:
    """What a call may cost, by the size of its input.

    Attributes
    ----------
    bytes_each, steps_each
        For each byte of the input.
    bytes_free, steps_free
        For any input.
    """

    bytes_each: float
    steps_each: float
    bytes_free: int = 256 * 1024
    steps_free: int = 20_000

    def excess(self, cost: Cost, size: int) -> str:
        """Say by what a call cost too much; nothing if it did not."""
        limits = {
            "bytes": (cost.peak, round(self.bytes_each * size) + self.bytes_free),
            "steps": (cost.steps, round(self.steps_each * size) + self.steps_free),
        }
        return "; ".join(
            f"{spent:,} {what} for an input of {size:,} bytes; at most {limit:,}"
            for what, (spent, limit) in limits.items()
            if spent > limit
        )


@contextmanager
def metered() -> Iterator[Cost]:
    """Meter what runs inside the block; not for two blocks at a time."""
    cost = Cost()

    def step(*_: object) -> None:
        cost.steps += 1

    sys.monitoring.use_tool_id(_TOOL, "tests.fuzz")
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for event in _EVENTS:
            sys.monitoring.register_callback(_TOOL, event, step)
        sys.monitoring.set_events(_TOOL, sum(_EVENTS))
        try:
            yield cost
        finally:
            sys.monitoring.set_events(_TOOL, 0)
            cost.peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
        sys.monitoring.free_tool_id(_TOOL)
