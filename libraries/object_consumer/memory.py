"""Memory for work on whole files: how much a function has, and who works in it.

A few kilobytes can ask for gigabytes: a short row of CSV under a long header, a field that no other
record has. What is made of a file is counted before it is made, and a file that asks for too much
is refused by an error that names it, before Lambda ends the process with all the files in it.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from object_consumer import configuration
from object_consumer.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MEBIBYTE = 1024 * 1024
# The interpreter with all that a function imports, its connections, and what allocators waste.
_OCCUPIED = 96 * _MEBIBYTE
# Seconds between two looks at whether a file that waits has been given up.
_PATIENCE = 0.05


class MemoryLimitError(PermanentError):
    """A file asks for more memory than the function has for it."""


class Allowance:
    """What the work on one file may use: memory, and the time until it is given up.

    Sizes are estimates from above: Python's objects have sizes of their own.

    Parameters
    ----------
    limit
        Bytes; None for any number.
    check
        Raises when the invocation has given the file up; see `ObjectStore.check`.
    """

    def __init__(self, limit: int | None = None, check: Callable[[], None] = lambda: None) -> None:
        self.limit = limit
        self.check = check
        self.held = 0

    @property
    def left(self) -> int | None:
        """Bytes that are not held; None for any number."""
        return None if self.limit is None else self.limit - self.held

    def fits(self, size: int) -> bool:
        """Tell whether so many bytes more may be held."""
        return self.left is None or size <= self.left

    def need(self, size: int, what: str) -> None:
        """Refuse what asks for more than is left.

        Parameters
        ----------
        size
            Bytes.
        what
            What they are for, with the place in the file.

        Raises
        ------
        MemoryLimitError
            They are more than is left.
        """
        if not self.fits(size):
            raise MemoryLimitError(
                f"{what}: takes {size:,} bytes of memory where {max(0, self.left or 0):,} of "
                f"{self.limit:,} are left; raise the function's memory, or split the file"
            )

    def hold(self, size: int, what: str) -> None:
        """Count bytes that are kept; raises as `need` does."""
        self.need(size, what)
        self.held += size


class Workspace:
    """The memory that a function works in, one file at a time.

    One at a time because threads would not make it faster, and each would need memory of its own.
    A file that is worked on has all of the limit; what it gives is kept until it is stored, while
    the next file is worked on.

    Parameters
    ----------
    limit
        Bytes that the work on one file may use.
    kept
        Bytes that may be kept of other files when the work on one begins.
    """

    def __init__(self, limit: int, kept: int) -> None:
        self.limit = limit
        self._most_kept = kept
        self._kept = 0
        self._is_taken = False
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, check: Callable[[], None]) -> Iterator[Turn]:
        """Wait for a turn; it ends with `Turn.keep`, or with the context.

        Parameters
        ----------
        check
            Asked while waiting, and by the work itself: a thread that its invocation has left
            behind gives the memory back to those that come after it.

        Raises
        ------
        DeadlineError
            `check` says that the invocation has given the file up.
        """
        with self._changed:
            while self._is_taken or self._kept > self._most_kept:
                check()
                self._changed.wait(_PATIENCE)
            check()
            self._is_taken = True
        turn = Turn(self, Allowance(self.limit, check))
        try:
            yield turn
        finally:
            turn.end()

    def settle(self, *, kept: int, ends: bool) -> None:
        """Count what is kept from now on, and let the next one begin."""
        with self._changed:
            self._kept += kept
            self._is_taken = self._is_taken and not ends
            self._changed.notify_all()


class Turn:
    """One file's time in a workspace.

    Parameters
    ----------
    workspace
        Whose turn it is.
    allowance
        What may be used meanwhile.
    """

    def __init__(self, workspace: Workspace, allowance: Allowance) -> None:
        self.allowance = allowance
        self._workspace = workspace
        self._kept: int | None = None

    def keep(self, size: int) -> None:
        """End the work: all but so many bytes is given back, and these with the context."""
        if self._kept is None:
            self._kept = size
            self._workspace.settle(kept=size, ends=True)

    def end(self) -> None:
        """Give everything back."""
        if self._kept is None:
            self._workspace.settle(kept=0, ends=True)
        else:
            self._workspace.settle(kept=-self._kept, ends=False)


def workspace() -> Workspace:
    """Make the workspace of this function, as large as its memory lets it be.

    Of AWS_LAMBDA_FUNCTION_MEMORY_SIZE (MB, set by Lambda;
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html) an eighth is for files
    that are read, another for what waits to be stored, and 96 MiB for the interpreter; the rest is
    left for the work: 288 MiB of 512. It is never less than an eighth.

    Raises
    ------
    SettingError
        The variable has a value that is not accepted.
    """
    memory = configuration.from_environment().memory
    return Workspace(max(memory // 8, memory * 3 // 4 - _OCCUPIED), memory // 8)
