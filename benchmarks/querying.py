"""Ways to make Parquet on S3 from a CSV or JSON Lines file on S3.

Runs in a separate process: ``python -m benchmarks.querying NAME KEY RUNS`` prints the seconds of
each run and the peak memory of its processes as JSON.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import peak_bytes, seconds_of

OURS, DUCKDB, PYARROW = "query_objects", "boto3 and DuckDB", "boto3 and pyarrow"

type Convert = Callable[[str], None]


def query_objects(key: str) -> None:
    """Use this project's function, with all its checks."""
    from object_consumer import ObjectStore  # noqa: PLC0415 (each contender pays for its imports)
    from object_consumer.testing import make_event  # noqa: PLC0415
    from query_objects.handler import handler  # noqa: PLC0415

    handler.function(make_event(key, bucket="input"), ObjectStore())


def duckdb(key: str) -> None:
    """Let DuckDB guess the format and the types of the columns."""
    import duckdb as module  # noqa: PLC0415

    def convert(source: Path, target: Path) -> None:
        with module.connect(config={"threads": "1"}) as connection:
            connection.execute(
                f"COPY (FROM '{source}') TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
            )

    _between_files(key, convert)


def pyarrow(key: str) -> None:
    """Read the file into memory with pyarrow, which guesses the types too."""
    import pyarrow as module  # noqa: PLC0415
    import pyarrow.csv  # noqa: PLC0415
    import pyarrow.json  # noqa: PLC0415
    import pyarrow.parquet  # noqa: PLC0415

    def convert(source: Path, target: Path) -> None:
        module.set_cpu_count(1)
        read = module.csv.read_csv if source.suffix == ".csv" else module.json.read_json
        module.parquet.write_table(read(source), target, compression="zstd")

    _between_files(key, convert)


CONTENDERS: dict[str, Convert] = {OURS: query_objects, DUCKDB: duckdb, PYARROW: pyarrow}


def _between_files(key: str, convert: Callable[[Path, Path], None]) -> None:
    """Download, convert and upload, as most tutorials do."""
    import boto3  # noqa: PLC0415

    s3 = boto3.client("s3")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, key), Path(folder, "result")
        s3.download_file("input", key, str(source))
        convert(source, target)
        s3.upload_file(str(target), "output", f"{key}.parquet")


def measure(name: str, key: str, runs: int) -> dict[str, object]:
    """Convert a file a few times in a warm process."""
    seconds = seconds_of(lambda: CONTENDERS[name](key), runs)
    if name == OURS:
        from query_objects.handler import PROCESS  # noqa: PLC0415

        # Only then it is counted among the children.
        PROCESS.end()
    return {"seconds": seconds, "peak_bytes": peak_bytes(with_children=True)}


if __name__ == "__main__":
    contender, file, number = sys.argv[1:]
    json.dump(measure(contender, file, int(number)), sys.stdout)
