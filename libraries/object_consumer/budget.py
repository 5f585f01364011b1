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
        self._closed = False
        self._waiting: deque[object] = deque()
        self.held = 0
        self.changed = threading.Condition()

    def wait_for(self, size: int, reservation: ObjectReservation) -> None:
        """Wait until so many bytes are free, or the reservation or the invocation is over."""
        turn = object()
        self._waiting.append(turn)
        self.changed.wait_for(
            lambda: (
                self._closed
                or reservation.is_over
                or (self._waiting[0] is turn and self._fits(size))
            )
        )
        self._waiting.remove(turn)
        self.changed.notify_all()

    def check(self) -> None:
        """Raise `DeadlineError` when the invocation is over."""
        if self._closed:
            raise DeadlineError("the invocation is over")

    def close(self) -> None:
        """End every wait: the invocation is over."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()

    def _fits(self, size: int) -> bool:
        return self.held == 0 or self.held + size <= self._limit


class ObjectReservation:
    """One object's part of a byte budget; ends with the object's function or with the invocation.

    A reservation that is over refuses everything, so that a thread which outlives the function that
    started it holds no bytes that nobody would give back.

    Parameters
    ----------
    budget
        The invocation's budget.
    """

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self.is_over = False
        self.held = 0

    def check(self) -> None:
        """Raise `DeadlineError` once the object is given up, or its function has returned."""
        if self.is_over:
            raise DeadlineError(
                "the object's turn is over: its function has returned, or the invocation's time "
                "has run out and the object will be tried again"
            )

    def reserve(self, size: int) -> None:
        """Hold so many more bytes, waiting until they are free unless some are held already.

        Raises
        ------
        DeadlineError
            The object's turn is over, also while it waited.
        """
        budget = self._budget
        with budget.changed:
            self.check()
            if not self.held and size > 0:
                budget.wait_for(size, self)
            self.check()
            budget.check()
            self.held += size
            budget.held += size

    def abandon(self) -> None:
        """Refuse everything that the object's function may still ask for; what it holds stays."""
        with self._budget.changed:
            self.is_over = True
            self._budget.changed.notify_all()

    def end(self) -> None:
        """Refuse everything, and give back all that the object holds: its function is done."""
        with self._budget.changed:
            self.is_over = True
            self._budget.held -= self.held
            self.held = 0
            self._budget.changed.notify_all()
