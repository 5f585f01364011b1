"""Limit the memory for processing whole files.

A few kilobytes can expand to gigabytes: a short CSV row under a long header, a field that no other
record has. The memory for values is therefore computed before they are created. A file that needs
too much is rejected with an error, before Lambda kills the process with all its files.
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
# The interpreter with the function's imports, its connections, and the overhead of allocators.
_OCCUPIED = 96 * _MEBIBYTE
# Seconds between checks of whether a waiting file has been given up.
_PATIENCE = 0.05


class MemoryLimitError(PermanentError):
    """A file needs more memory than available."""


class Allowance:
    """The available memory and time for processing one file.

    Sizes are upper estimates of the sizes of Python objects.

    Parameters
    ----------
    limit
        Bytes; None for no limit.
    check
        Raises if the invocation has given the file up; see `ObjectStore.check`.
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
        """Return whether so many bytes more may be held."""
        return self.left is None or size <= self.left

    def need(self, size: int, what: str) -> None:
        """Raise if more than the remaining memory is needed.

        Parameters
        ----------
        size
            Bytes.
        what
            Their purpose, with the position in the file.

        Raises
        ------
        MemoryLimitError
            The remaining memory is too small.
        """
        if not self.fits(size):
            raise MemoryLimitError(
                f"{what}: takes {size:,} bytes of memory where {max(0, self.left or 0):,} of "
                f"{self.limit:,} are left; raise the function's memory, or split the file"
            )

    def hold(self, size: int, what: str) -> None:
        """Count bytes that stay allocated; raises the same error as `need`."""
        self.need(size, what)
        self.held += size


class Workspace:
    """The memory for processing, used by one file at a time.

    Processing several files in threads would not be faster, and each would need its own memory. The
    current file may use the whole limit. Its output is kept until it is stored, while the next file
    is processed.

    Parameters
    ----------
    limit
        Bytes for processing one file.
    kept
        Bytes that the outputs of other files may have when processing of one begins.
    """

    def __init__(self, limit: int, kept: int) -> None:
        self.limit = limit
        self._most_kept = kept
        self._kept = 0
        self._is_taken = False
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, check: Callable[[], None]) -> Iterator[Turn]:
        """Wait for the workspace; the use ends with `Turn.keep`, or with the context.

        Parameters
        ----------
        check
            Called while waiting and during processing, so that a thread whose invocation has ended
            releases the memory.

        Raises
        ------
        DeadlineError
            The invocation has given the file up.
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
        """Count the bytes kept from now on, and let the next file begin."""
        with self._changed:
            self._kept += kept
            self._is_taken = self._is_taken and not ends
            self._changed.notify_all()


class Turn:
    """One file's use of a workspace.

    Parameters
    ----------
    workspace
        The workspace.
    allowance
        The available memory and time.
    """

    def __init__(self, workspace: Workspace, allowance: Allowance) -> None:
        self.allowance = allowance
        self._workspace = workspace
        self._kept: int | None = None

    def keep(self, size: int) -> None:
        """End processing: release all but the given bytes, and these at the end of the context."""
        if self._kept is None:
            self._kept = size
            self._workspace.settle(kept=size, ends=True)

    def end(self) -> None:
        """Release all bytes."""
        if self._kept is None:
            self._workspace.settle(kept=0, ends=True)
        else:
            self._workspace.settle(kept=-self._kept, ends=False)


def workspace() -> Workspace:
    """Create the workspace of this function, according to its memory.

    Of AWS_LAMBDA_FUNCTION_MEMORY_SIZE (MB, set by Lambda;
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html), an eighth is for files
    that are read, another for outputs that wait to be stored, and 96 MiB for the interpreter. The
    rest is for processing: 288 MiB of 512. It is never less than an eighth.

    Raises
    ------
    SettingError
        The variable has an invalid value.
    """
    memory = configuration.from_environment().memory
    return Workspace(max(memory // 8, memory * 3 // 4 - _OCCUPIED), memory // 8)
