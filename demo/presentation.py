"""The demonstration of an applied pipeline: upload, wait, show the outcome of each file."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from demo.pipeline import BROKEN, Outcome, TrackedUploads
from demo.report import explain, table
from event_pipelines.operations import discovery
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.commands import status, trace

WAIT_SECONDS = 90


def present(outputs: Mapping[str, Any], samples: Path, aws: Aws, console: Console) -> bool:
    """Upload the samples to a pipeline, and show their outcomes with the command-line tool.

    Parameters
    ----------
    outputs
        The outputs of the root module or of an example.
    samples
        The folder of the files.

    Returns
    -------
    bool
        Whether every file has the expected outcome.
    """
    files = sorted(samples.iterdir())
    found = discovery.by_outputs(outputs, None, aws)
    console.print(f"\nThe pipeline is running. Uploading {len(files)} files.\n")
    outcomes = _drive(TrackedUploads(outputs, found, aws), files, console)
    console.print(table(outcomes))
    for line in explain(outcomes):
        console.print(line)
    _operate(found, [_key(file) for file in files], aws, console)
    return all(outcome.is_as_expected for outcome in outcomes)


def _drive(pipeline: TrackedUploads, files: Iterable[Path], console: Console) -> list[Outcome]:
    """Upload the samples and wait until every consumer has finished them."""
    for file in files:
        pipeline.upload(_key(file), file.read_bytes())
    deadline = time.monotonic() + WAIT_SECONDS
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        waiting = progress.add_task("waiting")
        outcomes = pipeline.outcomes()
        while any(outcome.is_pending for outcome in outcomes) and time.monotonic() < deadline:
            pending = sum(outcome.is_pending for outcome in outcomes)
            progress.update(
                waiting, description=f"{len(outcomes) - pending} of {len(outcomes)} outcomes"
            )
            time.sleep(0.25)
            outcomes = pipeline.outcomes()
    return outcomes


def _operate(pipeline: discovery.Pipeline, keys: Sequence[str], aws: Aws, console: Console) -> None:
    """Show the command-line tool's output for the pipeline, a valid file and the broken one."""
    # Only pipelines of the root module are found by name; an example's is found by its outputs.
    by_name = any(consumer.ledger_key for consumer in pipeline.consumers.values())
    command = f"pipeline --name {pipeline.name}" if by_name else "pipeline"
    console.print(f"\n[bold]$ {command} status[/bold]\n")
    console.print(status.view(pipeline.name, status.status(pipeline, aws)))
    good = next(key for key in keys if not key.endswith(BROKEN))
    for key in (good, *(key for key in keys if key.endswith(BROKEN))):
        console.print(f"\n[bold]$ {command} trace {escape(key)}[/bold]\n", highlight=False)
        console.print(trace.view(trace.trace(pipeline, key, aws)))
    console.print()


def _key(file: Path) -> str:
    return f"incoming/{file.name}"
