"""A stand-in for DynamoDB on loopback: every request is answered at once, nothing is kept.

It runs in a process of its own, so that it doesn't share the interpreter of what is measured.
"""

import argparse
import asyncio

from benchmarks import s3_stub

ANSWER = b'{"UnprocessedItems":{}}'
_RESPONSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s"
)


class Connection(s3_stub.Connection):
    """Answers every request as if all of it had been written."""

    def _answer(self, _head: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_RESPONSE % (len(ANSWER), ANSWER))


async def serve(latency: float) -> None:
    """Serve until the process is ended; print the port first."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(latency, {}), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0, help="seconds")
    asyncio.run(serve(parser.parse_args().latency))
