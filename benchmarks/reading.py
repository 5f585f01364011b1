"""Ways to read a large file from S3, in parts of 1 MiB.

Runs in a separate process: ``python -m benchmarks.reading NAME BYTES COMPRESSED RUNS`` prints the
seconds of each run and the process's peak memory as JSON.
"""

import gzip
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

DOWNLOAD, POWERTOOLS, OURS = "boto3 download_file", "Powertools S3Object", "ObjectStore.open"
_PART_BYTES = 1024 * 1024

type Read = Callable[[str], int]


class Readable(Protocol):
    """A binary file."""

    def read(self, size: int, /) -> bytes:
        """Read at most so many bytes."""
        ...


def download_file(key: str) -> int:
    """Download to a temporary file, as the AWS documentation does."""
    import boto3  # noqa: PLC0415 (each contender pays for its own imports)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        boto3.client("s3").download_file("input", key, str(path))
        with gzip.open(path) if key.endswith(".gz") else path.open("rb") as file:
            return _count(file)


def powertools(key: str) -> int:
    """Stream with Powertools for AWS Lambda.

    It reads parts because the lines of an uncompressed S3Object are parts of 1,024 bytes, and
    `readline` reads byte by byte.
    """
    from aws_lambda_powertools.utilities.streaming import S3Object  # noqa: PLC0415

    with S3Object("input", key, is_gzip=key.endswith(".gz")) as file:
        return _count(file)


def object_store(key: str) -> int:
    """Read with this project's runtime."""
    from object_consumer import ObjectStore  # noqa: PLC0415

    with ObjectStore().open(f"s3://input/{key}") as file:
        return _count(file)


CONTENDERS: dict[str, Read] = {
    DOWNLOAD: download_file,
    POWERTOOLS: powertools,
    OURS: object_store,
}


def _count(file: Readable) -> int:
    """Count the lines, which shows that everything was read."""
    lines = 0
    while part := file.read(_PART_BYTES):
        lines += part.count(b"\n")
    return lines


def measure(name: str, size: int, compressed: int, runs: int) -> dict[str, object]:
    """Read a file a few times."""
    key = f"{size}-orders.jsonl{'.gz' if compressed else ''}"
    seconds, lines = [], set()
    for _ in range(runs):
        began = time.perf_counter()
        lines.add(CONTENDERS[name](key))
        seconds.append(time.perf_counter() - began)
    # The unit is kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"seconds": seconds, "peak_bytes": peak, "lines": max(lines)}


if __name__ == "__main__":
    contender, *numbers = sys.argv[1:]
    json.dump(measure(contender, *map(int, numbers)), sys.stdout)
