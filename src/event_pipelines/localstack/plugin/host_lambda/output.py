"""The output of a function's process, collected for each invocation."""

import array
import fcntl
import os
import select
import termios
import threading
import time

DRAIN_SECONDS = 1.0


class Output:
    """Collects the standard output and error of successive processes."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._lock = threading.Lock()
        self._pipe = -1

    def open(self) -> int:
        """Return the file descriptor for a new process; the caller closes it."""
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
        """Return the collected output, and keep it."""
        with self._lock:
            return self._text.decode(errors="replace")

    def drain(self) -> None:
        """Wait until the output so far is collected.

        It doesn't wait for a process that continues to write in the background.
        """
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._waiting() and time.monotonic() < deadline:
            time.sleep(0.001)

    def take(self) -> str:
        """Return the collected output, and clear it."""
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
        # Unlike select, it takes file descriptors above 1,023: LocalStack leaves closed connections
        # to the garbage collector.
        written = select.poll()
        written.register(reading, select.POLLIN)
        while True:
            written.poll()
            # Read and stored under one lock, so that an empty pipe means that the text is stored.
            with self._lock:
                chunk = os.read(reading, 65536)
                self._text += chunk
                if not chunk:
                    os.close(reading)
                    if self._pipe == reading:
                        self._pipe = -1
                    return
