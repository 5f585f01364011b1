"""Measure time and memory inside of a contender's process."""

import resource
import sys
import time
from collections.abc import Callable


def seconds_of(run: Callable[[], object], runs: int, *, warm_up: bool = True) -> list[float]:
    """Run something a few times, and once before in a process that should be warm."""
    seconds = []
    for _ in range(runs + warm_up):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return seconds[warm_up:]


def peak_bytes(*, with_children: bool = False) -> int:
    """Return the most memory that the process has had, and its ended children."""
    processes = [resource.RUSAGE_SELF, *([resource.RUSAGE_CHILDREN] if with_children else [])]
    # The unit is kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return sum(resource.getrusage(each).ru_maxrss for each in processes) * unit
