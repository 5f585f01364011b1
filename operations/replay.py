"""Processing again what lies in the bucket: a message to the consumer for each object.

The messages are as S3 writes them, but for the sequencer: only S3 knows that. To the ledger an
event without one is neither a duplicate nor stale, so it is processed; a version that has been
overwritten meanwhile is not, because the message names the object's entity tag.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from object_consumer.events import ObjectEvent
from operations import ledger
from operations.aws import Aws
from operations.delivery import deliver
from operations.discovery import Consumer
from operations.errors import WrongUseError

MISSING = "MISSING"
STATES = ("FAILED", MISSING, "PROCESSING", "SUCCEEDED")
# As many as one page of a listing, and as the ledger is asked for at once.
_PAGE = 1000
_CHUNK = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects of the bucket, for which consumers.

    Attributes
    ----------
    bucket, prefix
        Where to look.
    consumers
        Their names.
    since, until
        When the object was written, the first moment included and the last not; None for any.
    states
        What the consumer's ledger has to say of it (`STATES`); empty for anything.
    """

    bucket: str
    prefix: str
    consumers: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None
    states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some objects in the order of their keys, and the messages they mean.

    Attributes
    ----------
    last_key
        The key of the last object that was looked at.
    messages
        The bodies to send, by the name of the consumer.
    """

    last_key: str
    messages: Mapping[str, Sequence[str]]

    @property
    def size(self) -> int:
        """How many messages there are."""
        return sum(map(len, self.messages.values()))


def check(selection: Selection, consumers: Sequence[Consumer]) -> None:
    """Check that the objects can be told as asked.

    Raises
    ------
    WrongUseError
        A consumer has no ledger to be asked, or wants no events of creation.
    """
    for consumer in consumers:
        if selection.states and consumer.ledger_table is None:
            raise WrongUseError(
                f"{consumer.name} has no ledger, so --state can't be told: set ledger = {{}} on "
                "the root module, or leave --state away"
            )
        if consumer.creation is None:
            raise WrongUseError(
                f"{consumer.name} wants only {', '.join(consumer.wanted.events)}: what is in the "
                "bucket is no such event. Leave it out with --consumer"
            )


def chunks(
    selection: Selection, consumers: Sequence[Consumer], aws: Aws, *, after: str = ""
) -> Iterator[Chunk]:
    """Look through the bucket, in the order of keys.

    Parameters
    ----------
    after
        The key to begin behind.
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
    """Keeps sending to a number of messages a second.

    Attributes
    ----------
    rate
        Messages a second.
    """

    rate: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _due: float = field(default=0.0, init=False)

    def wait(self, messages: int) -> None:
        """Wait until so many messages may be sent."""
        now = self.clock()
        self._due = max(self._due, now)
        if self._due > now:
            self.sleep(self._due - now)
        self._due += messages / self.rate


def send(chunk: Chunk, consumers: Sequence[Consumer], aws: Aws, pace: Pace) -> int:
    """Send a chunk's messages, ten at a time; returns how many."""
    for consumer in consumers:
        for batch in batched(chunk.messages[consumer.name], 10, strict=False):
            pace.wait(len(batch))
            deliver(consumer, batch, aws)
    return chunk.size


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A file that says how far a replay has come, so that it can go on after a break.

    Attributes
    ----------
    file
        The file; it exists as long as the replay isn't finished.
    selection
        What is replayed.
    """

    file: Path
    selection: Selection

    def read(self) -> tuple[str, int]:
        """Give the key to go on behind and the messages sent so far; nothing for a new replay.

        Raises
        ------
        WrongUseError
            The file is of another replay, or no such file.
        """
        if not self.file.is_file():
            return "", 0
        try:
            kept = json.loads(self.file.read_text(encoding="utf-8"))
            selection, after, sent = kept["selection"], str(kept["after"]), int(kept["sent"])
        except (ValueError, TypeError, KeyError):
            raise WrongUseError(f"--resume {self.file}: that is no file of a replay") from None
        if selection != self._plain():
            raise WrongUseError(
                f"--resume {self.file}: that replay was another one, of {json.dumps(selection)}. "
                "Give the same options, or another file"
            )
        return after, sent

    def write(self, after: str, sent: int) -> None:
        """Keep how far it is; the file is replaced whole, so that it can be read at any moment."""
        document = {"selection": self._plain(), "after": after, "sent": sent}
        fresh = self.file.with_name(self.file.name + ".new")
        fresh.write_text(json.dumps(document), encoding="utf-8")
        fresh.replace(self.file)

    def remove(self) -> None:
        """Forget it: the replay is finished."""
        self.file.unlink(missing_ok=True)

    def _plain(self) -> Any:
        return json.loads(json.dumps(asdict(self.selection), default=str))


def message(stored: Mapping[str, Any], event_name: str, bucket: str, region: str) -> str:
    """Write S3's message about an object of a listing.

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
