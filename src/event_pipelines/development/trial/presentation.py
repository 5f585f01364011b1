"""Upload files to an applied pipeline, wait, and show the outcome of each at each consumer."""

import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from event_pipelines.development.trial.report import explain, table
from event_pipelines.development.trial.uploads import Outcome, TrackedUploads
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.commands import status, trace
from event_pipelines.operations.discovery import Pipeline

WAIT_SECONDS = 90


def present(
    pipeline: Pipeline,
    files: Mapping[str, Path],
    aws: Aws,
    console: Console,
    *,
    wait: float = WAIT_SECONDS,
) -> list[Outcome]:
    """Upload files, and show their outcomes with the command-line tool.

    Parameters
    ----------
    files
        The files, by their keys.
    wait
        Seconds to wait for the outcomes.

    Returns
    -------
    list[Outcome]
        The outcome of each file at each consumer that wants it.
    """
    console.print(f"\nThe pipeline is running. Uploading {len(files)} files.\n")
    uploads = TrackedUploads(pipeline, aws)
    for key, file in files.items():
        uploads.upload(key, file.read_bytes())
    outcomes = _wait(uploads, console, wait)
    console.print(table(outcomes))
    for line in explain(outcomes, pipeline):
        console.print(line)
    _operate(pipeline, files, outcomes, aws, console)
    return outcomes


def _wait(uploads: TrackedUploads, console: Console, wait: float) -> list[Outcome]:
    """Wait until every consumer has finished the files that it wants."""
    deadline = time.monotonic() + wait
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        waiting = progress.add_task("waiting")
        outcomes = uploads.outcomes()
        while any(outcome.is_pending for outcome in outcomes) and time.monotonic() < deadline:
            pending = sum(outcome.is_pending for outcome in outcomes)
            progress.update(
                waiting, description=f"{len(outcomes) - pending} of {len(outcomes)} outcomes"
            )
            time.sleep(0.25)
            outcomes = uploads.outcomes()
    return outcomes


def _operate(
    pipeline: Pipeline,
    files: Mapping[str, Path],
    outcomes: list[Outcome],
    aws: Aws,
    console: Console,
) -> None:
    """Show the tool's output for the pipeline, the first processed file and those that are not."""
    # Only pipelines of the root module are found by name; others are found by their outputs.
    by_name = any(consumer.ledger_key for consumer in pipeline.consumers.values())
    command = f"pipeline --name {pipeline.name}" if by_name else "pipeline"
    console.print(f"\n[bold]$ {command} status[/bold]\n")
    console.print(status.view(pipeline.name, status.status(pipeline, aws)))
    bad = {outcome.file for outcome in outcomes if not outcome.is_good}
    keys = {key.rpartition("/")[2]: key for key in files}
    good = [key for name, key in keys.items() if name not in bad]
    for key in (*good[:1], *(keys[name] for name in sorted(bad))):
        console.print(f"\n[bold]$ {command} trace {escape(key)}[/bold]\n", highlight=False)
        console.print(trace.view(trace.trace(pipeline, key, aws)))
    console.print()
