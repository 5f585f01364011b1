"""Ways to transform a large file of records: check them, add their source, write JSON Lines.

Runs in a separate process: ``python -m benchmarks.transforming NAME KEY RUNS`` prints the seconds
of each run and the process's peak memory as JSON.
"""

import csv
import gzip
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from benchmarks.measuring import peak_bytes, seconds_of

USUAL, OURS = "boto3 and standard library", "transform_objects"
_BUCKETS = "input", "output"

type Transform = Callable[[str], int]


def line_by_line(key: str) -> int:
    """Download to a temporary file, convert each line with the standard library, and upload.

    It neither counts the records before it writes them, nor finds duplicate names, and numbers lose
    their digits.
    """
    import boto3  # noqa: PLC0415 (each contender pays for its own imports)

    client = boto3.client("s3")
    added = {"_source": f"s3://{_BUCKETS[0]}/{key}", "_version": "e"}
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        path, target = Path(folder, "file"), Path(folder, "output")
        client.download_file(_BUCKETS[0], key, str(path))
        opened = gzip.open if key.endswith(".gz") else open
        with (
            opened(path, "rt", encoding="utf-8", newline="") as file,
            target.open("w") as output,
        ):
            for record in _records(file, key):
                count += 1
                output.write(json.dumps(record | added) + "\n")
        client.upload_file(str(target), _BUCKETS[1], f"processed/{key}.jsonl")
    return count


def _records(file: TextIO, key: str) -> Iterator[dict[str, Any]]:
    rows: Iterable[dict[str, Any]] = csv.DictReader(file)
    return iter(rows) if ".csv" in key else map(json.loads, file)


def transform_objects(key: str) -> int:
    """Transform with this project's function, with the settings of a function of 512 MB."""
    from object_consumer import ObjectStore  # noqa: PLC0415
    from object_consumer.testing import make_event  # noqa: PLC0415

    os.environ["OUTPUT_FORMAT"] = "jsonl"
    handler = importlib.import_module("transform_objects.handler").handler
    fields = handler.function(make_event(key, bucket=_BUCKETS[0]), ObjectStore())
    return int(fields["records"])


CONTENDERS: dict[str, Transform] = {USUAL: line_by_line, OURS: transform_objects}


def measure(name: str, key: str, runs: int) -> dict[str, object]:
    """Transform a file a few times."""
    records: set[int] = set()
    seconds = seconds_of(lambda: records.add(CONTENDERS[name](key)), runs, warm_up=False)
    return {"seconds": seconds, "peak_bytes": peak_bytes(), "records": max(records)}


if __name__ == "__main__":
    contender, file_key, run_count = sys.argv[1:]
    json.dump(measure(contender, file_key, int(run_count)), sys.stdout)
