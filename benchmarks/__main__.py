"""``make bench``: measure, and print tables with ratios and targets.

``--quick`` (``make bench QUICK=1``) runs everything once with little data, to show that it works;
it doesn't check the targets. ``--transform-megabytes 2000`` transforms files of 2 GB, which takes
half an hour.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import claiming, loading
from benchmarks.contenders import CONTENDERS
from benchmarks.large_files import MEASUREMENTS, MEGABYTE, Measurement
from tools.cost.prices import read_prices

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT / "build" / "localstack"
LATENCY_SECONDS = 0.015
OURS, USUAL, BOUND = "object_consumer", "boto3, sequential", "raw sockets (lower limit)"
# The most bytes and seconds of init of a package; query_objects has DuckDB.
PACKAGE_TARGETS = {"query_objects": (40 * MEGABYTE, 0.600)}
OTHER_PACKAGES = (8 * MEGABYTE, 0.150)
# The speed that load_records should have, as a multiple of theirs.
LOADING_TARGETS = {loading.USUAL: 7, loading.BATCH_WRITER: 3}
# The settings of the measured functions.
FUNCTION_SETTINGS = {
    "OUTPUT_BUCKET": "output",
    "OUTPUT_PREFIX": "processed/",
    "TABLE_NAME": "orders",
    "PARTITION_KEY": "order",
    "QUERY": "SELECT * FROM input",
    "COLUMN_TYPES": '{"total": "DOUBLE", "quantity": "BIGINT", "paid": "BOOLEAN"}',
}

console = Console(width=None if sys.stdout.isatty() else 120)


@dataclass(frozen=True, slots=True)
class Case:
    """A batch to process, and its targets.

    Attributes
    ----------
    times_usual
        The minimum speed of the runtime, as a multiple of the usual handler's.
    times_bound
        The maximum time, as a multiple of the latency of one read and one write; None if there are
        more objects than threads, or the time depends on the bytes.
    peak_bytes
        The maximum memory of its process.
    """

    objects: int
    size: int
    runs: int
    times_usual: float
    times_bound: float | None = None
    peak_bytes: int | None = None

    @property
    def title(self) -> str:
        """A description of the batch."""
        size = f"{self.size // MEGABYTE} MB" if self.size >= MEGABYTE else f"{self.size // 1000} KB"
        return f"{self.objects} objects of {size}, {LATENCY_SECONDS * 1000:.0f} ms a request"


@dataclass(frozen=True, slots=True)
class Extent:
    """The extent of the measurements.

    Attributes
    ----------
    cases
        The batches.
    items, loading_runs
        The number of items to load, and of runs.
    measurements
        Those with large files.
    objects, claiming_runs
        The number of objects to claim, and of runs.
    import_runs
        The number of imports of each package.
    judges
        Whether to compare the figures with the targets.
    """

    cases: tuple[Case, ...]
    items: int
    loading_runs: int
    measurements: tuple[Measurement, ...]
    objects: int
    claiming_runs: int
    import_runs: int
    judges: bool


FULL = Extent(
    cases=(
        Case(objects=10, size=1000, runs=15, times_usual=10, times_bound=1.15),
        Case(objects=100, size=1000, runs=7, times_usual=25),
        Case(objects=10, size=5 * MEGABYTE, runs=5, times_usual=7, peak_bytes=130 * MEGABYTE),
    ),
    items=2000,
    loading_runs=7,
    measurements=MEASUREMENTS,
    objects=100,
    claiming_runs=7,
    import_runs=9,
    judges=True,
)
QUICK = Extent(
    cases=(Case(objects=2, size=1000, runs=1, times_usual=1),),
    items=30,
    loading_runs=1,
    measurements=tuple(replace(each, megabytes=2, runs=1) for each in MEASUREMENTS),
    objects=2,
    claiming_runs=1,
    import_runs=1,
    judges=False,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything; a missed target is shown but is not a failure."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure the runtime.")
    parser.add_argument("--quick", action="store_true", help="run everything once, check no target")
    parser.add_argument("--megabytes", type=int, help="the size of large files")
    options = parser.parse_args(arguments)
    extent = QUICK if options.quick else FULL
    if options.megabytes:
        sized = (replace(each, megabytes=options.megabytes) for each in extent.measurements)
        extent = replace(extent, measurements=tuple(sized))
    with stub("s3_stub", LATENCY_SECONDS) as endpoint:
        for case in extent.cases:
            with console.status(f"Measuring: {case.title}"):
                numbers = (case.objects, case.size, case.runs)
                results = {
                    name: run_contender("contenders", name, numbers, endpoint)
                    for name in CONTENDERS
                }
            show(table(case, results), verdicts(case, results), extent)
    with stub("file_stub", LATENCY_SECONDS) as endpoint:
        for each in extent.measurements:
            with console.status(f"Measuring: {each.title}"):
                results = {
                    name: run_contender(
                        each.module, name, (each.runs,), endpoint, each.key, memory=each.memory
                    )
                    for name in each.contenders
                }
            show(throughput_table(each, results), throughput_verdicts(each, results), extent)
    with stub("dynamodb_stub", 0) as endpoint, console.status("Measuring: loading"):
        results = {
            name: run_contender("loading", name, (extent.items, extent.loading_runs), endpoint)
            for name in loading.CONTENDERS
        }
    show(loading_table(extent.items, results), loading_verdicts(results), extent)
    with stub("dynamodb_stub", 0) as endpoint, console.status("Measuring: claiming"):
        results = {
            name: run_contender("claiming", name, (extent.objects, extent.claiming_runs), endpoint)
            for name in claiming.CONTENDERS
        }
    show(claiming_table(extent.objects, results), claiming_verdicts(results), extent)
    with console.status("Measuring: init"):
        shown = init_table(extent)
    show(shown, iter(()), extent)
    if not extent.judges:
        console.print("Everything ran. A small run doesn't show the speed; use: make bench")
    return 0


def show(shown: Table, said: Iterator[str], extent: Extent) -> None:
    """Print a table, and the verdicts on its targets."""
    console.print(shown)
    for line in said if extent.judges else ():
        console.print(line)
    console.print()


@contextmanager
def stub(module: str, latency: float) -> Iterator[str]:
    """Start the stub of a service, and yield its address."""
    command = [sys.executable, "-m", f"benchmarks.{module}", "--latency", str(latency)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 (a pipe, see above)
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def run_contender(
    module: str,
    name: str,
    numbers: tuple[int, ...],
    endpoint: str,
    *texts: str,
    memory: int = 512,
) -> dict[str, Any]:
    """Measure a contender in a separate process."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
        "MALLOC_ARENA_MAX": "1",
        "POWERTOOLS_TRACE_DISABLED": "true",
    } | FUNCTION_SETTINGS
    command = [sys.executable, "-m", f"benchmarks.{module}", name, *texts, *map(str, numbers)]
    done = subprocess.run(
        command,
        check=True,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def table(case: Case, results: dict[str, dict[str, Any]]) -> Table:
    """Show a case's times, ratios and memory."""
    usual, bound = _median(results[USUAL]), _median(results[BOUND])
    shown = Table(title=case.title, title_justify="left")
    for column in ("", "median", "times as fast as the usual", "times the bound", "peak memory"):
        shown.add_column(column, justify="left" if not column else "right")
    for name, result in results.items():
        median = _median(result)
        shown.add_row(
            name,
            f"{median * 1000:.1f} ms",
            f"{usual / median:.1f}",
            f"{median / bound:.2f}",
            f"{result['peak_bytes'] / MEGABYTE:.0f} MB",
        )
    return shown


def verdicts(case: Case, results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield whether each target is met."""
    ours, usual = _median(results[OURS]), _median(results[USUAL])
    yield _verdict(
        usual / ours >= case.times_usual, f"{case.times_usual:g} times as fast as the usual"
    )
    if case.times_bound is not None:
        met = ours <= case.times_bound * 2 * LATENCY_SECONDS
        yield _verdict(met, f"within {case.times_bound:g} times the latency of its two requests")
    if case.peak_bytes is not None:
        met = results[OURS]["peak_bytes"] <= case.peak_bytes
        yield _verdict(met, f"at most {case.peak_bytes // MEGABYTE} MB")


def throughput_table(measured: Measurement, results: dict[str, dict[str, Any]]) -> Table:
    """Show the throughput and memory of each way to do the same with a large file."""
    shown = Table(title=measured.title, title_justify="left")
    for column in ("", "MB a second", f"times as fast as {measured.peer}", "peak memory"):
        shown.add_column(column, justify="left" if not column else "right")
    for name, result in results.items():
        shown.add_row(
            name,
            f"{measured.megabytes / min(result['seconds']):,.0f}",
            f"{measured.speed(result, results[measured.peer]):.1f}",
            f"{result['peak_bytes'] / MEGABYTE:.0f} MB",
        )
    return shown


def throughput_verdicts(measured: Measurement, results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield whether each target is met."""
    return (_verdict(met, target) for met, target in measured.targets(results))


def loading_table(items: int, results: dict[str, dict[str, Any]]) -> Table:
    """Show the items per second that each contender loads."""
    usual, bound = _median(results[loading.USUAL]), _median(results[loading.BOUND])
    shown = Table(
        title=f"{items:,} items of about 200 bytes into DynamoDB, which responds immediately",
        title_justify="left",
    )
    for column in ("", "items a second", "times as fast as the usual", "times the bound"):
        shown.add_column(column, justify="left" if not column else "right")
    for name, result in results.items():
        median = _median(result)
        shown.add_row(
            name,
            f"{items / median:,.0f}",
            f"{usual / median:.1f}",
            f"{median / bound:.2f}",
        )
    return shown


def loading_verdicts(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield whether each target is met."""
    ours = _median(results[loading.OURS])
    for name, times in LOADING_TARGETS.items():
        yield _verdict(_median(results[name]) / ours >= times, f"{times:g} times as fast as {name}")


def claiming_table(objects: int, results: dict[str, dict[str, Any]]) -> Table:
    """Show what each contender needs to make the processing of an object idempotent."""
    shown = Table(
        title=f"{objects} objects with idempotency, DynamoDB responds immediately",
        title_justify="left",
    )
    price = read_prices().prices["dynamodb_writes"]
    for column in ("", "requests an object", "time an object", "USD a million objects"):
        shown.add_column(column, justify="left" if not column else "right")
    for name, result in results.items():
        shown.add_row(
            name,
            f"{result['requests']:g}",
            f"{_median(result) * 1000 / objects:.2f} ms",
            f"{price.of(Decimal(result['requests'] * 1_000_000)):.2f}",
        )
    return shown


def claiming_verdicts(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield whether each target is met."""
    ours = results[claiming.OURS]
    yield _verdict(ours["requests"] <= claiming.REQUESTS, "at most two write requests per object")
    faster = _median(ours) <= _median(results[claiming.PEER])
    yield _verdict(faster, f"no slower than {claiming.PEER}")


def init_table(extent: Extent) -> Table:
    """Show the size of each package, and its import time in addition to bare Python's."""
    shown = Table(
        title="Packages: targets are 8 MB, and 150 ms more than bare Python; with DuckDB 40 MB and "
        "600 ms",
        title_justify="left",
    )
    for column in (
        "",
        "zip",
        "init, more than bare Python",
        "targets" if extent.judges else "not judged",
    ):
        shown.add_column(column, justify="left" if not column else "right")
    bare = _import_seconds([], "pass", extent.import_runs)
    for package in sorted(PACKAGES.glob("*.zip")):
        if not (ROOT / "functions" / package.stem).is_dir():
            # Skip the package of the integration tests' own function.
            continue
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(package) as zipped:
                zipped.extractall(folder)
            if not Path(folder, "object_consumer").is_dir():
                # No file waits for it.
                continue
            init = (
                _import_seconds([folder], f"import {package.stem}.handler", extent.import_runs)
                - bare
            )
        size = package.stat().st_size
        most_bytes, most_seconds = PACKAGE_TARGETS.get(package.stem, OTHER_PACKAGES)
        met = size <= most_bytes and init <= most_seconds
        shown.add_row(
            package.name,
            f"{size / MEGABYTE:.2f} MB",
            f"{init * 1000:.0f} ms",
            _met(met) if extent.judges else "",
        )
    return shown


def _import_seconds(paths: list[str], statement: str, runs: int) -> float:
    code = f"import sys, time; sys.path[:0] = {paths!r}; {statement}"
    seconds = []
    for _ in range(runs):
        command = [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import time; began = time.perf_counter(); {code}; print(time.perf_counter() - began)",
        ]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=FUNCTION_SETTINGS
        )
        seconds.append(float(done.stdout))
    return statistics.median(seconds)


def _median(result: dict[str, Any]) -> float:
    seconds: list[float] = result["seconds"]
    return statistics.median(seconds)


def _verdict(met: bool, target: str) -> str:  # noqa: FBT001 (a verdict is about one)
    return f"  {_met(met)}  {target}"


def _met(met: bool) -> str:  # noqa: FBT001 (as above)
    return "[green]met[/]" if met else "[red]missed[/]"


if __name__ == "__main__":
    sys.exit(main())
