"""Handlers with the same task: read the records of a JSON file, and write them to a table.

Runs in a separate process: ``python -m benchmarks.loading NAME ITEMS RUNS`` prints the seconds of
each run and the process's peak memory as JSON.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from benchmarks.measuring import peak_bytes, seconds_of

USUAL, BATCH_WRITER = "Table.put_item", "Table.batch_writer"
OURS, BOUND = "load_records", "raw sockets (lower limit)"
KEY = "incoming/orders.json"
# Requests in flight for the lower limit; more don't help if responses take no time.
BARE_CONNECTIONS = 4

type Load = Callable[[], object]


def put_item(content: bytes) -> Load:
    """Write one record after the other, as most tutorials do."""
    import boto3  # noqa: PLC0415 (each contender pays for its own imports)

    table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])

    def load() -> None:
        for record in json.loads(content, parse_float=Decimal):
            table.put_item(Item=record)

    return load


def batch_writer(content: bytes) -> Load:
    """Use boto3's own batches."""
    import boto3  # noqa: PLC0415

    table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])

    def load() -> None:
        with table.batch_writer() as batch:
            for record in json.loads(content, parse_float=Decimal):
                batch.put_item(Item=record)

    return load


def load_records(content: bytes) -> Load:
    """Use this project's function, with all its checks."""
    from load_records.handler import handler  # noqa: PLC0415
    from object_consumer.testing import MemoryStore  # noqa: PLC0415

    store = MemoryStore()
    event = store.upload(KEY, content)
    return lambda: handler.function(event, store)


def raw_sockets(content: bytes) -> Load:
    """Only send prepared bodies, without parsing, HTTP library or signature."""
    import msgspec  # noqa: PLC0415

    from load_records.items import Puts  # noqa: PLC0415
    from load_records.keys import load_keys  # noqa: PLC0415
    from load_records.table import batches  # noqa: PLC0415

    puts = Puts(load_keys())
    puts.add(msgspec.json.decode(content, type=list[msgspec.Raw]))
    bodies = [b'{"RequestItems":{"orders":[%b]}}' % b",".join(batch) for batch in batches(puts)]
    requests = [b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(b), b) for b in bodies]
    pool = ThreadPoolExecutor(BARE_CONNECTIONS)
    host, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").split(":")
    local = threading.local()

    def send(request: bytes) -> None:
        if not hasattr(local, "connection"):
            local.connection = socket.create_connection((host, int(port)))
            local.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        local.connection.sendall(request)
        received = b""
        while not received.endswith(b"}"):
            received += local.connection.recv(65536)

    return lambda: list(pool.map(send, requests))


CONTENDERS = {
    USUAL: put_item,
    BATCH_WRITER: batch_writer,
    OURS: load_records,
    BOUND: raw_sockets,
}


def make_file(items: int) -> bytes:
    """Build a JSON array of records of about 200 bytes."""
    records = [
        {
            "order": f"2026-01-01-{n:08d}",
            "customer": f"customer-{n % 997:06d}",
            "total": n * 1.05,
            "quantity": n % 17,
            "paid": n % 2 == 0,
            "note": None,
            "address": {"street": "Long Acre 12", "city": "London", "country": "GB"},
            "tags": ["new", "priority"],
        }
        for n in range(items)
    ]
    return json.dumps(records).encode()


def measure(name: str, items: int, runs: int) -> dict[str, object]:
    """Run a contender in a warm process."""
    load = CONTENDERS[name](make_file(items))
    return {"seconds": seconds_of(load, runs), "peak_bytes": peak_bytes()}


if __name__ == "__main__":
    contender, *numbers = sys.argv[1:]
    json.dump(measure(contender, *map(int, numbers)), sys.stdout)
