"""``pipeline trace``: what happened to one file, and what to do.

It combines the bucket's versions, the functions' log lines, the ledger and the dead-letter queues.
Each of them may be missing.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from event_pipelines.operations import (
    dead_letters,
    evidence,
    invocations,
    ledger,
    notifications,
    queues,
    switch,
    windows,
)
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.dead_letters import DeadLetter, Look
from event_pipelines.operations.discovery import Consumer, Pipeline
from event_pipelines.operations.errors import TROUBLE, WrongUseError
from event_pipelines.operations.ledger import LedgerEntry
from event_pipelines.operations.logs import LogReader
from event_pipelines.operations.notifications import Notifications
from event_pipelines.operations.options import Json, moment
from event_pipelines.operations.queues import Queue
from event_pipelines.operations.session import Session
from event_pipelines.operations.story import (
    SET_ASIDE,
    ConsumerStory,
    Step,
    Story,
    Verdict,
    Version,
    dead_lettered,
    failed_steps,
    is_settled,
    is_superseded,
    output_of,
    step,
    verdict_on,
    with_invocations,
)
from event_pipelines.operations.story import moment as line_moment
from event_pipelines.operations.terminal import quoted, utc, visible_all
from event_pipelines.operations.windows import Window
from object_consumer.events import ObjectEvent
from object_consumer.store import split_uri

# The requests for the log lines of one consumer, about a second each.
_REQUESTS = 20
_LETTERS = 1000
_STYLES = {
    Verdict.DONE: "green",
    Verdict.SKIPPED: "green",
    Verdict.NOT_WANTED: "dim",
    Verdict.PROCESSING: "cyan",
    Verdict.CONTINUED: "cyan",
    Verdict.RETRIED: "yellow",
    Verdict.FAILING: "red",
    Verdict.NOT_HEARD_OF: "yellow",
    Verdict.DEAD_LETTERED: "red",
}
_STEP_STYLES = {"done": "green", "skipped": "dim", "continued": "cyan", "retry": "yellow"}


def command(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="s3://BUCKET/KEY", help="The file, or its key.")],
    *,
    since: Annotated[
        str | None,
        typer.Option(
            help="Read all log lines since 2026-01-31T12:00Z, or since 3d, 6h, 30m ago; default: "
            "those around the times that the ledger and the versions give."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show what happened to a file, and what to do."""
    session: Session = context.obj
    begin = moment("--since", since)
    with session.waiting("Looking through logs and queues"):
        told = trace(session.pipeline, file, session.aws, since=begin)
    if json:
        session.print_json(told)
    else:
        session.console.print(view(told))
    if not told.is_good:
        raise typer.Exit(TROUBLE)


def trace(pipeline: Pipeline, uri: str, aws: Aws, *, since: datetime | None = None) -> Story:
    """Collect what happened to a file.

    Parameters
    ----------
    uri
        ``s3://bucket/key``, or the key alone.
    since
        The start of the log lines to read, all of them; by default, those around the times that
        the ledger and the versions give, with a limited number of requests.

    Raises
    ------
    WrongUseError
        The file is in another bucket.
    """
    bucket, key = split_uri(uri) if uri.startswith("s3://") else (pipeline.bucket, uri)
    if bucket != pipeline.bucket:
        raise WrongUseError(f"the files of {pipeline.name} are in s3://{pipeline.bucket}/")
    versions = evidence.versions(bucket, key, aws)
    address = f"s3://{bucket}/{key}"
    notified = notifications.read(bucket, aws)
    with ThreadPoolExecutor() as pool:
        consumers = pool.map(
            lambda consumer: _story(_File(address, versions, since, notified), consumer, aws),
            pipeline.consumers.values(),
        )
        return Story(object=address, versions=versions, consumers=list(consumers))


@dataclass(frozen=True, slots=True)
class _File:
    """What is the same for all consumers.

    Attributes
    ----------
    uri, versions
        The file's address, and its versions, oldest first.
    since
        The start of the log lines to read; None for those that are likely to be about it.
    notified
        What its bucket notifies.
    """

    uri: str
    versions: Sequence[Version]
    since: datetime | None
    notified: Notifications


