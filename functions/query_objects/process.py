"""The process that runs DuckDB, from the handler's side."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import msgspec

from object_consumer import PermanentError
from query_objects.job import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from query_objects.job import Check, Job

# What an interpreter needs to start; the function's credentials stay with the handler.
_PASSED_ON = ("LANG", "LD_LIBRARY_PATH", "MALLOC_ARENA_MAX", "PATH")
# Seconds between two checks of whether the file has been given up.
_PATIENCE = 0.05
_PART = 65536
# Seconds that the process may need to end.
_EXIT = 5
_MEBIBYTE = 1024 * 1024
# What may be allocated between two looks.
_MARGIN = 16 * _MEBIBYTE

_answers = msgspec.json.Decoder(Answer)


class CrashError(PermanentError):
    """DuckDB's process ended while it ran the query over a file."""


class QueryProcess:
    """A process for one query at a time; started when needed, and again after it has ended.

    Parameters
    ----------
    most_memory
        Bytes of memory that the process may have, together with this one. Beyond, Lambda would end
        the whole function, with all files of the invocation.
    """

    def __init__(self, most_memory: int) -> None:
        self._most_memory = most_memory
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, job: Check | Job, check: Callable[[], None]) -> Answer:
        """Have a job done.

        Parameters
        ----------
        job
            The job.
        check
            Called while waiting; if it raises, the process is ended.

        Raises
        ------
        CrashError
            The process ended by itself, or needed too much memory.
        """
        process = self._process = self._process or _start()
        is_done = False
        try:
            answer = _exchange(process, msgspec.json.encode(job) + b"\n", check, self._most_memory)
            is_done = answer is not None
        finally:
            if not is_done:
                self.end()
        if answer is None:
            raise CrashError(_reason(process.returncode))
        return answer

    def end(self) -> None:
        """End the process, whatever it is doing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(BrokenPipeError):
                    cast("BinaryIO", pipe).close()


def _start() -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, "-m", "query_objects.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )


def _exchange(
    process: subprocess.Popen[bytes], request: bytes, check: Callable[[], None], most_memory: int
) -> Answer | None:
    """Send a line and wait for the answer's; None if the process ends instead."""
    requests, answers = cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout)
    answer = b""
    try:
        requests.write(request)
        requests.flush()
    except BrokenPipeError:
        return None
    while not answer.endswith(b"\n"):
        ready, _, _ = select.select([answers], [], [], _PATIENCE)
        if not ready:
            check()
            _check_memory(process.pid, most_memory)
            continue
        part = os.read(answers.fileno(), _PART)
        if not part:
            # It is ending by itself; only then its exit code says why.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_EXIT)
            return None
        answer += part
    return _answers.decode(answer)


def _check_memory(pid: int, most: int) -> None:
    used = _memory(pid)
    if used + _memory(os.getpid()) > most - _MARGIN:
        raise CrashError(
            f"the query needs {used // _MEBIBYTE:,} MiB of memory, more than is left of the "
            f"function's {most // _MEBIBYTE:,}: raise memory_size, or split the file"
        )


def _memory(pid: int) -> int:
    """Return a process's bytes in memory; 0 if it is ending, or if this is not Linux."""
    try:
        # https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * resource.getpagesize()


def _reason(code: int) -> str:
    if code == -signal.SIGKILL:
        return (
            "DuckDB's process was killed, as Linux does when memory runs out: raise memory_size, "
            "or split the file"
        )
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return f"DuckDB's process ended with {how} while it ran the query over this file"
