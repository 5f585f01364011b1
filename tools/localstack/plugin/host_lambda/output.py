"""What a function's process writes, collected invocation by invocation."""

import array
import fcntl
import os
import select
import termios
import threading
import time

DRAIN_SECONDS = 1.0


class Output:
    """Collects the standard output and error of one process after the other."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._lock = threading.Lock()
        self._pipe = -1

    def open(self) -> int:
        """Return the descriptor a new process is to write to; the caller closes it."""
        reading, writing = os.pipe()
        with self._lock:
            self._pipe = reading
        threading.Thread(target=self._pump, args=(reading,), daemon=True).start()
        return writing

    def write(self, text: str) -> None:
        """Add a line that Lambda writes, not the function."""
        with self._lock:
            self._text += text.encode()

    def peek(self) -> str:
        """Return what has been collected, and keep it."""
        with self._lock:
            return self._text.decode(errors="replace")

    def drain(self) -> None:
        """Wait until what the process has written so far is collected.

        A process that goes on writing in the background is not waited for.
        """
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._waiting() and time.monotonic() < deadline:
            time.sleep(0.001)

    def take(self) -> str:
        """Return everything collected, and forget it."""
        with self._lock:
            text = self._text.decode(errors="replace")
            self._text.clear()
        return text

    def _waiting(self) -> bool:
        size = array.array("i", [0])
        with self._lock:
            if self._pipe < 0:
                return False
            fcntl.ioctl(self._pipe, termios.FIONREAD, size)
        return bool(size[0])

    def _pump(self, reading: int) -> None:
        while True:
            select.select([reading], [], [])
            # Read and kept in one step, so that nobody finds the pipe empty and the text not there.
            with self._lock:
                chunk = os.read(reading, 65536)
                self._text += chunk
                if not chunk:
                    os.close(reading)
                    if self._pipe == reading:
                        self._pipe = -1
                    return
