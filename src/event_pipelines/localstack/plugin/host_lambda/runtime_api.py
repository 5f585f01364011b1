"""The Lambda Runtime API on the loopback interface, for one function process.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import queue
import socket
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

# The response of a synchronous invocation:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100


@dataclass(frozen=True, slots=True)
class Invocation:
    """The response to a request for the next invocation."""

    request_id: str
    function_arn: str
    trace_id: str
    deadline_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of an invocation, or of the start of the process.

    Attributes
    ----------
    payload
        The handler's result, or an error document.
    is_error
        Which of the two.
    error_type
        The type of an error outside the function's code.
    """

    payload: bytes
    is_error: bool = False
    error_type: str = ""

    @classmethod
    def error(cls, error_type: str, message: str) -> "Answer":
        """Build Lambda's error document for errors outside the function's code."""
        document = {"errorType": error_type, "errorMessage": message}
        return cls(json.dumps(document).encode(), is_error=True, error_type=error_type)


class RuntimeApi:
    """Serves one process: returns invocations one by one and receives the responses.

    ``answers`` receives an `Answer` for each invocation, and ``READY`` when the process first
    requests one; the watcher of the process adds ``EXITED`` when it ends.
    """

    READY = object()
    EXITED = object()

    def __init__(self) -> None:
        self.answers: queue.Queue[object] = queue.Queue()
        self._invocations: queue.Queue[Invocation | None] = queue.Queue()
        self._announced = False
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        # No interval, at which dozens of idle servers would wake up: `close` wakes it.
        threading.Thread(target=self._server.serve_forever, args=(None,), daemon=True).start()

    @property
    def address(self) -> str:
        """The value of AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def submit(self, invocation: Invocation) -> None:
        """Provide an invocation for the next request."""
        self._invocations.put(invocation)

    def next(self) -> Invocation | None:
        """Wait for an invocation; None means that the process should end."""
        if not self._announced:
            self._announced = True
            self.answers.put(self.READY)
        return self._invocations.get()

    def close(self) -> None:
        """Stop serving."""
        self._invocations.put(None)
        self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    api: ClassVar[RuntimeApi]
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        # Otherwise a warm invocation waits twice 40 ms for a delayed TCP acknowledgement.
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()

    def do_GET(self) -> None:
        invocation = self.api.next() if self.path.endswith("/invocation/next") else None
        if invocation is None:
            self._reply(HTTPStatus.GONE)
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        self._reply(HTTPStatus.OK, invocation.payload, headers)

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            # The process ended while it sent this; its watcher reports that.
            self.close_connection = True
            return
        is_error = self.path.endswith("/error")
        if not is_error and len(body) > MAX_RESPONSE_BYTES:
            message = (
                f"Response payload size ({len(body)} bytes) exceeded maximum allowed payload "
                f"size ({MAX_RESPONSE_BYTES} bytes)."
            )
            self.api.answers.put(Answer.error("Function.ResponseSizeTooLarge", message))
        else:
            self.api.answers.put(Answer(body, is_error))
        self._reply(HTTPStatus.ACCEPTED, b'{"status":"OK"}')

    def _body(self) -> bytes | None:
        """Read the whole body; None if it is incomplete."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            chunks = []
            while line := self.rfile.readline():
                size = int(line.split(b";")[0], 16)
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
                if not size:
                    return b"".join(chunks)
            return None
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def _reply(
        self, status: HTTPStatus, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Keep requests out of LocalStack's output."""
