"""``pipeline failures``: the messages in the dead-letter queues, grouped by reason."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from event_pipelines.operations import dead_letters
from event_pipelines.operations.dead_letters import DeadLetter
from event_pipelines.operations.errors import TROUBLE
from event_pipelines.operations.options import Json, Limit
from event_pipelines.operations.session import Session
from event_pipelines.operations.terminal import utc, visible_all


def command(
    context: typer.Context,
    consumers: Annotated[
        list[str] | None, typer.Argument(metavar="[CONSUMER]...", help="Default: all consumers.")
    ] = None,
    *,
    limit: Limit = 1000,
    json: Json = False,
) -> None:
    """Show the messages in the dead-letter queues, and why."""
    session: Session = context.obj
    chosen = session.pipeline.chosen(consumers or [])
    looks = dead_letters.look_at_all(chosen, session.aws, limit=limit)
    for name, look in looks.items():
        session.tell_unseen(name, look.unseen)
    found = group(letter for look in looks.values() for letter in look.letters)
    if json:
        session.print_json(found)
    else:
        session.console.print(view(found))
        commands = {f"pipeline redrive {failure.consumer}" for failure in found}
        session.console.lines(f"After you fix the cause: {one}" for one in sorted(commands))
    if found:
        raise typer.Exit(TROUBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonGroup:
    """The messages that one consumer dead-lettered for one reason.

    Attributes
    ----------
    consumer, kind
        The consumer, and whether the error was permanent (``permanent``), no attempt was left
        (``exhausted``) or SQS moved the messages (``moved``).
    reason
        The reason, without the parts that differ between messages.
    count
        The number of messages.
    first, last
        The first and last time at which they were dead-lettered, or sent.
    times
        Which of the two: SQS doesn't report when it moved a message.
    example
        The object of the newest message.
    example_reason
        Its full reason.
    """

    consumer: str
    kind: str
    reason: str
    count: int
    first: datetime
    last: datetime
    times: Literal["set aside", "sent"]
    example: str
    example_reason: str


def group(letters: Iterable[DeadLetter]) -> list[ReasonGroup]:
    """Group messages by consumer and reason, the most frequent first."""
    groups: dict[tuple[str, str, str], list[DeadLetter]] = {}
    for letter in letters:
        groups.setdefault((letter.consumer, letter.kind, letter.general_reason), []).append(letter)
    failures = []
    for (consumer, kind, reason), members in groups.items():
        newest = max(members, key=lambda letter: letter.sent_at)
        failures.append(
            ReasonGroup(
                consumer=consumer,
                kind=kind,
                reason=reason,
                count=len(members),
                first=min(letter.sent_at for letter in members),
                last=newest.sent_at,
                times="sent"
                if any(one.dead_lettered_at is None for one in members)
                else "set aside",
                example=newest.events[0].uri if newest.events else f"message {newest.message_id}",
                example_reason=newest.reason,
            )
        )
    return sorted(failures, key=lambda failure: (-failure.count, failure.consumer, failure.reason))


def view(found: Sequence[ReasonGroup]) -> RenderableType:
    """Show the groups as a table."""
    if not found:
        return Text("The dead-letter queues are empty.")
    found = visible_all(found)
    table = Table(title="Dead-lettered", title_justify="left", show_lines=True)
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
            f"{utc(failure.first)}\n{utc(failure.last)}"
            + ("" if failure.times == "set aside" else "\n(when sent; SQS moved it later)"),
        )
    return table
