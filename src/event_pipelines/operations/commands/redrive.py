"""``pipeline redrive``: send messages of a dead-letter queue back, all or those with a reason.

SQS's own redrive task isn't used: it would keep the attributes of the reason, and it is for
messages that SQS moved itself, not for those that the runtime, SNS or Lambda sent to the
dead-letter queue.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import batched

import typer

from event_pipelines.operations import dead_letters
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.dead_letters import DeadLetter
from event_pipelines.operations.delivery import send_back
from event_pipelines.operations.discovery import Consumer
from event_pipelines.operations.errors import TROUBLE, OperationError
from event_pipelines.operations.options import ConsumerName, DryRun, Json, Limit, Reason, Yes
from event_pipelines.operations.session import Session

# Concurrent batches; one for a FIFO queue, to keep the order.
_LANES = 8
_BATCH = 10
# SQS's times have a resolution of one second.
_TICK = timedelta(seconds=1)


def command(
    context: typer.Context,
    consumer: ConsumerName,
    *,
    reason: Reason = None,
    limit: Limit = 10_000,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Send messages of a dead-letter queue back to the queue."""
    session: Session = context.obj
    (chosen,) = session.pipeline.chosen([consumer])
    if reason is None:
        count = dead_letters.number(chosen, session.aws)
    else:
        look = dead_letters.look(chosen, session.aws, limit=limit)
        count = sum(dead_letters.matches(letter, reason) for letter in look.letters)
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
            f"Messages that were rejected and stay in the dead-letter queue: {done.refused:,}. "
            f"{done.why}"
        )
    counts = {"consumer": consumer, "matching": count, "sent": done.moved, "refused": done.refused}
    session.tell(counts, texts, json=json)
    if count and not dry_run and (done.refused or not done.moved):
        raise typer.Exit(TROUBLE)


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress.

    Attributes
    ----------
    moved
        Messages sent back.
    left
        Messages that were read and stay: without the reason, newly dead-lettered, or rejected.
    refused
        Of these, the ones that SQS or Lambda rejected.
    why
        The reason for the last rejection.
    """

    moved: int = 0
    left: int = 0
    refused: int = 0
    why: str = ""


def move(
    consumer: Consumer,
    aws: Aws,
    *,
    reason: str = "",
    limit: int | None = None,
    lanes: int = _LANES,
) -> Generator[Progress]:
    """Send messages back; each is deleted after it is sent.

    An interruption loses no message; at most the current batches are in both queues. Messages that
    are dead-lettered in the meantime stay. Otherwise a message that fails at once would be sent
    back forever.

    Parameters
    ----------
    reason
        Only messages with this reason; empty for all.
    limit
        The approximate number of messages to read; None for all.
    lanes
        The number of concurrent batches.
    """
    began = dead_letters.now(consumer, aws) + _TICK
    lanes = 1 if consumer.is_fifo else lanes
    # Receipt handles by message ID.
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
                    if letter.sent_at <= began and dead_letters.matches(letter, reason)
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
    """Receive several batches of ten messages, and return those that are not held yet.

    All of them are held then, by their newest receipt handles, even if one of the requests fails.
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
    """Send messages back and delete them; return these, and why the others were rejected."""
    refused = send_back(consumer, letters, aws)
    sent = [letter for letter in letters if letter.message_id not in refused]
    try:
        dead_letters.delete(consumer, sent, aws)
    except OperationError as error:
        raise OperationError(f"messages were sent back to {consumer.name}, and {error}") from None
    return sent, refused