@dataclass
class _Case:
    """What is known of a file at one consumer.

    Attributes
    ----------
    newest
        The newest version that isn't a deletion; None if the bucket has none.
    entry, wanted
        What the ledger holds, and whether the filter lets the file in.
    now
        The time.
    letters, lines
        The messages about it in the dead-letter queue, and the lines of the log, oldest first.
    """

    newest: Version | None
    entry: LedgerEntry | None
    wanted: bool
    now: datetime
    letters: list[DeadLetter]
    lines: list[dict[str, Any]] = field(default_factory=list)

    def judge(self) -> tuple[Verdict, str]:
        """Return the verdict, and why."""
        return verdict_on(
            self.newest, self.lines, self.letters, self.entry, now=self.now, wanted=self.wanted
        )

    def is_settled(self) -> bool:
        """Return whether more lines would not change the verdict."""
        return is_settled(*self.judge(), self.newest, self.entry)

    def needs_lambda(self) -> bool:
        """Return whether only Lambda can say why the file is not done."""
        verdict, why = self.judge()
        if self.newest is None or verdict is not Verdict.DEAD_LETTERED:
            unclear = {Verdict.NOT_HEARD_OF, Verdict.RETRIED, Verdict.CONTINUED}
            return self.newest is not None and verdict in unclear
        return any(why == letter.reason for letter in self.letters if not letter.has_reason)


def _story(file: _File, consumer: Consumer, aws: Aws) -> ConsumerStory:
    uri, versions = file.uri, file.versions
    newest = next((version for version in reversed(versions) if version.size is not None), None)
    look = dead_letters.look(consumer, aws, limit=_LETTERS)
    case = _Case(
        newest=newest,
        entry=ledger.entries(consumer, [uri], aws).get(uri),
        wanted=newest is None or _wants(consumer, uri, newest),
        now=datetime.now(UTC),
        letters=_about(uri, look),
    )
    reader = LogReader(consumer.log_group, aws, None if file.since else _REQUESTS)
    _read(case, file, reader)
    if case.judge()[0] is Verdict.DEAD_LETTERED and not case.is_settled():
        # It may have been dead-lettered since the queue was looked at.
        look = dead_letters.look(consumer, aws, limit=_LETTERS)
        case.letters = _about(uri, look)
    verdict, why = case.judge()
    queue, seen = None, None
    if newest is not None and case.needs_lambda():
        queue = queues.read(consumer.queue_url, aws) if consumer.queue_url else None
        seen = invocations.look(consumer, aws, since=newest.at, now=case.now)
        verdict, why = with_invocations(verdict, why, seen, case.entry, queue)
    output = output_of(case.lines, case.entry) if verdict is Verdict.DONE else None
    exists = evidence.exists(output, aws) if output else None
    if exists is False:
        why = f"{output} was written, but no longer exists"
    return ConsumerStory(
        consumer=consumer.name,
        verdict=verdict,
        why=why or output or "",
        advice=_how_to_find(case, file, consumer, queue, aws)
        if verdict is Verdict.NOT_HEARD_OF
        else _advice(consumer, verdict, uri, queue, output_exists=exists),
        steps=sorted(
            [step(line) for line in case.lines] + dead_lettered(case.letters) + failed_steps(seen),
            key=lambda step: step.at,
        ),
        ledger=case.entry,
        output=output,
        output_exists=exists,
        superseded=sum(
            bool(one.events)
            and all(event.uri == uri and is_superseded(event, versions) for event in one.events)
            for one in case.letters
        ),
        unseen=look.unseen,
        unread=reader.unread,
    )


def _about(uri: str, look: Look) -> list[DeadLetter]:
    return [letter for letter in look.letters if letter.is_about(uri)]


def _read(case: _Case, file: _File, reader: LogReader) -> None:
    """Read lines of the log, as many as were asked for, or until the verdict is settled."""

    def read(window: Window) -> None:
        case.lines.extend(evidence.lines(reader, file.uri, window))
        case.lines.sort(key=line_moment)

    if file.since:
        read(windows.since(file.since, case.now))
        return
    for window in windows.pointed_at(file.versions, case.entry, case.letters):
        read(window)
    for window in windows.beyond(file.versions, case.now):
        if case.is_settled():
            return
        read(window)


