"""Measurements of the same work with a large file, done in several ways."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import querying, reading, transforming

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What is measured, and its targets.

    Attributes
    ----------
    module
        The module of `benchmarks` that does the work: ``python -m`` with a name, key and runs.
    contenders
        The names of the ways to do it.
    ours, peer
        This project's way, and the one that it is compared with.
    work
        A description, with the size in MB as ``{}``.
    file
        The end of the file's key.
    megabytes, runs
        The size of the file, and the number of runs.
    least_speed
        The minimum speed, as a multiple of the peer's.
    most_megabytes
        The maximum memory.
    memory
        The function's memory in MB.
    """

    module: str
    contenders: Iterable[str]
    ours: str
    peer: str
    work: str
    file: str
    megabytes: int
    runs: int
    least_speed: float
    most_megabytes: int
    memory: int = 512

    @property
    def title(self) -> str:
        """A description of the work."""
        return self.work.format(f"{self.megabytes:,}")

    @property
    def key(self) -> str:
        """The key of the file in `benchmarks.file_stub`."""
        return f"{self.megabytes * MEGABYTE}-{self.file}"

    def speed(self, result: Mapping[str, Any], peer: Mapping[str, Any]) -> float:
        """Return a speed as a multiple of the peer's."""
        seconds, others = min(result["seconds"]), min(peer["seconds"])
        return float(others / seconds)

    def targets(self, results: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[bool, str]]:
        """Yield each target, and whether it is met."""
        ours = results[self.ours]
        met = self.speed(ours, results[self.peer]) >= self.least_speed
        yield met, f"at least {self.least_speed:g} times as fast as {self.peer}"
        met = ours["peak_bytes"] <= self.most_megabytes * MEGABYTE
        yield met, f"at most {self.most_megabytes} MB"


# Reading ahead is of use, but zlib limits all alike.
_READING = {"orders.jsonl": ("", 1.5), "orders.jsonl.gz": (", compressed with gzip,", 0.9)}
_TRANSFORMING = {
    "orders.jsonl": "JSON Lines",
    "orders.csv": "CSV",
    "orders.csv.gz": "CSV, compressed with gzip,",
}
# query_objects checks JSON for names that occur twice and writes it again, because DuckDB would
# round its numbers.
_QUERYING = {"orders.csv": ("CSV", 0.5), "orders.jsonl": ("JSON Lines", 0.25)}

MEASUREMENTS = (
    *(
        Measurement(
            module="reading",
            contenders=reading.CONTENDERS,
            ours=reading.OURS,
            peer=reading.POWERTOOLS,
            work=f"Read {{}} MB of JSON Lines{kind} from S3 at 90 MB/s a connection",
            file=file,
            megabytes=500,
            runs=3,
            least_speed=least_speed,
            most_megabytes=100,
        )
        for file, (kind, least_speed) in _READING.items()
    ),
    *(
        Measurement(
            module="transforming",
            contenders=transforming.CONTENDERS,
            ours=transforming.OURS,
            peer=transforming.USUAL,
            work=f"Transform {{}} MB of {kind} to JSON Lines, in a function of 512 MB",
            file=file,
            megabytes=250,
            runs=1,
            least_speed=1.3,
            most_megabytes=256,
        )
        for file, kind in _TRANSFORMING.items()
    ),
    *(
        Measurement(
            module="querying",
            contenders=querying.CONTENDERS,
            ours=querying.OURS,
            peer=querying.DUCKDB,
            work=f"Query {{}} MB of {kind} and write Parquet, with one thread",
            file=file,
            megabytes=100,
            runs=3,
            least_speed=least_speed,
            most_megabytes=1024,
            memory=1024,
        )
        for file, (kind, least_speed) in _QUERYING.items()
    ),
)
