"""The two Python environments of the embedded LocalStack, created once.

They are in ``.tools`` of a checkout, or in the user's cache.

LocalStack needs package versions from the time of its release (newer ones break it), and functions
need an interpreter with only the packages of Lambda's runtime. So neither uses the development
environment.
"""

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

from event_pipelines.installation import (
    PYTHON_VERSION,
    InstallationError,
    find_uv,
    tools_folder,
)

HERE = Path(__file__).resolve().parent
LOCALSTACK = tools_folder() / "localstack"
LAMBDA_RUNTIME = tools_folder() / "lambda-runtime"
STAMP = ".lock-sha256"
_LOCKS = {
    LOCALSTACK: HERE / "requirements.txt",
    LAMBDA_RUNTIME: HERE / "lambda_runtime" / "requirements.txt",
}


class SetUpError(Exception):
    """An environment can't be created; the message says what failed."""


def set_up() -> None:
    """Create the environments that are missing, outdated, or lack their Python.

    Raises
    ------
    SetUpError
        One can't be created.
    """
    if not any(map(_is_outdated, _LOCKS)):
        return
    if sys.version_info[:2] != PYTHON_VERSION:
        version = ".".join(map(str, PYTHON_VERSION))
        raise SetUpError(
            f"this is {sys.executable}, but Python {version} is needed: install it there"
        )
    LOCALSTACK.parent.mkdir(parents=True, exist_ok=True)
    with (LOCALSTACK.parent / "localstack.lock").open("w") as turn:
        # A second process waits here, and then finds the environments complete.
        fcntl.flock(turn, fcntl.LOCK_EX)
        for folder in filter(_is_outdated, _LOCKS):
            _make(folder)


def _is_outdated(folder: Path) -> bool:
    stamp = folder / STAMP
    python = folder / "bin" / "python"
    if not stamp.is_file() or not python.exists():
        return True
    return stamp.read_text(encoding="utf-8") != _digest(folder)


def _make(folder: Path) -> None:
    lock = _LOCKS[folder]
    name = lock.relative_to(HERE.parent)
    print(f"localstack: installing {name} in {folder}", file=sys.stderr, flush=True)
    try:
        uv = find_uv()
    except InstallationError as error:
        raise SetUpError(str(error)) from error
    python = str(folder / "bin" / "python")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(lock)],
    ):
        if subprocess.run(command, check=False).returncode:
            raise SetUpError(f"{name} can't be installed: {' '.join(command)} failed")
    (folder / STAMP).write_text(_digest(folder), encoding="utf-8")


def _digest(folder: Path) -> str:
    return hashlib.sha256(_LOCKS[folder].read_bytes()).hexdigest()
