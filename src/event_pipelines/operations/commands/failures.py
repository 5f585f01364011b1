"""``pipeline failures``: what fails, grouped by reason: dead-lettered messages, and invocations."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from event_pipelines.operations import dead_letters, invocations, queues
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.dead_letters import DeadLetter
from event_pipelines.operations.discovery import Consumer
from event_pipelines.operations.errors import TROUBLE
from event_pipelines.operations.invocations import FailedInvocation, Invocations
from event_pipelines.operations.options import Json, Limit
from event_pipelines.operations.queues import Queue
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
    """Show the messages in the dead-letter queues, and the invocations that failed, and why."""
    session: Session = context.obj
    chosen = session.pipeline.chosen(consumers or [])
    looks = dead_letters.look_at_all(chosen, session.aws, limit=limit)
    for name, look in looks.items():
        session.tell_unseen(name, look.unseen)
    lettered = group(letter for look in looks.values() for letter in look.letters)
    waiting, failing = look_at_functions(chosen, session.aws)
    found = lettered + failing
    if json:
        session.print_json(found)
    else:
        session.console.print(view(found))
        session.console.lines(
            f"{name}: messages in its queue that are not done yet: {count:,}."
            for name, count in waiting.items()
            if count
        )
        commands = {f"pipeline redrive {failure.consumer}" for failure in lettered}
        session.console.lines(f"After you fix the cause: {one}" for one in sorted(commands))
    if found:
        raise typer.Exit(TROUBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonGroup:
    """The messages that one consumer dead-lettered, or its invocations that failed, for one reason.

    Attributes
    ----------
    consumer, kind
        The consumer, and whether the error was permanent (``permanent``), no attempt was left
        (``exhausted``) or SQS moved the messages (``moved``). For invocations, how they failed
        (`operations.invocations.Kind`) or ``throttled``; for messages of which none is done,
        ``in flight``.
    reason
        The reason, without the parts that differ between messages.
    count
        The number of messages or invocations.
    first, last
        The first and last time at which they were dead-lettered, sent, or failed.
    times
        Which of these: SQS doesn't report when it moved a message.
    example
        The object of the newest message, or the newest invocation.
    example_reason
        Its full reason.
    """

    consumer: str
    kind: str
    reason: str
    count: int
    first: datetime
    last: datetime
    times: Literal["set aside", "sent", "failed"]
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


def look_at_functions(
    consumers: Sequence[Consumer], aws: Aws
) -> tuple[dict[str, int | None], list[ReasonGroup]]:
    """Return the messages in each consumer's queue, and why its function's invocations fail."""
    now = datetime.now(UTC)

    def look(consumer: Consumer) -> tuple[int | None, list[ReasonGroup]]:
        queue = queues.read(consumer.queue_url, aws) if consumer.queue_url else None
        since = invocations.lately(queue, now)
        seen = invocations.look(consumer, aws, since=since, now=now)
        messages = queue.messages if queue else None
        failing = group_invocations(consumer.name, seen, messages)
        stuck = invocations.stuck_since(consumer, queue, aws, now=now)
        if queue is not None and stuck is not None:
            failing.append(_stuck(consumer.name, queue, stuck, now))
        return messages, failing

    with ThreadPoolExecutor() as pool:
        found = list(pool.map(look, consumers))
    waiting = {consumer.name: some for consumer, (some, _) in zip(consumers, found, strict=True)}
    return waiting, [failure for _, failures in found for failure in failures]


def _stuck(consumer: str, queue: Queue, since: datetime, now: datetime) -> ReasonGroup:
    return ReasonGroup(
        consumer=consumer,
        kind="in flight",
        reason="messages are received, and none is done",
        count=queue.in_flight,
        first=since,
        last=now,
        times="failed",
        example="",
        example_reason="",
    )


def group_invocations(consumer: str, seen: Invocations, messages: int | None) -> list[ReasonGroup]:
    """Group failed invocations by their reasons; none if they are over.

    Parameters
    ----------
    messages
        The messages in the consumer's queue; None without a queue.
    """
    if not seen.troubles(messages):
        return []
    members: dict[tuple[str, str], list[FailedInvocation]] = {}
    for failed in seen.failed:
        members.setdefault((failed.kind, dead_letters.general(failed.error)), []).append(failed)
    found = [
        ReasonGroup(
            consumer=consumer,
            kind=kind,
            reason=reason,
            count=len(some),
            first=some[0].at,
            last=some[-1].at,
            times="failed",
            example=f"invocation {some[-1].request_id}",
            example_reason=str(some[-1]),
        )
        for (kind, reason), some in members.items()
    ]
    counted = [] if seen.failed else [("failed", seen.errors, seen.cause)]
    counted.append(("throttled", seen.throttled, "the concurrency limit is reached"))
    found += [
        ReasonGroup(
            consumer=consumer,
            kind=kind,
            reason=reason,
            count=round(sum(point.value for point in points)),
            first=points[0].at,
            last=points[-1].at,
            times="failed",
            example="",
            example_reason="",
        )
        for kind, points, reason in counted
        if points
    ]
    return sorted(found, key=lambda failure: (-failure.count, failure.reason))


def view(found: Sequence[ReasonGroup]) -> RenderableType:
    """Show the groups as a table."""
    if not found:
        return Text("The dead-letter queues are empty, and no function is known to fail.")
    found = visible_all(found)
    table = Table(title="Failures", title_justify="left", show_lines=True)
    table.add_column("count", justify="right")
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
            + ("\n(when sent; SQS moved it later)" if failure.times == "sent" else ""),
        )
    return table
