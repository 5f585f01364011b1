"""What the commands print for people; `--json` prints the same as one document.

Each makes the texts that it is given visible, then lays them out as `Text`: none of them is markup.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from operations.failures import Failure
from operations.status import ConsumerStatus
from operations.story import ConsumerStory, Step, Story, Verdict, Version
from operations.terminal import visible, visible_all

_STYLES = {
    Verdict.DONE: "green",
    Verdict.SKIPPED: "green",
    Verdict.NOT_WANTED: "dim",
    Verdict.PROCESSING: "cyan",
    Verdict.RETRIED: "yellow",
    Verdict.NOT_HEARD_OF: "yellow",
    Verdict.SET_ASIDE: "red",
}
_STEP_STYLES = {"done": "green", "skipped": "dim", "retry": "yellow"}


def status(name: str, consumers: Sequence[ConsumerStatus]) -> RenderableType:
    """Show how a pipeline is doing: a row for each consumer, then what is wrong."""
    consumers = visible_all(consumers)
    table = Table(title=Text(f"Pipeline {visible(name)}"), title_justify="left")
    table.add_column("consumer")
    for number in ("waiting", "in flight", "oldest", "set aside"):
        table.add_column(number, justify="right")
    table.add_column("mapping")
    shows_breaker = any(consumer.breaker for consumer in consumers)
    shows_ledger = any(consumer.ledger is not None for consumer in consumers)
    if shows_breaker:
        table.add_column("breaker")
    if shows_ledger:
        for state in ("processing", "succeeded", "failed"):
            table.add_column(state, justify="right")
    table.add_column("alarms", justify="right")
    for consumer in consumers:
        cells = [
            Text(consumer.consumer),
            Text(_number(consumer.waiting)),
            Text(_number(consumer.in_flight)),
            Text(_duration(consumer.oldest_seconds)),
            Text(_number(consumer.dead_letters), "red" if consumer.dead_letters else ""),
            Text(
                (consumer.mapping or "none").lower(),
                "" if consumer.mapping in {None, "Enabled"} else "yellow",
            ),
        ]
        if shows_breaker:
            good = consumer.breaker in {None, "CLOSED"}
            cells.append(Text((consumer.breaker or "").lower(), "" if good else "yellow"))
        if shows_ledger:
            more = "" if consumer.ledger_is_complete else "+"
            cells += [
                Text("" if consumer.ledger is None else f"{consumer.ledger.get(state, 0):,}{more}")
                for state in ("PROCESSING", "SUCCEEDED", "FAILED")
            ]
        cells.append(Text(f"{len(consumer.alarms)}", "red" if consumer.alarms else ""))
        table.add_row(*cells)
    troubles = [
        Text.assemble(("!", "yellow"), f" {consumer.consumer}: {trouble}")
        for consumer in consumers
        for trouble in consumer.troubles
    ]
    return Group(table, *troubles) if troubles else Group(table, Text("All is well."))


def story(told: Story) -> RenderableType:
    """Show the story of a file: its versions, what happened when, and each consumer's verdict."""
    told = visible_all(told)
    parts: list[RenderableType] = [Text(told.object, style="bold")]
    if not told.versions:
        parts.append(
            Text("There is no such file in the bucket, and never was while it had versions.")
        )
    events: list[tuple[datetime, str, Text, str]] = [
        (version.at, "S3", *_written(version)) for version in told.versions
    ]
    events += [
        (step.at, consumer.consumer, *_happened(step))
        for consumer in told.consumers
        for step in consumer.steps
    ]
    timeline = Table(show_header=True, box=None, pad_edge=False)
    for column in ("UTC", "where", "what"):
        timeline.add_column(column, no_wrap=column == "UTC")
    timeline.add_column("", overflow="fold")
    for at, where, what, detail in sorted(events, key=lambda event: (event[0], event[1])):
        timeline.add_row(_moment(at), Text(where), what, Text(detail))
    if events:
        parts.append(timeline)
    parts += [_verdict(consumer) for consumer in told.consumers]
    return Group(*parts)


def failures(found: Sequence[Failure]) -> RenderableType:
    """Show what was set aside, by reason."""
    if not found:
        return Text("Nothing is set aside.")
    found = visible_all(found)
    table = Table(title="Set aside", title_justify="left", show_lines=True)
    table.add_column("messages", justify="right")
    table.add_column("consumer")
    table.add_column("kind")
    table.add_column("reason, and the newest example", overflow="fold")
    table.add_column("from, to (UTC)")
    for failure in found:
        example = Text(f"{failure.example}\n{failure.example_reason}", style="dim")
        table.add_row(
            f"{failure.count:,}",
            Text(failure.consumer),
            Text(failure.kind),
            Group(Text(failure.reason), example),
            f"{_moment(failure.first)}\n{_moment(failure.last)}"
            + ("" if failure.times == "set aside" else "\n(when sent; SQS moved it later)"),
        )
    return table


def lines(console: Console, texts: Iterable[str]) -> None:
    """Print each text on a line of its own: what looks like markup is none."""
    for text in texts:
        console.print(Text(visible(text)))


def _verdict(told: ConsumerStory) -> Text:
    shown = Text("\n").append(told.consumer, style="bold").append(": ")
    shown.append(str(told.verdict), style=_STYLES[told.verdict])
    if told.why:
        shown.append(f", {told.why}" if told.verdict is Verdict.NOT_WANTED else f": {told.why}")
    if told.ledger is not None:
        entry = told.ledger
        plural = "receive" if entry.attempts == 1 else "receives"
        shown.append(f"\n  ledger: {entry.state}, {entry.attempts} {plural}", style="dim")
    if told.unseen:
        shown.append(f"\n  dead-letter queue: {told.unseen}", style="dim")
    if told.advice:
        shown.append(f"\n  {told.advice}")
    return shown


def _written(version: Version) -> tuple[Text, str]:
    name = f"version {version.version_id}" if version.version_id else f"entity tag {version.etag}"
    if version.size is None:
        return Text("deleted", "red"), name
    return Text("written"), f"{version.size:,} bytes, {name}"


def _happened(step: Step) -> tuple[Text, str]:
    attempt = f" (receive {step.attempt})" if step.attempt else ""
    return Text.assemble((step.what, _STEP_STYLES.get(step.what, "red")), attempt), step.detail


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
