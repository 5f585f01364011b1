"""A private folder in the ephemeral storage for each file, removed after its use."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "query_objects-"
_LOCK = ".lock"


@contextmanager
def private_folder() -> Iterator[Path]:
    """Create a folder that only this function's user can read, and remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with (folder / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove the folders of processes that have ended.

    After a timeout or a crash, Lambda starts the function again with the same /tmp:
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            with (folder / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            # Its process is alive, or has only begun to create it.
            continue
