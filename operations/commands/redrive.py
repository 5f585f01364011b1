"""``pipeline redrive``: send dead letters back, all of a queue or what has a given reason.

SQS has a task that moves messages from queue to queue, and it isn't used: the attributes of the
reason would stay, and it is for messages that SQS moved itself, not for those that the runtime, SNS
or Lambda sent to the dead-letter queue.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import batched
from typing import Annotated

import typer

from operations import dead_letters
from operations.aws import Aws
from operations.dead_letters import DeadLetter
from operations.delivery import send_back
from operations.discovery import Consumer
from operations.errors import TROUBLE
from operations.options import ConsumerName, DryRun, Json, Limit, Yes
from operations.session import Session

# As many batches at once; of a FIFO queue one, as messages keep their order.
_LANES = 8
_BATCH = 10
# SQS tells the time in whole seconds.
_TICK = timedelta(seconds=1)


def command(
    context: typer.Context,
    consumer: ConsumerName,
    *,
    reason: Annotated[
        str | None,
        typer.Option(help="Only messages with this error type, or this in their reason."),
    ] = None,
    limit: Limit = 10_000,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Send dead-lettered messages back."""
    session: Session = context.obj
    (chosen,) = session.pipeline.chosen([consumer])
    if reason is None:
        count = dead_letters.number(chosen, session.aws)
    else:
        look = dead_letters.look(chosen, session.aws, limit=limit)
        count = sum(matches(letter, reason) for letter in look.letters)
        if dry_run or not count:
            session.tell_unseen(consumer, look.unseen)
    done = Progress()
    if count and not dry_run:
        session.confirm(f"Send back to {consumer}: {count:,} messages?", yes=yes)
        looked = None if reason is None else limit
        with session.progress() as progress:
            task = progress.add_task(f"redrive {consumer}", total=count)
            for done in move(chosen, session.aws, reason=reason or "", limit=looked):
                progress.update(task, completed=done.moved, total=max(count, done.moved))
        unseen = dead_letters.out_of_sight(chosen, session.aws, looked=done.left)
        session.tell_unseen(consumer, unseen)
    texts = [f"Messages that were sent back to {consumer}: {done.moved:,}."]
    if dry_run:
        texts = [f"Messages that would be sent back to {consumer}: {count:,}."]
    if done.refused:
        texts.append(
            f"Messages that were not taken and stay where they are: {done.refused:,}. {done.why}"
        )
    counts = {"consumer": consumer, "matching": count, "sent": done.moved, "refused": done.refused}
    session.tell(counts, texts, json=json)
    if count and not dry_run and (done.refused or not done.moved):
        raise typer.Exit(TROUBLE)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes
    ----------
    moved
        Messages that are sent back.
    left
        Messages that were looked at and stay: without the reason, dead-lettered since it began, or
        refused.
    refused
        Of these, the ones that SQS or Lambda did not take.
    why
        Why it did not take the last of them.
    """

    moved: int = 0
    left: int = 0
    refused: int = 0
    why: str = ""


def matches(letter: DeadLetter, reason: str) -> bool:
    """Whether a message has a reason: its type, or a part of it, in any case of letters."""
    wanted = reason.casefold()
    return wanted in letter.reason.casefold() or wanted in letter.general_reason.casefold()


def move(
    consumer: Consumer,
    aws: Aws,
    *,
    reason: str = "",
    limit: int | None = None,
    lanes: int = _LANES,
) -> Generator[Progress]:
    """Send messages back; each is deleted once it is sent.

    Whoever stops this in between finds no message lost, and the batches at work at most in both
    queues. What is dead-lettered anew meanwhile stays, or a message that fails at once would be
    sent back for ever.

    Parameters
    ----------
    reason
        Only messages that have it; empty for all.
    limit
        How many are looked at, about; None for all.
    lanes
        How many batches are sent at once.
    """
    began = dead_letters.now(consumer, aws) + _TICK
    lanes = 1 if consumer.is_fifo else lanes
    # Receipt handles by the messages' ids.
    held: dict[str, str] = {}
    refused: dict[str, str] = {}
    moved = 0
    try:
        yield Progress()
        with ThreadPoolExecutor(lanes) as pool:
            while limit is None or moved + len(held) < limit:
                lots = (
                    lanes
                    if limit is None
                    else min(lanes, -(-(limit - moved - len(held)) // _BATCH))
                )
                fresh = _receive(pool, consumer, aws, held, lots=lots)
                chosen = [
                    letter
                    for letter in fresh
                    if letter.sent_at <= began and matches(letter, reason)
                ]
                for sent, not_taken in pool.map(
                    partial(_move, consumer, aws), batched(chosen, _BATCH, strict=False)
                ):
                    moved += len(sent)
                    refused |= not_taken
                    for letter in sent:
                        del held[letter.message_id]
                yield Progress(moved, len(held), len(refused), next(reversed(refused.values()), ""))
                if not fresh:
                    break
    finally:
        dead_letters.release(consumer, held.values(), aws)


def _receive(
    pool: ThreadPoolExecutor, consumer: Consumer, aws: Aws, held: dict[str, str], *, lots: int
) -> list[DeadLetter]:
    """Receive lots of ten messages at once, and give those that are not held yet.

    All are held then, by their newest receipt handles, also where one of the requests fails.
    """
    futures = [pool.submit(dead_letters.receive, consumer, aws) for _ in range(lots)]
    received = [
        letter for future in futures if future.exception() is None for letter in future.result()
    ]
    fresh = {letter.message_id: letter for letter in received if letter.message_id not in held}
    held |= {letter.message_id: letter.receipt_handle for letter in received}
    for future in futures:
        future.result()
    return list(fresh.values())


def _move(
    consumer: Consumer, aws: Aws, letters: Sequence[DeadLetter]
) -> tuple[list[DeadLetter], Mapping[str, str]]:
    """Send messages back and delete them; gives those, and why the others were not taken."""
    refused = send_back(consumer, letters, aws)
    sent = [letter for letter in letters if letter.message_id not in refused]
    dead_letters.delete(consumer, sent, aws)
    return sent, refused
