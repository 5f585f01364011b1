"""Ways to read a large file from S3, in parts of 1 MiB.

Runs in a separate process: ``python -m benchmarks.reading NAME KEY RUNS`` prints the seconds of
each run and the process's peak memory as JSON.
"""

import gzip
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from benchmarks.measuring import peak_bytes, seconds_of

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


def measure(name: str, key: str, runs: int) -> dict[str, object]:
    """Read a file a few times."""
    lines: set[int] = set()
    seconds = seconds_of(lambda: lines.add(CONTENDERS[name](key)), runs, warm_up=False)
    return {"seconds": seconds, "peak_bytes": peak_bytes(), "lines": max(lines)}


if __name__ == "__main__":
    contender, file_key, run_count = sys.argv[1:]
    json.dump(measure(contender, file_key, int(run_count)), sys.stdout)
