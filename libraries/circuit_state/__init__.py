"""What a circuit breaker remembers of a consumer: an item of the processing ledger's table.

Every change is one conditional write against the revision that was read, so of two that act at
once (the breaker on its schedule, the breaker told of an alarm, an operator) one wins, and the
other looks again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

# The range key of the item; objects have s3:// there.
OBJECT = "#circuit-breaker"


class CircuitState(StrEnum):
    """Where the circuit is."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class RevisionError(Exception):
    """Somebody else has changed the record since it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The circuit of one consumer.

    Attributes
    ----------
    state
        `CLOSED`: messages flow. `OPEN`: they wait. `HALF_OPEN`: a few are tried.
    paused
        Whether an operator has stopped the consumer: the breaker keeps its hands off.
    settled
        Whether the event source mapping has been brought in line with the state.
    reason
        Why it is in this state.
    changed_at
        Since when, in milliseconds since 1970.
    retry_at
        When an open circuit is tried next, or a trial counts as lost; likewise.
    revision
        The number of changes so far.
    """

    state: CircuitState = CircuitState.CLOSED
    paused: bool = False
    settled: bool = True
    reason: str = ""
    changed_at: int = 0
    retry_at: int = 0
    revision: int = 0


class Records(Protocol):
    """Where the record of one consumer is kept."""

    def read(self) -> Record:
        """Give the record; that of a closed circuit where there is none."""
        ...

    def write(self, record: Record) -> Record:
        """Keep a record that was read and changed; raises `RevisionError` if it isn't the newest.

        Returns the record with its new revision.
        """
        ...


class DynamoDBRecords:
    """The record of one consumer in a table as `modules/processing-ledger` makes it.

    Parameters
    ----------
    table
        The table's name.
    consumer
        The pipeline and the consumer: ``orders/transform``.
    client
        DynamoDB.
    """

    def __init__(self, table: str, consumer: str, client: DynamoDBClient) -> None:
        self._table = table
        self._key: Any = {"consumer": {"S": consumer}, "object": {"S": OBJECT}}
        self._client = client

    def read(self) -> Record:
        """Read the record; see `Records`."""
        found = self._client.get_item(TableName=self._table, Key=self._key, ConsistentRead=True)
        item = found.get("Item")
        if item is None:
            return Record()
        return Record(
            state=CircuitState(item["state"]["S"]),
            paused=item["paused"]["BOOL"],
            settled=item["settled"]["BOOL"],
            reason=item["reason"]["S"],
            changed_at=int(item["changed_at"]["N"]),
            retry_at=int(item["retry_at"]["N"]),
            revision=int(item["revision"]["N"]),
        )

    def write(self, record: Record) -> Record:
        """Write the record; see `Records`."""
        changed = replace(record, revision=record.revision + 1)
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    **self._key,
                    "state": {"S": changed.state},
                    "paused": {"BOOL": changed.paused},
                    "settled": {"BOOL": changed.settled},
                    "reason": {"S": changed.reason},
                    "changed_at": {"N": str(changed.changed_at)},
                    "retry_at": {"N": str(changed.retry_at)},
                    "revision": {"N": str(changed.revision)},
                },
                ConditionExpression="attribute_not_exists(revision) OR revision = :seen",
                ExpressionAttributeValues={":seen": {"N": str(record.revision)}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise RevisionError(f"revision {record.revision} is not the newest") from None
        return changed


def milliseconds(clock: Callable[[], float] = time.time) -> int:
    """Give the time as records have it."""
    return int(clock() * 1000)
