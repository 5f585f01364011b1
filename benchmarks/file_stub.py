"""A stub of S3 with large files, which are computed when they are read.

The key ``2000000000-orders.csv`` is a CSV file of about 2 GB, ``...-orders.jsonl.gz`` a compressed
JSON Lines file of 2 GB before compression. It responds to ranges, and to multipart uploads, whose
parts it discards. Each connection is as fast as S3's.
"""

import asyncio
import csv
import functools
import gzip
import io
import json
import re
from dataclasses import dataclass

from benchmarks import s3_stub

_BLOCK_RECORDS = 5000
# What a connection to S3 reaches:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-design-patterns.html
_BYTES_A_SECOND = 90_000_000
_PIECE = 1024 * 1024
_ETAG = b'ETag: "0123456789abcdef0123456789abcdef"\r\n'
_REQUEST = re.compile(rb"(?P<method>[a-z]+) /[^/]+/(?P<key>[^? ]+)(?:\?(?P<query>\S*))? ")
_RANGE = re.compile(rb"\r\nrange: bytes=(\d+)-(\d*)")
_STARTED = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
_COMPLETED = b'<CompleteMultipartUploadResult><ETag>"e-1"</ETag></CompleteMultipartUploadResult>'


@dataclass(frozen=True, slots=True)
class File:
    """A beginning, and a block that is repeated."""

    beginning: bytes
    block: bytes
    blocks: int

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.beginning) + self.blocks * len(self.block)

    def part(self, start: int, end: int) -> bytes:
        """Return the bytes of a range."""
        pieces = [self.beginning[start:end]]
        position = max(0, start - len(self.beginning))
        left = end - start - len(pieces[0])
        while left > 0:
            offset = position % len(self.block)
            piece = self.block[offset : offset + left]
            pieces.append(piece)
            position += len(piece)
            left -= len(piece)
        return b"".join(pieces)


def record(number: int) -> dict[str, object]:
    """Return a record of about 200 bytes as JSON."""
    return {
        "order": f"2026-01-01-{number:08d}",
        "customer": f"customer-{number * 7919 % 99_991:06d}",
        "total": number * 1.05,
        "quantity": number % 17,
        "paid": number % 2 == 0,
        "note": None,
        "street": f"Long Acre {number * 31 % 211}",
        "city": "London",
        "country": "GB",
    }


@functools.cache
def make_file(key: str) -> File:
    """Make the file of a key."""
    size = int(key.partition("-")[0])
    records = [record(number) for number in range(_BLOCK_RECORDS)]
    beginning = b""
    if ".csv" in key:
        text = io.StringIO(newline="")
        rows = csv.DictWriter(text, list(records[0]), lineterminator="\n")
        rows.writerows(records)
        block = text.getvalue().encode()
        beginning = (",".join(records[0]) + "\n").encode()
    else:
        block = b"".join(json.dumps(one).encode() + b"\n" for one in records)
    blocks = max(1, size // len(block))
    if key.endswith(".gz"):
        # A file may consist of several gzip members.
        beginning, block = gzip.compress(beginning), gzip.compress(block)
    return File(beginning, block, blocks)


class Connection(s3_stub.Connection):
    """Responds to the requests for reading and writing an object, also in parts."""

    def _answer(self, head: bytes) -> None:
        found = _REQUEST.match(head)
        if found is None or self._transport is None or self._transport.is_closing():
            return
        method, query = found["method"], found["query"] or b""
        if method in {b"get", b"head"}:
            self._send_file(make_file(found["key"].decode()), head, is_head=method == b"head")
        elif query.startswith(b"uploads"):
            self._respond(b"200 OK", _STARTED)
        elif method == b"post":
            self._respond(b"200 OK", _COMPLETED)
        else:
            self._respond(b"200 OK", b"")

    def _send_file(self, file: File, head: bytes, *, is_head: bool) -> None:
        start, end, status, where = 0, file.size, b"200 OK", b""
        if ranged := _RANGE.search(head):
            start = int(ranged[1])
            end = min(int(ranged[2] or file.size) + 1, file.size)
            status = b"206 Partial Content"
            where = b"Content-Range: bytes %d-%d/%d\r\n" % (start, end - 1, file.size)
        self._respond(status, b"", where, size=end - start)
        if not is_head:
            self._send_pieces(file, start, end, asyncio.get_running_loop().time())

    def _send_pieces(self, file: File, start: int, end: int, due: float) -> None:
        """Send a piece now, and the others when they are due."""
        if start >= end or self._transport is None or self._transport.is_closing():
            return
        after = min(start + _PIECE, end)
        self._transport.write(file.part(start, after))
        due += (after - start) / _BYTES_A_SECOND
        asyncio.get_running_loop().call_at(due, self._send_pieces, file, after, end, due)

    def _respond(
        self, status: bytes, body: bytes, header: bytes = b"", size: int | None = None
    ) -> None:
        assert self._transport is not None  # noqa: S101 (checked by the caller)
        self._transport.write(
            b"HTTP/1.1 %b\r\n%b%bLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
            b"Accept-Ranges: bytes\r\nContent-Length: %d\r\n\r\n"
            % (status, _ETAG, header, len(body) if size is None else size)
        )
        if body:
            self._transport.write(body)


if __name__ == "__main__":
    s3_stub.main(lambda latency: Connection(latency, {}))
