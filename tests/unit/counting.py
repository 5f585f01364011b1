"""Counting what something takes: function calls and bytes, which are the same on every machine."""

import sys
import threading
import tracemalloc
from collections.abc import Callable


def calls(function: Callable[[], object]) -> int:
    """Count the functions that are called, Python's and built-in ones, in its threads as well."""
    count = 0
    lock = threading.Lock()

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        if event in {"call", "c_call"}:
            with lock:
                count += 1

    before, before_in_threads = sys.getprofile(), threading.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(before)
        threading.setprofile(before_in_threads)
    return count


def peak_bytes(function: Callable[[], object]) -> int:
    """Measure the most memory that is allocated at a time, over what was before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
