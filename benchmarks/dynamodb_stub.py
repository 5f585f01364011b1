"""A stub of DynamoDB on the loopback interface: responds immediately and stores nothing.

It runs in a separate process, so that it doesn't share an interpreter with the measured code.
"""

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


if __name__ == "__main__":
    s3_stub.main(lambda latency: Connection(latency, {}))
