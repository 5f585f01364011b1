"""The state of a consumer's circuit breaker, stored as an item of the processing ledger's table.

Every change is one conditional write against the revision that was read. If two writers act at the
same time (the breaker on its schedule, the breaker after an alarm, an operator), one succeeds and
the other reads the record again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

# The sort key of the item; those of objects begin with s3://.
OBJECT = "#circuit-breaker"


class CircuitState(StrEnum):
    """The state of a circuit."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class RevisionError(Exception):
    """The record has changed since it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The circuit of one consumer.

    Attributes
    ----------
    state
        `CLOSED`: messages are processed. `OPEN`: they wait. `HALF_OPEN`: a few are tried.
    paused
        Whether an operator has stopped the consumer; the breaker then does nothing.
    settled
        Whether the event source mapping has been switched according to the state.
    reason
        Why it is in this state.
    changed_at
        Time of the last change of state, in milliseconds since 1970.
    retry_at
        Time of the next trial of an open circuit, or at which a trial counts as lost; likewise.
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
    """The storage of one consumer's record."""

    def read(self) -> Record:
        """Return the record, or that of a closed circuit if there is none."""
        ...

    def write(self, record: Record) -> Record:
        """Store a changed record; raises `RevisionError` if another write came first.

        Returns the record with its new revision.
        """
        ...


class DynamoDBRecords:
    """The record of one consumer in a table of `modules/processing-ledger`.

    Parameters
    ----------
    table
        The table's name.
    consumer
        The pipeline and the consumer: ``orders/transform``.
    client
        The DynamoDB client.
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
    """Return the time in the unit of the records."""
    return int(clock() * 1000)