def _advice(
    consumer: Consumer,
    verdict: Verdict,
    uri: str,
    queue: Queue | None,
    *,
    output_exists: bool | None,
) -> str:
    match verdict:
        case Verdict.DEAD_LETTERED:
            return (
                f"after you fix the cause: pipeline redrive {consumer.name}; if you upload a fixed "
                f"file instead: pipeline discard {consumer.name} --superseded"
            )
        case Verdict.RETRIED | Verdict.CONTINUED if queue is not None and not queue.messages:
            return f"its queue is empty, so it is not retried: {_replay(consumer, uri)}"
        case Verdict.RETRIED:
            again = _replay(consumer, uri)
            return f"it is retried automatically: pipeline status; or retry it now: {again}"
        case Verdict.FAILING:
            return (
                "fix the function and apply it: its message is then retried automatically, or, if "
                f"it is dead-lettered by then: pipeline redrive {consumer.name}"
            )
        case Verdict.DONE if output_exists is False:
            return _replay(consumer, uri)
        case _:
            return ""


def _how_to_find(
    case: _Case, file: _File, consumer: Consumer, queue: Queue | None, aws: Aws
) -> str:
    """Return where the event of a file may be that a consumer has not received."""
    if case.newest is None:
        return "check the key: keys are case-sensitive"
    mapping = switch.state(consumer, aws)
    if mapping not in {None, "Enabled"}:
        return (
            f"it may be in the queue, because {consumer.name} is {mapping}: "
            f"pipeline resume {consumer.name}"
        )
    if unnotified := notifications.trouble(file.notified, consumer, queue, aws):
        return unnotified
    again = _replay(consumer, file.uri)
    if queue is not None and not queue.messages:
        return f"its queue is empty, so S3 sent no event, or the event is lost: {again}"
    return f"it may be in the queue: pipeline status; or S3 sent no event: {again}"


def _replay(consumer: Consumer, uri: str) -> str:
    return f"pipeline replay --consumer {consumer.name} --prefix {quoted(split_uri(uri)[1])}"


def _wants(consumer: Consumer, uri: str, version: Version) -> bool:
    bucket, key = split_uri(uri)
    name = consumer.creation
    return name is not None and consumer.wanted.wants(
        ObjectEvent(
            bucket=bucket, key=key, event_name=name, event_time=version.at, size=version.size
        )
    )


def view(told: Story) -> RenderableType:
    """Show a file's versions, what happened and when, and each consumer's verdict."""
    told = visible_all(told)
    parts: list[RenderableType] = [Text(told.object, style="bold")]
    if not told.versions:
        parts.append(Text("The bucket has no version of this file."))
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
        timeline.add_row(utc(at), Text(where), what, Text(detail))
    if events:
        parts.append(timeline)
    parts += [_verdict(consumer) for consumer in told.consumers]
    return Group(*parts)


def _verdict(told: ConsumerStory) -> Text:
    shown = Text("\n").append(told.consumer, style="bold").append(": ")
    shown.append(_word(told.verdict), style=_STYLES[told.verdict])
    if told.why:
        shown.append(f", {told.why}" if told.verdict is Verdict.NOT_WANTED else f": {told.why}")
    if told.ledger is not None:
        entry = told.ledger
        plural = "receive" if entry.attempts == 1 else "receives"
        so_far = f", {entry.how_far}" if entry.how_far else ""
        shown.append(f"\n  ledger: {entry.state}, {entry.attempts} {plural}{so_far}", style="dim")
    if told.superseded:
        plural = "message is" if told.superseded == 1 else "messages are"
        shown.append(
            f"\n  dead-letter queue: {told.superseded:,} {plural} about a version that has been "
            "overwritten, which a redrive does not help: pipeline discard "
            f"{told.consumer} --superseded"
        )
    if told.unseen:
        shown.append(f"\n  dead-letter queue: {told.unseen}", style="dim")
    if told.unread:
        shown.append(f"\n  log: {told.unread}: use --since to read all of it", style="dim")
    if told.advice:
        shown.append(f"\n  {told.advice}")
    return shown


def _written(version: Version) -> tuple[Text, str]:
    name = f"version {version.version_id}" if version.version_id else f"ETag {version.etag}"
    if version.size is None:
        return Text("deleted", "red"), name
    return Text("written"), f"{version.size:,} bytes, {name}"


def _happened(step: Step) -> tuple[Text, str]:
    attempt = f" (receive {step.attempt})" if step.attempt else ""
    return Text.assemble(
        (_word(step.what), _STEP_STYLES.get(step.what, "red")), attempt
    ), step.detail


def _word(what: str) -> str:
    return "dead-lettered" if what == SET_ASIDE else str(what)
