"""The command line: which pipeline, which command, and how it ends.

Exit codes: 0 all is well, or done; 1 there is trouble, or not all was done; 2 wrong use;
3 AWS or Terraform refused or could not be reached; 130 interrupted.
"""

import io
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.text import Text

from object_consumer.errors import SettingError
from operations import dead_letters, discovery, ledger, redrive, replay, show, switch, terminal
from operations import failures as failing
from operations import status as watching
from operations import trace as tracing
from operations.aws import Aws
from operations.discovery import Consumer, Pipeline
from operations.errors import OperationError, WrongUseError
from operations.terminal import Terminal

TROUBLE, WRONG_USE, REFUSED = 1, 2, 3
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}

app = typer.Typer(
    name="pipeline",
    help="See what a pipeline does, what became of a file, and set it right.",
    epilog=(
        "Exit codes: 0 all is well, or done; 1 there is trouble, or not all was done; 2 wrong use; "
        "3 AWS or Terraform refused; 130 interrupted."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
_Consumer = Annotated[str, typer.Argument(metavar="CONSUMER", help="The consumer's name.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")]
_Limit = Annotated[
    int, typer.Option(min=1, help="How many messages of a dead-letter queue are looked at.")
]


@dataclass
class _Session:
    """What the options before the command say."""

    name: str | None
    outputs: Path | None
    chdir: Path | None
    aws: Aws = field(default_factory=Aws)
    console: Terminal = field(
        default_factory=lambda: Terminal(width=None if sys.stdout.isatty() else 140)
    )
    errors: Terminal = field(default_factory=lambda: Terminal(stderr=True))

    @cached_property
    def pipeline(self) -> Pipeline:
        """The pipeline, looked for when it is first needed."""
        if self.outputs is not None:
            return discovery.by_outputs(discovery.read_outputs(self.outputs), self.name, self.aws)
        if self.name is not None and self.chdir is None:
            return discovery.by_name(self.name, self.aws)
        told = discovery.ask_terraform(self.chdir or Path())
        return discovery.by_outputs(told, self.name, self.aws)

    def print_json(self, document: object) -> None:
        """Print a document for a program."""
        is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        sys.stdout.write(terminal.encoded(document, only_ascii=not is_unicode) + "\n")

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask, unless the answer is given already; ends the command where the answer is no."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise WrongUseError(f"{question} Nobody is there to be asked: say --yes")
        typer.confirm(terminal.visible(question), abort=True, err=True)

    def waiting(self, text: str) -> Status:
        """Say what is waited for, on standard error."""
        return self.errors.status(Text(terminal.visible(text)))

    def tell_unseen(self, consumer: str, unseen: str) -> None:
        """Say on standard error what could not be looked at, if there is anything."""
        if unseen:
            show.lines(self.errors, [f"{consumer}: {unseen}"])

    def progress(self) -> Progress:
        """Make a bar, on standard error."""
        description = TextColumn("{task.description}", markup=False)
        columns = (description, BarColumn(), MofNCompleteColumn())
        return Progress(*columns, TimeRemainingColumn(), console=self.errors, transient=True)


def main() -> None:
    """Run the command line, and end with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # What the terminal's encoding has no character for is shown as an escape, too.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="pipeline")
    except WrongUseError as error:
        _fail(error, WRONG_USE)
    except (OperationError, ClientError, BotoCoreError, SettingError) as error:
        _fail(error, REFUSED)


def _fail(error: Exception, code: int) -> None:
    print(f"pipeline: {terminal.paragraph(str(error))}", file=sys.stderr)
    sys.exit(code)


@app.callback()
def options(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Option(
            envvar="PIPELINE_NAME",
            help="The pipeline's name. Alone, it is found in AWS, without Terraform.",
        ),
    ] = None,
    outputs: Annotated[
        Path | None,
        typer.Option(envvar="PIPELINE_OUTPUTS", help="A file that `terraform output -json` wrote."),
    ] = None,
    chdir: Annotated[
        Path | None,
        typer.Option(help="The folder where Terraform is asked for its outputs; by default here."),
    ] = None,
) -> None:
    """See what a pipeline does, what became of a file, and set it right."""
    context.obj = _Session(name, outputs, chdir)


@app.command()
def status(
    context: typer.Context,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again.")] = False,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 3.0,
    count_all: Annotated[
        bool, typer.Option("--count-all", help="Count the whole ledger, however long it takes.")
    ] = False,
    json: _Json = False,
) -> None:
    """Show every consumer: queues, mapping, alarms."""
    session: _Session = context.obj
    pages = None if count_all else ledger.PAGES

    def look() -> list[watching.ConsumerStatus]:
        return watching.status(session.pipeline, session.aws, pages=pages)

    found = look()
    if watch and not json:
        with Live(console=session.console, auto_refresh=False) as live, _until_interrupted():
            while True:
                live.update(show.status(session.pipeline.name, found), refresh=True)
                time.sleep(every)
                found = look()
    elif json:
        session.print_json(
            {
                "pipeline": session.pipeline.name,
                "bucket": session.pipeline.bucket,
                "consumers": found,
                "troubles": {consumer.consumer: consumer.troubles for consumer in found},
            }
        )
    else:
        session.console.print(show.status(session.pipeline.name, found))
    if any(consumer.troubles for consumer in found):
        raise typer.Exit(TROUBLE)


@app.command()
def trace(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="s3://BUCKET/KEY", help="The file, or its key.")],
    *,
    since: Annotated[
        str | None,
        typer.Option(help="From when on logs are read: 2026-01-31T12:00Z, or 3d ago, 6h, 30m."),
    ] = None,
    json: _Json = False,
) -> None:
    """Tell what became of a file, and what to do."""
    session: _Session = context.obj
    begin = _moment("--since", since)
    with session.waiting("Looking through logs and queues"):
        told = tracing.trace(session.pipeline, file, session.aws, since=begin)
    if json:
        session.print_json(told)
    else:
        session.console.print(show.story(told))
    if not told.is_good:
        raise typer.Exit(TROUBLE)


@app.command()
def failures(
    context: typer.Context,
    consumers: Annotated[
        list[str] | None, typer.Argument(metavar="[CONSUMER]...", help="Whose; by default all.")
    ] = None,
    *,
    limit: _Limit = 1000,
    json: _Json = False,
) -> None:
    """Show what was set aside, and why."""
    session: _Session = context.obj
    chosen = session.pipeline.chosen(consumers or [])
    looks = dead_letters.look_at_all(chosen, session.aws, limit=limit)
    for name, look in looks.items():
        session.tell_unseen(name, look.unseen)
    found = failing.group(letter for look in looks.values() for letter in look.letters)
    if json:
        session.print_json(found)
    else:
        session.console.print(show.failures(found))
        commands = {f"pipeline redrive {failure.consumer}" for failure in found}
        show.lines(
            session.console, [f"Once the cause is mended: {one}" for one in sorted(commands)]
        )
    if found:
        raise typer.Exit(TROUBLE)


@app.command("redrive")
def redrive_command(
    context: typer.Context,
    consumer: _Consumer,
    *,
    reason: Annotated[
        str | None,
        typer.Option(help="Only messages with this error type, or this in their reason."),
    ] = None,
    limit: _Limit = 10_000,
    dry_run: _DryRun = False,
    yes: _Yes = False,
    json: _Json = False,
) -> None:
    """Send what was set aside back."""
    session: _Session = context.obj
    (chosen,) = session.pipeline.chosen([consumer])
    if reason is None:
        count = dead_letters.number(chosen, session.aws)
    else:
        look = dead_letters.look(chosen, session.aws, limit=limit)
        count = sum(redrive.matches(letter, reason) for letter in look.letters)
        if dry_run or not count:
            session.tell_unseen(consumer, look.unseen)
    done = redrive.Progress()
    if count and not dry_run:
        session.confirm(f"Send back to {consumer}: {count:,} messages?", yes=yes)
        looked = None if reason is None else limit
        with session.progress() as progress:
            task = progress.add_task(f"redrive {consumer}", total=count)
            for done in redrive.move(chosen, session.aws, reason=reason or "", limit=looked):
                progress.update(task, completed=done.moved, total=max(count, done.moved))
        unseen = dead_letters.out_of_sight(chosen, session.aws, looked=done.left)
        session.tell_unseen(consumer, unseen)
    if json:
        session.print_json(
            {"consumer": consumer, "matching": count, "sent": done.moved, "refused": done.refused}
        )
    elif dry_run:
        show.lines(session.console, [f"Messages that would be sent back to {consumer}: {count:,}."])
    else:
        texts = [f"Messages that were sent back to {consumer}: {done.moved:,}."]
        if done.refused:
            texts.append(
                f"Messages that were not taken and stay where they are: {done.refused:,}. "
                f"{done.why}"
            )
        show.lines(session.console, texts)
    if count and not dry_run and (done.refused or not done.moved):
        raise typer.Exit(TROUBLE)


@app.command("replay")
def replay_command(
    context: typer.Context,
    *,
    prefix: Annotated[str, typer.Option(help="Which objects of the bucket; '' means all.")],
    consumer: Annotated[
        list[str] | None, typer.Option("--consumer", "-c", help="Whom to tell; by default all.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only objects written since: 2026-01-31T12:00Z, or 3d, 6h.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only objects written before.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Only objects that the consumer's ledger has in this state, or lacks (MISSING): "
            + ", ".join(replay.STATES)
        ),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Messages a second at most.")] = 50.0,
    resume_file: Annotated[
        Path | None,
        typer.Option("--resume", help="Keeps how far it is; the same command again goes on there."),
    ] = None,
    dry_run: _DryRun = False,
    yes: _Yes = False,
    json: _Json = False,
) -> None:
    """Process files of the bucket again."""
    session: _Session = context.obj
    states = tuple(name.upper() for name in state or [])
    if unknown := set(states) - set(replay.STATES):
        raise WrongUseError(
            f"--state {', '.join(sorted(unknown))}: there are {', '.join(replay.STATES)}"
        )
    consumers = session.pipeline.chosen(consumer or [])
    selection = replay.Selection(
        bucket=session.pipeline.bucket,
        prefix=prefix,
        consumers=tuple(some.name for some in consumers),
        since=_moment("--since", since),
        until=_moment("--until", until),
        states=states,
    )
    replay.check(selection, consumers)
    bookmark = replay.Bookmark(resume_file, selection) if resume_file else None
    after, sent_before = bookmark.read() if bookmark else ("", 0)
    with session.waiting("Looking through the bucket"):
        counts = dict.fromkeys(selection.consumers, 0)
        for chunk in replay.chunks(selection, consumers, session.aws, after=after):
            for name, messages in chunk.messages.items():
                counts[name] += len(messages)
    total, sent = sum(counts.values()), 0
    what = ", ".join(f"{count:,} to {name}" for name, count in counts.items())
    if total and not dry_run:
        session.confirm(f"Send {what}?", yes=yes)
        pace = replay.Pace(rate)
        sent = _send(session, _Replay(selection, consumers, pace, bookmark), total=total)
    if bookmark and not dry_run:
        bookmark.remove()
    if json:
        session.print_json({"matching": counts, "sent": sent, "sent_before": sent_before})
    else:
        verb = "would be" if dry_run else "were"
        show.lines(session.console, [f"Messages that {verb} sent: {what}."])


@dataclass(frozen=True, slots=True)
class _Replay:
    """What is sent, and where it is kept how far that is."""

    selection: replay.Selection
    consumers: list[Consumer]
    pace: replay.Pace
    bookmark: replay.Bookmark | None


def _send(session: _Session, work: _Replay, *, total: int) -> int:
    bookmark = work.bookmark
    last, sent_before = bookmark.read() if bookmark else ("", 0)
    sent = 0
    try:
        with session.progress() as progress:
            task = progress.add_task("replay", total=total)
            for chunk in replay.chunks(work.selection, work.consumers, session.aws, after=last):
                sent += replay.send(chunk, work.consumers, session.aws, work.pace)
                last = chunk.last_key
                if bookmark:
                    bookmark.write(last, sent_before + sent)
                progress.update(task, completed=sent, total=max(total, sent))
    except BaseException:
        how = (
            f"the same command goes on from there ({bookmark.file})"
            if bookmark
            else "with --resume FILE it would go on from there"
        )
        told = f"Stopped after {sent:,} of {total:,} messages, behind the key {last!r}: {how}."
        show.lines(session.errors, [told])
        raise
    return sent


@app.command()
def pause(
    context: typer.Context, consumer: _Consumer, *, yes: _Yes = False, json: _Json = False
) -> None:
    """Stop a consumer: its files wait in its queue."""
    session: _Session = context.obj
    (chosen,) = session.pipeline.chosen([consumer])
    session.confirm(f"Stop {consumer}? Its files wait in its queue.", yes=yes)
    with session.waiting(f"Stopping {consumer}"):
        switched = switch.pause(session.pipeline, chosen, session.aws)
    _tell(session, switched, json=json)


@app.command()
def resume(
    context: typer.Context, consumer: _Consumer, *, yes: _Yes = False, json: _Json = False
) -> None:
    """Let a consumer go on."""
    session: _Session = context.obj
    (chosen,) = session.pipeline.chosen([consumer])
    session.confirm(f"Let {consumer} go on?", yes=yes)
    with session.waiting(f"Starting {consumer}"):
        switched = switch.resume(chosen, session.aws)
    _tell(session, switched, json=json)


def _tell(session: _Session, switched: switch.Switched, *, json: bool) -> None:
    if json:
        session.print_json(switched)
    else:
        texts = [f"{switched.consumer} is {switched.mapping.lower()}."]
        show.lines(session.console, texts + [f"Note: {note}." for note in switched.notes])


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """Take Ctrl-C for the end of what was watched."""
    try:
        yield
    except KeyboardInterrupt:
        return


def _moment(option: str, text: str | None) -> datetime | None:
    """Read a time, or a span before now.

    Raises
    ------
    WrongUseError
        It is neither.
    """
    if text is None:
        return None
    if span := re.fullmatch(r"(\d+)([mhd])", text):
        return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUseError(
            f"{option} {text}: expected a time like 2026-01-31T12:00Z, or a span like 30m, 6h or 3d"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
