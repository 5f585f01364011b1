"""The table at the end of the demonstration."""

from collections.abc import Iterator, Sequence

from rich.markup import escape
from rich.table import Table

from demo.pipeline import Outcome

_STYLES = {"done": "green", "skipped": "yellow", "permanent": "red"}
_WORDS = {"permanent": "dead-lettered"}


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


def explain(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield why a file was dead-lettered, from the message in the dead-letter queue."""
    for outcome in outcomes:
        if outcome.reason:
            yield (
                f"\n[bold]{escape(outcome.file)}[/bold] was dead-lettered by {outcome.consumer} in "
                f"{outcome.where}: [red]{escape(outcome.reason)}[/red]\n"
            )
