"""The table of outcomes, and the reasons of those that are not good."""

from collections.abc import Iterator, Sequence

import msgspec
from rich.markup import escape
from rich.table import Table

from event_pipelines.development.trial.uploads import Outcome
from event_pipelines.operations.discovery import Consumer, Pipeline

_STYLES = {"done": "green", "skipped": "yellow", "permanent": "red", "unwanted": "yellow"}
_WORDS = {"permanent": "dead-lettered", "unwanted": "not wanted"}


def table(outcomes: Sequence[Outcome]) -> Table:
    """Show each file at each consumer: outcome, latency, and the place of the result."""
    shown = Table(title="Outcome of each file", title_justify="left", expand=False)
    shown.add_column("file", overflow="fold")
    shown.add_column("consumer")
    shown.add_column("outcome")
    shown.add_column("latency", justify="right")
    shown.add_column("where to look", overflow="fold")
    last = None
    for outcome in outcomes:
        if last not in (None, outcome.file):
            shown.add_section()
        status = outcome.status or "missing"
        shown.add_row(
            escape(outcome.file) if outcome.file != last else "",
            outcome.consumer,
            f"[{_STYLES.get(status, 'red')}]{_WORDS.get(status, status)}[/]",
            "" if outcome.seconds is None else f"{outcome.seconds:.2f} s",
            escape(outcome.where),
        )
        last = outcome.file
    return shown


def explain(outcomes: Sequence[Outcome], pipeline: Pipeline) -> Iterator[str]:
    """Yield why files were dead-lettered, and which files no consumer wants."""
    for outcome in outcomes:
        if outcome.reason:
            yield (
                f"\n[bold]{escape(outcome.file)}[/bold] was dead-lettered by {outcome.consumer} in "
                f"{outcome.where}: [red]{escape(outcome.reason)}[/red]\n"
            )
        elif outcome.status == "unwanted":
            yield (
                f"\nNo consumer wants [bold]{escape(outcome.file)}[/bold]. The filters are: "
                f"{escape(', '.join(map(_filter, pipeline.consumers.values())))}\n"
            )
        elif outcome.status is None:
            yield (
                f"\n[bold]{escape(outcome.file)}[/bold] has no outcome at {outcome.consumer} yet: "
                "see what trace shows below\n"
            )


def _filter(consumer: Consumer) -> str:
    settings = msgspec.structs.asdict(consumer.wanted).items()
    parts = [f"{name} {_joined(value)}" for name, value in settings if value]
    return f"{consumer.name} ({'; '.join(parts) or 'every file'})"


def _joined(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
