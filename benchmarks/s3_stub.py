"""A stub of S3 on the loopback interface: responds to every request after the same latency.

It runs in a separate process, so that it doesn't share an interpreter with the measured code.
"""

import argparse
import asyncio
from collections.abc import Callable

_HEAD_END = b"\r\n\r\n"
_BUFFER_BYTES = 1024 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(asyncio.BufferedProtocol):
    """Responds to GET with an object of the size in its key, and to PUT with an ETag."""

    def __init__(self, latency: float, bodies: dict[int, bytes]) -> None:
        self._latency = latency
        self._bodies = bodies
        self._buffer = bytearray(_BUFFER_BYTES)
        self._received = bytearray()
        self._head: bytes | None = None
        self._to_come = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for the response."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (as for all TCP servers)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 (always the same)
        """Return the receive buffer, always the same one, because bodies are discarded."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Collect a request's head, skip its body, and respond when both are complete."""
        if self._head is not None:
            self._to_come -= nbytes
        else:
            self._received += self._buffer[:nbytes]
            end = self._received.find(_HEAD_END)
            if end < 0:
                return
            self._head = bytes(self._received[:end]).lower()
            self._to_come = self._content_length() - (len(self._received) - end - len(_HEAD_END))
            self._received.clear()
            if b"100-continue" in self._head and self._transport:
                self._transport.write(_CONTINUE)
        if self._to_come <= 0:
            head, self._head = self._head, None
            asyncio.get_running_loop().call_later(self._latency, self._answer, head)

    def _content_length(self) -> int:
        for line in (self._head or b"").split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name == b"content-length":
                return int(value)
        return 0

    def _answer(self, head: bytes) -> None:
        body = b""
        if head.startswith(b"get"):
            # /bucket/<size>-<name>
            size = int(head.split(b" ")[1].split(b"/")[2].split(b"-")[0])
            body = self._bodies.setdefault(size, b"x" * size)
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(
            b"HTTP/1.1 200 OK\r\n"
            b'ETag: "0123456789abcdef0123456789abcdef"\r\n'
            b"Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        if body:
            self._transport.write(body)


def main(connect: Callable[[float], asyncio.BufferedProtocol]) -> None:
    """Print the port, then serve until the process is terminated.

    Parameters
    ----------
    connect
        Creates the protocol of a connection from the latency in seconds.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, required=True, help="seconds")
    latency = parser.parse_args().latency

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: connect(latency), "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    bodies: dict[int, bytes] = {}
    main(lambda latency: Connection(latency, bodies))
