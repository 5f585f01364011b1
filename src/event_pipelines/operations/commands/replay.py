"""``pipeline replay``: process objects of the bucket again, with one message for each object.

The messages have S3's form without the sequencer, which only S3 knows. For the ledger, an event
without a sequencer is neither a duplicate nor stale, so it is processed. A version that has been
overwritten is not processed, because the message contains the object's ETag.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote_plus

import typer

from event_pipelines.operations import ledger
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.bookmark import Bookmark
from event_pipelines.operations.delivery import deliver
from event_pipelines.operations.discovery import Consumer
from event_pipelines.operations.errors import WrongUseError
from event_pipelines.operations.options import DryRun, Json, Yes, moment
from event_pipelines.operations.session import Session
from object_consumer.events import ObjectEvent

MISSING = "MISSING"
STATES = ("FAILED", MISSING, "PROCESSING", "SUCCEEDED")
# The size of a page of a listing, and of a request to the ledger.
_PAGE = 1000
_CHUNK = 100


def command(
    context: typer.Context,
    *,
    prefix: Annotated[str, typer.Option(help="The prefix of the keys; '' means all objects.")],
    consumer: Annotated[
        list[str] | None, typer.Option("--consumer", "-c", help="Default: all consumers.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only objects uploaded since: 2026-01-31T12:00Z, or 3d, 6h.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only objects uploaded before.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Only objects with this state in the consumer's ledger, or without one (MISSING): "
            + ", ".join(STATES)
        ),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Maximum messages per second.")] = 50.0,
    resume_file: Annotated[
        Path | None,
        typer.Option("--resume", help="File for the progress; the same command continues there."),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Process files of the bucket again."""
    session: Session = context.obj
    states = tuple(name.upper() for name in state or [])
    if unknown := set(states) - set(STATES):
        raise WrongUseError(f"--state {', '.join(sorted(unknown))}: must be {', '.join(STATES)}")
    consumers = session.pipeline.chosen(consumer or [])
    selection = Selection(
        bucket=session.pipeline.bucket,
        prefix=prefix,
        consumers=tuple(some.name for some in consumers),
        since=moment("--since", since),
        until=moment("--until", until),
        states=states,
    )
    check(selection, consumers)
    bookmark = Bookmark(resume_file, selection) if resume_file else None
    after, sent_before = bookmark.read() if bookmark else ("", 0)
    with session.waiting("Looking through the bucket"):
        counts = dict.fromkeys(selection.consumers, 0)
        for chunk in chunks(selection, consumers, session.aws, after=after):
            for name, messages in chunk.messages.items():
                counts[name] += len(messages)
    total, sent = sum(counts.values()), 0
    what = ", ".join(f"{count:,} to {name}" for name, count in counts.items())
    if total and not dry_run:
        session.confirm(f"Send {what}?", yes=yes)
        pace = Pace(rate)
        sent = _send(session, _Replay(selection, consumers, pace, bookmark), total=total)
    if bookmark and not dry_run:
        bookmark.remove()
    verb = "would be" if dry_run else "were"
    session.tell(
        {"matching": counts, "sent": sent, "sent_before": sent_before},
        [f"Messages that {verb} sent: {what}."],
        json=json,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The objects of the bucket, and the consumers.

    Attributes
    ----------
    bucket, prefix
        The bucket, and the prefix of the keys.
    consumers
        The names of the consumers.
    since, until
        When the object was uploaded, from `since` (inclusive) to `until`; None for no limit.
    states
        Its state in the consumer's ledger (`STATES`); empty for any.
    """

    bucket: str
    prefix: str
    consumers: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None
    states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some objects in the order of their keys, and their messages.

    Attributes
    ----------
    last_key
        The key of the last object.
    messages
        The message bodies, by the name of the consumer.
    """

    last_key: str
    messages: Mapping[str, Sequence[str]]

    @property
    def size(self) -> int:
        """The number of messages."""
        return sum(map(len, self.messages.values()))


def check(selection: Selection, consumers: Sequence[Consumer]) -> None:
    """Check that the selection is valid for the consumers.

    Raises
    ------
    WrongUseError
        A consumer has no ledger, or its filter has no creation events.
    """
    for consumer in consumers:
        if selection.states and consumer.ledger_table is None:
            raise WrongUseError(
                f"{consumer.name} has no ledger, so --state is unknown: set ledger = {{}} in the "
                "root module, or omit --state"
            )
        if consumer.creation is None:
            raise WrongUseError(
                f"the filter of {consumer.name} is {', '.join(consumer.wanted.events)}, which "
                "no existing object matches. Select other consumers with --consumer"
            )


def chunks(
    selection: Selection, consumers: Sequence[Consumer], aws: Aws, *, after: str = ""
) -> Iterator[Chunk]:
    """List the bucket in the order of keys.

    Parameters
    ----------
    after
        The key to start after.
    """
    listing = aws.s3.get_paginator("list_objects_v2").paginate(
        Bucket=selection.bucket,
        Prefix=selection.prefix,
        PaginationConfig={"PageSize": _PAGE},
        StartAfter=after,
    )
    for page in listing:
        for objects in batched(page.get("Contents", []), _CHUNK, strict=False):
            chosen = [stored for stored in objects if _in_time(stored["LastModified"], selection)]
            messages = {
                consumer.name: _messages(consumer, chosen, selection, aws) for consumer in consumers
            }
            yield Chunk(objects[-1]["Key"], messages)


@dataclass
class Pace:
    """Limits the messages per second.

    Attributes
    ----------
    rate
        Messages per second.
    """

    rate: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _due: float = field(default=0.0, init=False)

    def wait(self, messages: int) -> None:
        """Wait until the number of messages may be sent."""
        now = self.clock()
        self._due = max(self._due, now)
        if self._due > now:
            self.sleep(self._due - now)
        self._due += messages / self.rate


def send(chunk: Chunk, consumers: Sequence[Consumer], aws: Aws, pace: Pace) -> int:
    """Send a chunk's messages, ten at a time; return their number."""
    for consumer in consumers:
        for batch in batched(chunk.messages[consumer.name], 10, strict=False):
            pace.wait(len(batch))
            deliver(consumer, batch, aws)
    return chunk.size


@dataclass(frozen=True, slots=True)
class _Replay:
    """A replay and its progress."""

    selection: Selection
    consumers: list[Consumer]
    pace: Pace
    bookmark: Bookmark | None


def _send(session: Session, work: _Replay, *, total: int) -> int:
    bookmark = work.bookmark
    last, sent_before = bookmark.read() if bookmark else ("", 0)
    sent = 0
    try:
        with session.progress() as progress:
            task = progress.add_task("replay", total=total)
            for chunk in chunks(work.selection, work.consumers, session.aws, after=last):
                sent += send(chunk, work.consumers, session.aws, work.pace)
                last = chunk.last_key
                if bookmark:
                    bookmark.write(last, sent_before + sent)
                progress.update(task, completed=sent, total=max(total, sent))
    except BaseException:
        how = (
            f"the same command continues there ({bookmark.file})"
            if bookmark
            else "with --resume FILE, it could continue there"
        )
        told = f"Stopped after {sent:,} of {total:,} messages, after the key {last!r}: {how}."
        session.errors.lines([told])
        raise
    return sent


def message(stored: Mapping[str, Any], event_name: str, bucket: str, region: str) -> str:
    """Build S3's message for an object of a listing.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    moment = stored["LastModified"].astimezone(UTC)
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": event_name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": bucket},
            "object": {
                "key": quote_plus(stored["Key"], safe="/"),
                "size": stored["Size"],
                "eTag": stored["ETag"].strip('"'),
            },
        },
    }
    return json.dumps({"Records": [record]})


def _messages(
    consumer: Consumer, objects: Sequence[Mapping[str, Any]], selection: Selection, aws: Aws
) -> list[str]:
    name = str(consumer.creation)
    wanted = {
        f"s3://{selection.bucket}/{stored['Key']}": stored
        for stored in objects
        if consumer.wanted.wants(_event(stored, name, selection.bucket))
    }
    uris = list(wanted)
    if selection.states:
        uris = list(ledger.filtered(uris, consumer, set(selection.states), aws))
    return [message(wanted[uri], name, selection.bucket, aws.region) for uri in uris]


def _event(stored: Mapping[str, Any], name: str, bucket: str) -> ObjectEvent:
    return ObjectEvent(
        bucket=bucket,
        key=stored["Key"],
        event_name=name,
        event_time=stored["LastModified"],
        size=stored["Size"],
    )


def _in_time(moment: datetime, selection: Selection) -> bool:
    return (selection.since is None or moment >= selection.since) and (
        selection.until is None or moment < selection.until
    )
