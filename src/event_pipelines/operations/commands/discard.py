"""``pipeline discard``: delete messages of a dead-letter queue that a redrive would not help.

What is deleted is written to a file before. Only messages that were shown are deleted, by their
IDs; the others become visible again.
"""

import base64
import json as json_format
import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from event_pipelines.operations import dead_letters, evidence
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.commands import failures
from event_pipelines.operations.dead_letters import DeadLetter
from event_pipelines.operations.discovery import Consumer
from event_pipelines.operations.errors import WrongUseError
from event_pipelines.operations.options import ConsumerName, DryRun, Json, Limit, Reason, Yes
from event_pipelines.operations.session import Session
from event_pipelines.operations.story import is_superseded

# Concurrent listings of versions.
_LANES = 8


def command(
    context: typer.Context,
    consumer: ConsumerName,
    *,
    reason: Reason = None,
    superseded: Annotated[
        bool,
        typer.Option(
            "--superseded", help="Only messages about versions that have been overwritten since."
        ),
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            help="The file to which the messages are written before they are deleted; default: "
            "discarded-CONSUMER-TIME.jsonl in the current folder."
        ),
    ] = None,
    limit: Limit = 10_000,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Delete messages of a dead-letter queue, after they are written to a file."""
    session: Session = context.obj
    (chosen,) = session.pipeline.chosen([consumer])
    if reason is None and not superseded:
        raise WrongUseError(
            "select the messages: --reason TEXT, --superseded, or both (then both must be true)"
        )
    look = dead_letters.look(chosen, session.aws, limit=limit)
    session.tell_unseen(consumer, look.unseen)
    letters = [one for one in look.letters if reason is None or dead_letters.matches(one, reason)]
    if superseded:
        with session.waiting("Looking for newer versions"):
            letters = only_superseded(letters, session.pipeline.bucket, session.aws)
    if letters and not json:
        session.console.print(failures.view(failures.group(letters)))
    discarded, file = (
        0,
        save or Path(f"discarded-{consumer}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"),
    )
    if letters and not dry_run:
        session.confirm(
            f"Delete {len(letters):,} messages of {consumer} for good, after they are written to "
            f"{file}?",
            yes=yes,
        )
        ids = {letter.message_id for letter in letters}
        with session.waiting("Deleting"), _opened(file) as output:
            discarded = discard(chosen, ids, output, session.aws)
    texts = [f"Messages that were deleted, and written to {file}: {discarded:,}."]
    if dry_run or not letters:
        texts = [f"Messages that would be deleted: {len(letters):,}."]
    elif discarded < len(letters):
        texts.append(
            f"Messages that are not there any more, or that another client is reading: "
            f"{len(letters) - discarded:,}."
        )
    told = {
        "consumer": consumer,
        "matching": len(letters),
        "discarded": discarded,
        "file": str(file) if discarded else None,
    }
    session.tell(told, texts, json=json)


def only_superseded(letters: Sequence[DeadLetter], bucket: str, aws: Aws) -> list[DeadLetter]:
    """Return the messages of which all events are about versions that have been overwritten.

    Parameters
    ----------
    bucket
        The pipeline's bucket. Of other buckets, nothing is known.
    """
    keys = sorted({event.key for letter in letters for event in letter.events})
    with ThreadPoolExecutor(_LANES) as pool:
        listed = pool.map(lambda key: evidence.versions(bucket, key, aws), keys)
        versions = dict(zip(keys, listed, strict=True))
    return [
        letter
        for letter in letters
        if letter.events
        and all(
            event.bucket == bucket and is_superseded(event, versions[event.key])
            for event in letter.events
        )
    ]


def discard(consumer: Consumer, ids: Collection[str], output: IO[str], aws: Aws) -> int:
    """Write messages to a file and delete them; return their number.

    Each batch is on disk before it is deleted. An interruption leaves the messages that were not
    deleted; the file may then have some of them, too.

    Parameters
    ----------
    ids
        The IDs of the messages. Others become visible again.
    """
    held: dict[str, str] = {}
    deleted: set[str] = set()
    try:
        while len(deleted) < len(ids):
            received = dead_letters.receive(consumer, aws)
            fresh = [one for one in received if one.message_id not in held]
            held |= {letter.message_id: letter.receipt_handle for letter in received}
            chosen = [letter for letter in fresh if letter.message_id in ids]
            for letter in chosen:
                output.write(json_format.dumps(_plain(letter), default=str) + "\n")
            output.flush()
            os.fsync(output.fileno())
            dead_letters.delete(consumer, chosen, aws)
            deleted |= {letter.message_id for letter in chosen}
            for letter in chosen:
                del held[letter.message_id]
            if not fresh:
                break
    finally:
        dead_letters.release(consumer, held.values(), aws)
    return len(deleted)


def _opened(file: Path) -> IO[str]:
    """Open the file to append to it.

    Raises
    ------
    WrongUseError
        It can't be written.
    """
    try:
        return file.open("a", encoding="utf-8")
    except OSError as error:
        raise WrongUseError(f"--save {file}: {error.strerror}; nothing was deleted") from None


def _plain(letter: DeadLetter) -> dict[str, Any]:
    return {
        "consumer": letter.consumer,
        "message_id": letter.message_id,
        "sent_at": letter.sent_at.isoformat(),
        "kind": letter.kind,
        "reason": letter.reason,
        "objects": [event.uri for event in letter.events],
        "group": letter.group,
        "body": letter.body,
        "attributes": {
            name: {
                "DataType": attribute["DataType"],
                **(
                    {"BinaryValue": base64.b64encode(attribute["BinaryValue"]).decode()}
                    if "BinaryValue" in attribute
                    else {"StringValue": attribute.get("StringValue", "")}
                ),
            }
            for name, attribute in letter.message_attributes.items()
        },
    }
