"""A stub of DynamoDB on the loopback interface: responds immediately and stores nothing.

It runs in a separate process, so that it doesn't share an interpreter with the measured code.
"""

import argparse
import asyncio

from benchmarks import s3_stub

ANSWER = b'{"UnprocessedItems":{}}'
_RESPONSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s"
)


class Connection(s3_stub.Connection):
    """Responds to every request as if everything had been written."""

    def _answer(self, _head: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_RESPONSE % (len(ANSWER), ANSWER))


async def serve(latency: float) -> None:
    """Print the port, then serve until the process is terminated."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(latency, {}), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0, help="seconds")
    asyncio.run(serve(parser.parse_args().latency))
