"""One function process and its child processes, which end with the execution environment."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_running: set["FunctionProcess"] = set()


class FunctionProcess:
    """A process with its own process group, which ends with it.

    Its standard input is a pipe without data. It closes when LocalStack ends for any reason, and
    then the process ends too (see `bootstrap`).

    Parameters
    ----------
    output
        The descriptor its standard output and error go to.
    on_exit
        Called from another thread after the process has ended.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        environment: Mapping[str, str],
        output: int,
        on_exit: Callable[[], None],
    ) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        self._on_exit = on_exit
        _running.add(self)
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    @property
    def peak_memory_mb(self) -> int:
        """The peak memory so far, in MB; 0 after the process has ended."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self._process.pid}/status").read_text("utf-8").splitlines():
                if line.startswith("VmHWM:"):
                    return -(-int(line.split()[1]) // 1024)
        return 0

    def wait(self) -> int:
        """Wait until it ends and return its exit code: negative for a signal."""
        return self._process.wait()

    def kill(self) -> None:
        """Kill it and its child processes."""
        # After it has been waited for, another process may have its ID.
        if not self.has_ended:
            self._kill_group()
            self._process.wait()

    def _watch(self) -> None:
        self._process.wait()
        self._kill_group()
        _running.discard(self)
        self._on_exit()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def kill_all() -> None:
    """Kill all function processes."""
    for process in list(_running):
        process.kill()
