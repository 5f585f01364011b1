"""Limit the bytes of an invocation's objects that are in memory at the same time."""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

from object_consumer.errors import DeadlineError


class Reservation(Protocol):
    """One object's share of an invocation: its time, and its bytes in memory."""

    def check(self) -> None:
        """Raise `DeadlineError` if the object is given up, or its function has returned."""
        ...

    def reserve(self, size: int) -> None:
        """Wait until the bytes may be held in memory; they are released when the object is done."""
        ...

    def release(self, size: int) -> None:
        """Release reserved bytes before the object is done."""
        ...

    def report(self, read: int, size: int) -> None:
        """Note how many bytes of a file were read, for when the object is given up."""
        ...


class Unlimited:
    """A reservation outside of an invocation: no deadline, no limit."""

    def check(self) -> None:
        """Never raise."""

    def reserve(self, size: int) -> None:
        """Never wait."""

    def release(self, size: int) -> None:
        """Count nothing."""

    def report(self, read: int, size: int) -> None:
        """Note nothing."""


class ByteBudget:
    """A byte limit shared by the objects of an invocation.

    Objects wait in the order of their requests. An object that already holds bytes never waits, so
    there are no deadlocks. An object larger than the limit is processed alone.

    Parameters
    ----------
    limit
        Bytes that may be held at the same time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._closed = False
        self._waiting: deque[object] = deque()
        self.held = 0
        self.changed = threading.Condition()

    def wait_for(self, size: int, reservation: ObjectReservation) -> None:
        """Wait until the bytes are free, or the reservation or the invocation is over."""
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
        """Raise `DeadlineError` if the invocation is over."""
        if self._closed:
            raise DeadlineError("the invocation is over")

    def close(self) -> None:
        """End all waiting: the invocation is over."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()

    def _fits(self, size: int) -> bool:
        return self.held == 0 or self.held + size <= self._limit


class ObjectReservation:
    """One object's share of a byte budget; ends with the object's function or with the invocation.

    A reservation that is over rejects all requests, so that a thread that outlives its function
    can't hold bytes that nothing would release.

    Parameters
    ----------
    budget
        The invocation's budget.

    Attributes
    ----------
    progress
        How far the object's file was read: the bytes read, and its size; None if it isn't read in
        parts.
    """

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self.is_over = False
        self.held = 0
        self.progress: tuple[int, int] | None = None

    def check(self) -> None:
        """Raise `DeadlineError` if the object is given up, or its function has returned."""
        if self.is_over:
            raise DeadlineError(
                "the object is no longer processed: its function has returned, or the invocation "
                "has run out of time and the object will be retried"
            )

    def reserve(self, size: int) -> None:
        """Reserve more bytes; wait until they are free, unless the object already holds some.

        Raises
        ------
        DeadlineError
            The reservation is over, or ended while waiting.
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

    def release(self, size: int) -> None:
        """Release reserved bytes; nothing if the object is done, which has released them all."""
        with self._budget.changed:
            size = min(size, self.held)
            self.held -= size
            self._budget.held -= size
            self._budget.changed.notify_all()

    def report(self, read: int, size: int) -> None:
        """Note how far the object's file was read."""
        self.progress = read, size

    def abandon(self) -> None:
        """Reject further requests of the object's function; its bytes stay reserved."""
        with self._budget.changed:
            self.is_over = True
            self._budget.changed.notify_all()

    def end(self) -> None:
        """Reject further requests, and release all bytes: the object's function is done."""
        with self._budget.changed:
            self.is_over = True
            self._budget.held -= self.held
            self.held = 0
            self._budget.changed.notify_all()
