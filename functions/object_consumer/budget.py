"""Bytes in flight: how much of an invocation's objects is in memory at once."""

from __future__ import annotations

import threading
from collections import deque

from object_consumer.errors import DeadlineError


class ByteBudget:
    """A number of bytes that the objects of an invocation share.

    Objects wait for their turn in the order they asked. One that already holds bytes never waits,
    so two can't wait for each other; one that is larger than the whole budget runs alone.

    Parameters
    ----------
    limit
        Bytes that may be held at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._closed = False
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    def acquire(self, size: int, *, holds: int) -> None:
        """Take bytes, waiting until they are free unless the caller holds some already.

        Raises
        ------
        DeadlineError
            The invocation is over.
        """
        with self._changed:
            if not holds and size > 0:
                self._wait_for(size)
            if self._closed:
                raise DeadlineError("the invocation is over")
            self._held += size

    def release(self, size: int) -> None:
        """Give bytes back."""
        with self._changed:
            self._held -= size
            self._changed.notify_all()

    def close(self) -> None:
        """End every wait: the invocation is over."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait_for(self, size: int) -> None:
        turn = object()
        self._waiting.append(turn)
        self._changed.wait_for(
            lambda: self._closed or (self._waiting[0] is turn and self._fits(size))
        )
        self._waiting.remove(turn)
        self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        return self._held == 0 or self._held + size <= self._limit


class ObjectLease:
    """One object's part of a byte budget; ends with the object or with the invocation.

    Parameters
    ----------
    budget
        The invocation's budget.
    """

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._held = 0
        self._lock = threading.Lock()
        self._over = False

    def check(self) -> None:
        """Raise `DeadlineError` once the invocation has given the object up."""
        if self._over:
            raise DeadlineError("the invocation is over; the object will be tried again")

    def reserve(self, size: int) -> None:
        """Hold so many more bytes; see `ByteBudget.acquire`."""
        self.check()
        with self._lock:
            self._budget.acquire(size, holds=self._held)
            self._held += size

    def abandon(self) -> None:
        """Refuse everything the object's function may still ask for."""
        self._over = True

    def release(self) -> None:
        """Give back all that the object holds."""
        with self._lock:
            self._budget.release(self._held)
            self._held = 0
