"""Count the resources that hung functions hold, and end the execution environment if necessary.

A thread can't be stopped. If it is still in a consumer's function when the invocation runs out of
time, it stays in every later invocation of the environment, with the bytes that it holds. These
threads and bytes are therefore counted over all invocations. When too little is left for another
invocation, the process ends before it starts the next batch. Lambda then resets the environment and
restarts the process: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.

This costs the current batch one receive. Its messages become visible at once, so that another
environment can receive them without waiting for the visibility timeout. The alternatives cost more.
If the process ended instead of responding to the batch in which the threads hung, the whole batch
would be delivered again, including the finished objects. After the response, Lambda freezes the
environment, so nothing is guaranteed to run. And an environment that rejects batch after batch
would use up the receives of healthy messages without recovering.
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
# Seconds for threads that were frozen with the environment: most reach their own timeouts soon
# after it resumes.
_GRACE = 2.0
_BETWEEN_LOOKS = 0.05


class ExecutionEnvironment:
    """The process that handles successive invocations.

    Parameters
    ----------
    hung_bytes
        Bytes of objects that hung functions may hold; with more, the environment gives up.
    grace
        Seconds that hung functions have to end before the environment gives up.
    """

    def __init__(self, hung_bytes: int, *, grace: float = _GRACE) -> None:
        self._most_bytes = hung_bytes
        self._grace = grace
        self._workers: list[Workers] = []
        self._reservations: list[ObjectReservation] = []

    def leave(self, workers: Iterable[Workers], reservations: Iterable[ObjectReservation]) -> None:
        """Register an invocation's threads and bytes."""
        self._workers += workers
        self._reservations += reservations
        self._forget()

    def hung_threads(self) -> int:
        """Count the threads that still run for finished invocations."""
        self._forget()
        return sum(some.running for some in self._workers)

    def hung_bytes(self) -> int:
        """Count the bytes of objects that these threads hold."""
        self._forget()
        return sum(reservation.held for reservation in self._reservations)

    def is_exhausted(self) -> bool:
        """Return whether too little is left for another invocation, after a short wait."""
        give_up_at = time.monotonic() + self._grace
        while self._has_too_little():
            if time.monotonic() >= give_up_at:
                return True
            time.sleep(_BETWEEN_LOOKS)
        return False

    def end(self) -> None:
        """End the process without waiting for hung threads."""
        os._exit(1)

    def _has_too_little(self) -> bool:
        return self.hung_threads() >= MAX_HUNG_THREADS or self.hung_bytes() >= self._most_bytes

    def _forget(self) -> None:
        self._workers = [some for some in self._workers if some.running]
        self._reservations = [reservation for reservation in self._reservations if reservation.held]
