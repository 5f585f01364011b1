"""What hung functions keep of an execution environment, and when the environment gives up.

A thread can't be stopped. One that is still in a consumer's function when its invocation's time is
up stays, with the bytes that it holds, in every later invocation of the environment. So what is
kept is counted over all invocations, and when it leaves too little for another one, the process
ends before it starts anything of the next batch. Lambda then resets the environment and starts the
process anew: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.

The batch at hand pays for that with one receive. Its messages are made visible at once, so that
another environment takes them without waiting for the queue's visibility timeout. The other ways
cost more. A process that ends with the answer to the batch in which the threads hung has the whole
of it delivered again, the finished objects too. After the answer Lambda freezes the environment, so
nothing can be relied on to run. And an environment that refuses batch after batch uses up the
receives of healthy messages without ever getting better.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from object_consumer.budget import ObjectReservation
    from object_consumer.workers import Workers

# As many as an invocation uses by default. Lambda has room for 1,024 threads and processes:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_HUNG_THREADS = 64
# Seconds for threads that were frozen with the environment: most are at the end of their own
# timeouts when it goes on.
_GRACE = 2.0
_BETWEEN_LOOKS = 0.05


class ExecutionEnvironment:
    """The process that serves one invocation after the other.

    Parameters
    ----------
    hung_bytes
        Bytes of objects that hung functions may keep; with more the environment gives up.
    grace
        Seconds that hung functions have to end before it does.
    """

    def __init__(self, hung_bytes: int, *, grace: float = _GRACE) -> None:
        self._most_bytes = hung_bytes
        self._grace = grace
        self._workers: list[Workers] = []
        self._reservations: list[ObjectReservation] = []

    def leave(self, workers: Iterable[Workers], reservations: Iterable[ObjectReservation]) -> None:
        """Count what an invocation leaves behind."""
        self._workers += workers
        self._reservations += reservations
        self._forget()

    def hung_threads(self) -> int:
        """Count the threads that are still at work for invocations that are over."""
        self._forget()
        return sum(some.running for some in self._workers)

    def hung_bytes(self) -> int:
        """Count the bytes of objects that they hold."""
        self._forget()
        return sum(reservation.held for reservation in self._reservations)

    def is_exhausted(self) -> bool:
        """Whether too little is left for another invocation, after waiting for a little more."""
        give_up_at = time.monotonic() + self._grace
        while self._has_too_little():
            if time.monotonic() >= give_up_at:
                return True
            time.sleep(_BETWEEN_LOOKS)
        return False

    def end(self) -> None:
        """End the process; nothing waits for the threads that hang."""
        os._exit(1)

    def _has_too_little(self) -> bool:
        return self.hung_threads() >= MAX_HUNG_THREADS or self.hung_bytes() >= self._most_bytes

    def _forget(self) -> None:
        self._workers = [some for some in self._workers if some.running]
        self._reservations = [reservation for reservation in self._reservations if reservation.held]
