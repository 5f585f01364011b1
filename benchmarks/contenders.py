"""Handlers with the same task: read each object of a batch, and write it to another bucket.

Runs in a separate process: ``python -m benchmarks.contenders NAME OBJECTS BYTES RUNS`` prints the
seconds of each run and the process's peak memory as JSON.
"""

import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_plus

from benchmarks.measuring import peak_bytes, seconds_of

OUTPUT = "output"

type Handler = Callable[[dict[str, Any], Any], object]


class Context:
    """The Lambda context object; there is always time left."""

    aws_request_id = "benchmark"
    function_name = "benchmark"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:benchmark"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds left."""
        return 300_000


def sequential_boto3() -> Handler:
    """Process one object after the other, as most tutorials do."""
    import boto3  # noqa: PLC0415 (each contender pays for its own imports)

    s3 = boto3.client("s3")

    def handler(event: dict[str, Any], _context: Any) -> object:
        for record in event["Records"]:
            _copy(s3, record)
        return {"batchItemFailures": []}

    return handler


def threaded_boto3() -> Handler:
    """Process the objects in threads, with as many connections."""
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    s3 = boto3.client("s3", config=Config(max_pool_connections=64))
    pool = ThreadPoolExecutor(64)

    def handler(event: dict[str, Any], _context: Any) -> object:
        list(pool.map(lambda record: _copy(s3, record), event["Records"]))
        return {"batchItemFailures": []}

    return handler


def powertools() -> Handler:
    """Use Powertools' batch processor, as in its documentation."""
    import boto3  # noqa: PLC0415
    from aws_lambda_powertools.utilities.batch import (  # noqa: PLC0415
        BatchProcessor,
        EventType,
        process_partial_response,
    )
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord  # noqa: PLC0415

    s3 = boto3.client("s3")
    processor = BatchProcessor(event_type=EventType.SQS)

    def record_handler(record: SQSRecord) -> None:
        _copy(s3, {"body": record.body})

    def handler(event: dict[str, Any], context: Any) -> object:
        return process_partial_response(
            event=event, record_handler=record_handler, processor=processor, context=context
        )

    return handler


def object_consumer_runtime() -> Handler:
    """Use this project's runtime."""
    from object_consumer import ObjectEvent, ObjectStore, object_consumer  # noqa: PLC0415

    @object_consumer
    def handler(event: ObjectEvent, store: ObjectStore) -> None:
        body = store.read(event)
        store.write(OUTPUT, event.key, body, content_type="application/octet-stream")

    return handler


def raw_sockets() -> Handler:
    """Only transfer the bytes, without HTTP library, signature or checksum.

    No handler can be faster.
    """
    pool = ThreadPoolExecutor(64)
    host, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").split(":")
    local = threading.local()

    def copy(record: dict[str, Any]) -> None:
        stored = json.loads(record["body"])["Records"][0]["s3"]["object"]
        if not hasattr(local, "connection"):
            local.connection = socket.create_connection((host, int(port)))
            local.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection: socket.socket = local.connection
        connection.sendall(f"GET /input/{stored['key']} HTTP/1.1\r\n\r\n".encode())
        body = _answer(connection, stored["size"])
        head = f"PUT /{OUTPUT}/{stored['key']} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode())
        connection.sendall(body)
        _answer(connection, 0)

    def handler(event: dict[str, Any], _context: Any) -> object:
        list(pool.map(copy, event["Records"]))
        return {"batchItemFailures": []}

    return handler


def _answer(connection: socket.socket, size: int) -> memoryview:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    _, _, beginning = received.partition(b"\r\n\r\n")
    body = bytearray(size)
    body[: len(beginning)] = beginning
    view, position = memoryview(body), len(beginning)
    while position < size:
        position += connection.recv_into(view[position:])
    return view


CONTENDERS = {
    "boto3, sequential": sequential_boto3,
    "Powertools BatchProcessor": powertools,
    "boto3 in threads": threaded_boto3,
    "object_consumer": object_consumer_runtime,
    "raw sockets (lower limit)": raw_sockets,
}


def _copy(s3: Any, record: dict[str, Any]) -> None:
    for entry in json.loads(record["body"])["Records"]:
        bucket, key = entry["s3"]["bucket"]["name"], unquote_plus(entry["s3"]["object"]["key"])
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        s3.put_object(Bucket=OUTPUT, Key=key, Body=body)


def make_batch(objects: int, size: int) -> dict[str, Any]:
    """Build a batch of messages, each for one object of the given size."""
    bodies = [
        {
            "Records": [
                {
                    "eventVersion": "2.1",
                    "eventTime": "2026-01-01T00:00:00Z",
                    "eventName": "ObjectCreated:Put",
                    "s3": {
                        "bucket": {"name": "input"},
                        "object": {"key": f"{size}-{n}", "size": size, "sequencer": f"{n:018X}"},
                    },
                }
            ]
        }
        for n in range(objects)
    ]
    return {
        "Records": [
            {
                "messageId": f"m{n}",
                "receiptHandle": f"r{n}",
                "body": json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
            }
            for n, body in enumerate(bodies)
        ]
    }


def measure(name: str, objects: int, size: int, runs: int) -> dict[str, Any]:
    """Run a contender in a warm process."""
    handler = CONTENDERS[name]()
    batch, context = make_batch(objects, size), Context()
    with contextlib.redirect_stdout(sys.stderr):
        seconds = seconds_of(lambda: handler(batch, context), runs)
    return {"seconds": seconds, "peak_bytes": peak_bytes()}


if __name__ == "__main__":
    contender, *numbers = sys.argv[1:]
    json.dump(measure(contender, *map(int, numbers)), sys.stdout)
