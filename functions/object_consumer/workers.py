"""Running jobs side by side, for no longer than there is time."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    type Job = Callable[[], None]


class Workers:
    """Threads that run jobs until there are none, or until they are called off.

    Every invocation has its own. A job that is still running when time is up keeps its thread; no
    later invocation ever waits for it.

    Parameters
    ----------
    jobs
        What to run, started in this order.
    concurrency
        How many run at once.
    """

    def __init__(self, jobs: Iterable[Job], *, concurrency: int) -> None:
        self._jobs = deque(jobs)
        self._unfinished = len(self._jobs)
        self._concurrency = concurrency
        self._changed = threading.Condition()

    def run(self, seconds_left: Callable[[], float]) -> bool:
        """Run all jobs; give up when no time is left.

        Parameters
        ----------
        seconds_left
            Asked again after each job.

        Returns
        -------
        bool
            Whether all jobs ended in time.
        """
        for _ in range(min(self._concurrency, len(self._jobs))):
            # A daemon does not hold up the interpreter's exit.
            threading.Thread(target=self._work, daemon=True).start()
        with self._changed:
            while self._unfinished and (seconds := seconds_left()) > 0:
                self._changed.wait(seconds)
            self._jobs.clear()
            return not self._unfinished

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._jobs:
                    return
                job = self._jobs.popleft()
            try:
                job()
            finally:
                with self._changed:
                    self._unfinished -= 1
                    self._changed.notify_all()
