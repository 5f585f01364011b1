"""Run jobs in parallel threads, with a deadline."""

from __future__ import annotations

import threading
import traceback
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    type Job = Callable[[], None]


class Workers:
    """Threads that run jobs until none is left, or until they are stopped.

    Every invocation has its own. A job that is still running at the deadline keeps its thread.
    Later invocations don't wait for it, but the threads are counted, see
    `object_consumer.environment`. An exception in one job doesn't affect the others.

    Parameters
    ----------
    jobs
        The jobs, started in this order.
    concurrency
        The number of jobs that run at the same time.
    """

    def __init__(self, jobs: Iterable[Job], *, concurrency: int) -> None:
        self._jobs = deque(jobs)
        self._unfinished = len(self._jobs)
        self._running = 0
        self._concurrency = concurrency
        self._changed = threading.Condition()

    @property
    def running(self) -> int:
        """The number of running jobs."""
        return self._running

    def run(self, seconds_left: Callable[[], float]) -> bool:
        """Run all jobs; give up at the deadline, or if no thread can be started.

        Parameters
        ----------
        seconds_left
            Returns the remaining time; called after each job.

        Returns
        -------
        bool
            Whether all jobs ended in time.
        """
        threads = 0
        if self._jobs and seconds_left() > 0:
            threads = self._start(min(self._concurrency, len(self._jobs)))
        with self._changed:
            while threads and self._unfinished and (seconds := seconds_left()) > 0:
                self._changed.wait(seconds)
            self._jobs.clear()
            return not self._unfinished

    def _start(self, number: int) -> int:
        for started in range(number):
            try:
                # A daemon thread doesn't delay the interpreter's exit.
                threading.Thread(target=self._work, daemon=True).start()
            except RuntimeError:
                # No more threads are available; the running ones execute all jobs.
                return started
        return number

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._jobs:
                    return
                job = self._jobs.popleft()
                self._running += 1
            try:
                job()
            except BaseException:  # noqa: BLE001 - the next job has other objects
                traceback.print_exc()
            finally:
                with self._changed:
                    self._running -= 1
                    self._unfinished -= 1
                    self._changed.notify_all()
