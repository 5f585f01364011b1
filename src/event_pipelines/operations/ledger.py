"""What the processing ledger says: of one object, of many, and how many are in which state."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from typing import Any

from event_pipelines.operations.aws import Aws
from event_pipelines.operations.discovery import Consumer
from event_pipelines.operations.errors import OperationError
from event_pipelines.operations.terminal import utc
from object_consumer.dynamodb_ledger import read_item
from object_consumer.ledger import LedgerItem, ObjectState, sort_key

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
_BATCH = 100
_TRIES = 8
# Of 1 MB each: a few thousand items, and a moment. Counting millions is for those who ask for it.
PAGES = 10
# Of the objects that take several invocations, how many are told.
_CONTINUED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """What the ledger holds of an object, as operators see it.

    Attributes
    ----------
    state
        How far it has come.
    version
        The version that was claimed last.
    attempts
        The receives of its message so far.
    event_at, started_at, finished_at, lease_until
        When it happened in S3, was claimed, ended, and when the claim runs out.
    request_id
        The invocation that claimed it.
    error_type, error_message
        Why it failed.
    result
        What the function returned.
    continuations, progress, continued_at
        In how many invocations a part of it was done, how far it is, and when the last part was
        done; None if it takes a single invocation.
    """

    state: ObjectState
    version: str = ""
    attempts: int = 0
    event_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    lease_until: datetime | None = None
    request_id: str = ""
    error_kind: str = ""
    error_type: str = ""
    error_message: str = ""
    result: Mapping[str, str] = field(default_factory=dict)
    continuations: int = 0
    progress: str = ""
    continued_at: datetime | None = None

    @property
    def how_far(self) -> str:
        """How far an object is that takes several invocations; empty for any other."""
        if not self.continuations:
            return ""
        times = "once" if self.continuations == 1 else f"{self.continuations:,} times"
        told = f"continued {times}"
        if self.progress:
            told += f", {self.progress}"
        return f"{told}; last at {utc(self.continued_at)}" if self.continued_at else told

    @property
    def is_suspended(self) -> bool:
        """Whether a part of it is done, and the next invocation has not claimed it yet."""
        return (
            self.state is ObjectState.PROCESSING
            and self.continued_at is not None
            and self.lease_until is None
        )

    def is_held(self, now: datetime) -> bool:
        """Whether a function is at work on it: it has claimed it, and the claim is valid."""
        return (
            self.state is ObjectState.PROCESSING
            and self.lease_until is not None
            and self.lease_until >= now
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """Objects by state.

    Attributes
    ----------
    by_state
        Their numbers.
    unfinished
        Those that failed, or whose claim ran out before they were finished.
    is_complete
        Whether all were counted; else there are at least so many.
    continued
        How far those are that take several invocations, by their addresses: the first few.
    """

    by_state: Mapping[str, int]
    unfinished: int
    is_complete: bool
    continued: Mapping[str, str] = field(default_factory=dict)


def entries(consumer: Consumer, uris: Sequence[str], aws: Aws) -> dict[str, LedgerEntry]:
    """Read what the ledger holds of objects, in their newest state; those it knows nothing of lack.

    Raises
    ------
    OperationError
        DynamoDB throttled again and again.
    """
    table = consumer.ledger_table
    if table is None:
        return {}
    found = {}
    for batch in batched(uris, _BATCH, strict=False):
        addresses = {sort_key(uri): uri for uri in batch}
        keys = [{"consumer": {"S": consumer.ledger_key}, "object": {"S": key}} for key in addresses]
        wanted: Any = {table: {"Keys": keys, "ConsistentRead": True}}
        for _ in range(_TRIES):
            answer = aws.dynamodb.batch_get_item(RequestItems=wanted)
            for attributes in answer["Responses"].get(table, []):
                item = read_item(attributes)
                if item.state is not None:
                    found[addresses[attributes["object"]["S"]]] = _entry(item, item.state)
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                break
        else:
            raise OperationError(f"the ledger {table} throttles reads: try again, or more slowly")
    return found


def count(consumer: Consumer, aws: Aws, *, pages: int | None = PAGES) -> Counts | None:
    """Count a consumer's objects by state; None without a ledger.

    Parameters
    ----------
    pages
        How many pages of 1 MB are read at most; None for all.
    """
    if consumer.ledger_table is None:
        return None
    counts: Counter[str] = Counter(dict.fromkeys(ObjectState, 0))
    continued: dict[str, str] = {}
    unfinished, now = 0, datetime.now(UTC)
    answers = aws.dynamodb.get_paginator("query").paginate(
        TableName=consumer.ledger_table,
        # Objects are s3:// addresses; the circuit breaker's item is not.
        KeyConditionExpression="consumer = :consumer AND begins_with(#object, :objects)",
        ProjectionExpression=(
            "#object, address, #state, lease_until, continuations, progress, continued_at"
        ),
        ExpressionAttributeNames={"#object": "object", "#state": "state"},
        ExpressionAttributeValues={
            ":consumer": {"S": consumer.ledger_key},
            ":objects": {"S": "s3://"},
        },
    )
    for page, answer in enumerate(answers, start=1):
        for attributes in answer["Items"]:
            item = read_item(attributes)
            if item.state is None:
                continue
            counts[item.state] += 1
            entry = _entry(item, item.state)
            unfinished += item.state is not ObjectState.SUCCEEDED and not entry.is_held(now)
            if entry.how_far and len(continued) < _CONTINUED:
                uri = attributes.get("address", attributes["object"])["S"]
                continued[uri] = entry.how_far
        if page == pages and "LastEvaluatedKey" in answer:
            return Counts(counts, unfinished, is_complete=False, continued=continued)
    return Counts(counts, unfinished, is_complete=True, continued=continued)


def _entry(item: LedgerItem, state: ObjectState) -> LedgerEntry:
    return LedgerEntry(
        state=state,
        version=item.version,
        attempts=item.attempts,
        event_at=_moment(item.event_at),
        started_at=_moment(item.started_at),
        finished_at=_moment(item.finished_at),
        lease_until=_moment(item.lease_until),
        request_id=item.request_id,
        error_kind=item.error_kind,
        error_type=item.error_type,
        error_message=item.error_message,
        result=item.result,
        continuations=item.continuations,
        progress=item.progress,
        continued_at=_moment(item.continued_at),
    )


def _moment(milliseconds: int | None) -> datetime | None:
    # The lease of a suspended claim ended before 1970.
    if milliseconds is None or milliseconds <= 0:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def filtered(uris: Iterable[str], consumer: Consumer, states: set[str], aws: Aws) -> Iterator[str]:
    """Yield the objects that are in one of these states; MISSING ones are on no record."""
    for batch in batched(uris, _BATCH, strict=False):
        known = entries(consumer, batch, aws)
        for uri in batch:
            state = str(known[uri].state) if uri in known else "MISSING"
            if state in states:
                yield uri
