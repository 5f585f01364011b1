"""The processing ledger in Amazon DynamoDB: one conditional UpdateItem to claim, one to complete.

The conditions are equivalent to `object_consumer.ledger.check`. If a condition fails, DynamoDB
returns the item, from which the reason is derived without a second request. Only an object that
takes several invocations needs two requests for a claim: the first one fails and returns the item,
and the second one claims it as it was read, with its cursor or without.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from object_consumer import clients
from object_consumer.ledger import (
    LEASE_ENDED,
    BusyError,
    Claim,
    ClaimLostError,
    Failure,
    LedgerError,
    LedgerItem,
    ObjectState,
    Order,
    check,
    identity,
    sort_key,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from object_consumer.events import ObjectEvent

_DAY = 24 * 3600
# Limits for a function's result, which is stored for operators; an item has at most 400 KB.
_MAX_TEXT = 1000
_MAX_RESULTS = 20

_FREE = "(attribute_not_exists(#state) OR #state <> :processing OR lease_until < :now)"
_NOT_BEFORE_A_NEWER = (
    "(attribute_not_exists(claimed_left) OR #state <> :processing"
    " OR NOT (:left < claimed_left AND :right < claimed_right))"
    " AND (attribute_not_exists(unresolved_left)"
    " OR NOT (:left < unresolved_left AND :right < unresolved_right))"
)
_NOT_DONE = (
    "(attribute_not_exists(newest_left) OR NOT ("
    "(newest_left = :left AND newest_version = :version)"
    " OR (:left < newest_left AND :right < newest_right)))"
)
_FIRST_INVOCATION = "attribute_not_exists(continuations)"
# What was read is still so: each cursor has another number, unless it belongs to another event.
_AS_READ = "continuations = :continuations AND cursor_event = :event"
_AS_READ_WITHOUT_CURSOR = "continuations = :continuations AND attribute_not_exists(cursor_event)"
_CLAIM = (
    "SET #state = :processing, #owner = :owner, lease_until = :lease_until, #version = :version,"
    " event_name = :event_name, event_at = :event_at, started_at = :now, attempts = :attempts,"
    " request_id = :request_id, expires_at = :expires_at{address}{order}"
    " REMOVE finished_at, error_kind, error_type, error_message, #result{no_order}{removed}"
)
_CURSOR = "#cursor, cursor_event, progress, continued_at"
_CONTINUED = f"{_CURSOR}, continuations"
_SUSPEND = (
    "SET lease_until = :ended, #cursor = :cursor, cursor_event = :event, progress = :progress,"
    " continuations = :continuations, continued_at = :now, expires_at = :expires_at"
    " REMOVE #owner"
)
# For an object whose sort key doesn't contain its whole URI.
_ADDRESS = ", address = :address"
_ORDER = ", sequencer = :sequencer, claimed_left = :left, claimed_right = :right"
_COMPLETE = (
    "SET #state = :succeeded, finished_at = :now, #result = :result,"
    " expires_at = :expires_at{newest}"
    f" REMOVE #owner, lease_until, unresolved_left, unresolved_right, {_CONTINUED}"
)
_FAIL = (
    "SET #state = :failed, finished_at = :now, error_kind = :kind, error_type = :type,"
    " error_message = :message, expires_at = :expires_at{unresolved}"
    " REMOVE #owner, lease_until{cursor}"
)
_NAMES = {
    "#state": "state",
    "#owner": "owner",
    "#version": "version",
    "#result": "result",
    "#cursor": "cursor",
}


class DynamoDBLedger:
    """A table of `modules/processing-ledger`.

    Parameters
    ----------
    table
        The table's name.
    consumer
        The pipeline and the consumer: ``orders/transform``.
    days
        Days after its last change at which an item expires.
    client
        Creates the client when it is first needed.
    clock
        Seconds since 1970.
    """

    def __init__(
        self,
        table: str,
        consumer: str,
        *,
        days: int,
        client: Callable[[], DynamoDBClient] = clients.dynamodb,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._consumer = consumer
        self._days = days
        self._client = client
        self._clock = clock

    def claim(
        self, event: ObjectEvent, *, seconds: float, attempts: int | None, request_id: str
    ) -> Claim:
        """Claim an event; see `object_consumer.ledger.Ledger`."""
        # As secrets.token_hex, without its imports at init.
        owner = os.urandom(16).hex()
        now, order = self._now(), Order.of(event.sequencer)
        values: dict[str, Any] = {
            ":processing": {"S": ObjectState.PROCESSING},
            ":now": {"N": str(now)},
            ":owner": {"S": owner},
            ":lease_until": {"N": str(now + int(seconds * 1000))},
            ":version": {"S": version_of(event)},
            ":event_name": {"S": event.event_name},
            ":event_at": {"N": str(int(event.event_time.timestamp() * 1000))},
            ":attempts": {"N": str(attempts or 1)},
            ":request_id": {"S": request_id},
            ":expires_at": self._expiry(),
        }
        if order is not None:
            values |= {":left": {"S": order.left}, ":right": {"S": order.right}}
            values[":sequencer"] = {"S": event.sequencer}
        shortened = sort_key(event.uri) != event.uri
        if shortened:
            values[":address"] = {"S": event.uri}
        update = partial(
            _CLAIM.format,
            address=_ADDRESS if shortened else "",
            order="" if order is None else _ORDER,
            no_order=", sequencer, claimed_left, claimed_right" if order is None else "",
        )
        allowed = _FREE if order is None else f"{_FREE} AND {_NOT_BEFORE_A_NEWER} AND {_NOT_DONE}"
        before, taken = self._update(
            event, update(removed=""), f"{allowed} AND {_FIRST_INVOCATION}", values
        )
        if taken:
            return Claim(event, owner, read_item(before).newest_unresolved)
        item = read_item(before)
        check(item, event, now)
        if not item.continuations:
            raise LedgerError(f"the ledger rejected a valid claim of {event.uri}")
        kept = item.claimed_for(event)
        removed = "" if kept.cursor else f", {_CURSOR}" if kept.continuations else f", {_CONTINUED}"
        values[":continuations"] = {"N": str(item.continuations)}
        if item.cursor_event:
            values[":event"] = {"S": item.cursor_event}
        as_read = _AS_READ if item.cursor_event else _AS_READ_WITHOUT_CURSOR
        before, taken = self._update(
            event, update(removed=removed), f"{allowed} AND {as_read}", values
        )
        if not taken:
            check(read_item(before), event, now)
            raise BusyError(f"{event.uri} has just been processed by another delivery")
        return Claim(
            event,
            owner,
            read_item(before).newest_unresolved,
            cursor=kept.cursor,
            progress=kept.progress,
            continuations=kept.continuations,
        )

    def suspend(self, claim: Claim, *, cursor: str, progress: str) -> None:
        """Keep where to go on; see `object_consumer.ledger.Ledger`."""
        values: dict[str, Any] = {
            ":ended": {"N": str(LEASE_ENDED)},
            ":cursor": {"S": cursor},
            ":event": {"S": identity(claim.event)},
            ":progress": {"S": progress},
            ":continuations": {"N": str(claim.continuations + 1)},
        }
        self._as_owner(claim, _SUSPEND, values)

    def complete(self, claim: Claim, result: Mapping[str, object]) -> None:
        """Record a success; see `object_consumer.ledger.Ledger`."""
        order = Order.of(claim.event.sequencer)
        values: dict[str, Any] = {
            ":succeeded": {"S": ObjectState.SUCCEEDED},
            ":result": {"M": _texts(result)},
        }
        newest = ""
        if order is not None:
            newest = ", newest_left = :left, newest_right = :right, newest_version = :version"
            values |= {
                ":left": {"S": order.left},
                ":right": {"S": order.right},
                ":version": {"S": version_of(claim.event)},
            }
        self._as_owner(claim, _COMPLETE.format(newest=newest), values)

    def fail(self, claim: Claim, failure: Failure) -> None:
        """Record a failure; see `object_consumer.ledger.Ledger`."""
        values: dict[str, Any] = {
            ":failed": {"S": ObjectState.FAILED},
            ":kind": {"S": failure.kind},
            ":type": {"S": failure.error_type},
            ":message": {"S": failure.message[:_MAX_TEXT]},
        }
        unresolved = ""
        if claim.unresolved is not None:
            unresolved = ", unresolved_left = :left, unresolved_right = :right"
            values |= {
                ":left": {"S": claim.unresolved.left},
                ":right": {"S": claim.unresolved.right},
            }
        cursor = f", {_CONTINUED}" if failure.ends else ""
        self._as_owner(claim, _FAIL.format(unresolved=unresolved, cursor=cursor), values)

    def _as_owner(self, claim: Claim, update: str, values: dict[str, Any]) -> None:
        values |= {
            ":mine": {"S": claim.owner},
            ":now": {"N": str(self._now())},
            ":expires_at": self._expiry(),
        }
        _, taken = self._update(claim.event, update, "#owner = :mine", values)
        if not taken:
            raise ClaimLostError(
                f"the lease of {claim.event.uri} expired, and another delivery has claimed it"
            )

    def _update(
        self, event: ObjectEvent, update: str, condition: str, values: dict[str, Any]
    ) -> tuple[dict[str, Any], bool]:
        """Write if the condition holds; return the previous item, and whether it was written."""
        used = update + condition
        try:
            before: Any = self._client().update_item(
                TableName=self._table,
                Key={"consumer": {"S": self._consumer}, "object": {"S": sort_key(event.uri)}},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames={
                    name: attribute for name, attribute in _NAMES.items() if name in used
                },
                ExpressionAttributeValues=values,
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except Exception as error:  # what boto3 raises is made when it is imported, as it is here
            answer: Any = getattr(error, "response", {})
            if answer.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                return dict(answer.get("Item", {})), False
            raise LedgerError(f"can't write to the ledger {self._table}: {error}") from error
        return dict(before.get("Attributes", {})), True

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _expiry(self) -> dict[str, str]:
        return {"N": str(int(self._clock()) + self._days * _DAY)}


def read_item(attributes: Mapping[str, Any]) -> LedgerItem:
    """Convert DynamoDB's item of an object."""
    text = {name: value.get("S", value.get("N", "")) for name, value in attributes.items()}

    def order(name: str) -> Order | None:
        left = text.get(f"{name}_left")
        return Order(left, text[f"{name}_right"]) if left else None

    def moment(name: str) -> int | None:
        return int(text[name]) if text.get(name) else None

    result = attributes.get("result", {}).get("M", {})
    return LedgerItem(
        state=ObjectState(text["state"]) if "state" in text else None,
        lease_until=moment("lease_until") or 0,
        claimed=order("claimed"),
        unresolved=order("unresolved"),
        newest=order("newest"),
        newest_version=text.get("newest_version"),
        version=text.get("version", ""),
        attempts=int(text.get("attempts") or 0),
        event_at=moment("event_at"),
        started_at=moment("started_at"),
        finished_at=moment("finished_at"),
        request_id=text.get("request_id", ""),
        error_kind=text.get("error_kind", ""),
        error_type=text.get("error_type", ""),
        error_message=text.get("error_message", ""),
        result={name: next(iter(value.values())) for name, value in result.items()},
        cursor=text.get("cursor"),
        cursor_event=text.get("cursor_event", ""),
        progress=text.get("progress", ""),
        continuations=int(text.get("continuations") or 0),
        continued_at=moment("continued_at"),
    )


def _texts(result: Mapping[str, object]) -> dict[str, Any]:
    """Convert a function's result to texts for operators, with a limited size."""
    some = list(result.items())[:_MAX_RESULTS]
    return {str(name)[:255]: {"S": str(value)[:_MAX_TEXT]} for name, value in some if name}
