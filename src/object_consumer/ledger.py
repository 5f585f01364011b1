"""The processing ledger: which version of an object is being processed, and which was the newest.

It has one item for a consumer and an object. An event is claimed before the consumer's function
runs, and completed afterwards, each by one conditional write:

- a claim is rejected while another claim is valid (`BusyError`), if the event is already done
  (`DuplicateError`), and if it is older than the newest success (`StaleError`);
- a claim has an owner token and a lease; only its owner can complete it, and when the lease has run
  out, as it does after a crash or a timeout, the next delivery may claim the event anew. An older
  event may not: nobody knows whether the newer one has had its effect.

An object can take more than one invocation. Its claim is then suspended: the lease ends, and a
cursor says where to go on. Only the same event gets the cursor. A claim of another event removes
it, because nobody knows what the other event changes. A newer event may do so at once, any other
one only if the event of the cursor has not come for hours. So two events can't take the object from
each other for ever, and for any case that is left, their invocations are counted together.

The versions of one object are so processed one after the other, and none over a newer one. What
the rules are is said here in Python; `object_consumer.dynamodb_ledger` says the same to DynamoDB.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import reduce
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec.structs import replace

from object_consumer.errors import RetryableError, SkippedError

if TYPE_CHECKING:
    from object_consumer.events import ObjectEvent

# The limit of a sort key in bytes. An S3 URI has up to 1,093: a key of 1,024, a bucket name of 63.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_MAX_SORT_KEY = 1024
# Longer than any sequencer that S3 has sent; digits are compared as texts of equal length.
_DIGITS = 64
# A delivery that arrives while another one is processed waits a little longer than its lease.
_BUSY_MARGIN = 1.0
# The end of a suspended claim's lease, for a clock that runs behind this one too.
LEASE_ENDED = -1
# How long an older event waits for the next delivery of a newer one whose outcome is unknown.
_WAIT_FOR_NEWER = 60.0
# How long an object is left to the event of its cursor, in milliseconds: longer than a visibility
# timeout, which is 90 minutes for a function with the longest timeout. And how long others wait.
_LEFT_TO_CURSOR = 2 * 3600 * 1000
_WAIT_FOR_CURSOR = 300.0


class ObjectState(StrEnum):
    """The state of an object."""

    PROCESSING = "PROCESSING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class DuplicateError(SkippedError):
    """The event is already processed."""

    def __init__(self) -> None:
        super().__init__("duplicate")


class StaleError(SkippedError):
    """A newer event of the object is already processed."""

    def __init__(self) -> None:
        super().__init__("stale")


class BusyError(RetryableError):
    """Another delivery of the object is being processed."""


class LedgerError(RetryableError):
    """The ledger can't be reached or rejects a request; nothing is processed without it."""


class BusyForLongError(BusyError):
    """Another delivery processes the object, and has done so for more than one invocation."""


class ClaimLostError(RetryableError):
    """The lease expired, and another delivery has claimed the object since."""


class Order(msgspec.Struct, frozen=True):
    """A sequencer in the two forms for comparison.

    Versions of AWS's page differ on whether to pad the shorter of two sequencers on its right or on
    its left: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html.
    An event counts as older only if it is older in both forms.

    Attributes
    ----------
    left, right
        The digits, padded with zeros on that side.
    """

    left: str
    right: str

    @classmethod
    def of(cls, sequencer: str | None) -> Order | None:
        """Create the order of an event; None without a sequencer."""
        if not sequencer:
            return None
        digits = sequencer.upper()
        return cls(digits.rjust(_DIGITS, "0"), digits.ljust(_DIGITS, "0"))

    def is_older_than(self, other: Order) -> bool:
        """Return whether this is older, in both forms."""
        return self.left < other.left and self.right < other.right


def newer(one: Order | None, other: Order | None) -> Order | None:
    """Return the newer of two orders, or the only one."""
    if one is None or other is None:
        return one or other
    return other if one.is_older_than(other) else one


class LedgerItem(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger's item of an object: first the fields for claims, then those for operators.

    Attributes
    ----------
    state
        The state; None if nothing was claimed yet.
    lease_until
        When the lease of the claim expires, in milliseconds since 1970.
    claimed
        The order of the event that was claimed last.
    unresolved
        The order of the newest event with an unknown outcome, from before other events failed: it
        may have taken effect.
    newest
        The order of the newest success.
    newest_version
        The version of the newest success.
    version
        The version that was claimed last.
    attempts
        The receives of its message so far.
    event_at, started_at, finished_at
        When the event occurred, was claimed, and ended, in milliseconds since 1970; None if
        unknown.
    request_id
        The invocation that claimed it.
    error_kind, error_type, error_message
        The error of a failure.
    result
        The function's result.
    cursor
        Where the object's processing goes on, as JSON; None if it starts at the beginning.
    cursor_event
        What `identity` is for the event that the cursor belongs to.
    progress
        How far it is, for operators.
    continuations
        How many invocations have ended with a cursor, those of older events excepted.
    continued_at
        When the last of them did, in milliseconds since 1970; None if none did.
    """

    state: ObjectState | None = None
    lease_until: int = 0
    claimed: Order | None = None
    unresolved: Order | None = None
    newest: Order | None = None
    newest_version: str | None = None
    version: str = ""
    attempts: int = 0
    event_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    request_id: str = ""
    error_kind: str = ""
    error_type: str = ""
    error_message: str = ""
    result: Mapping[str, str] = msgspec.field(default_factory=dict)
    cursor: str | None = None
    cursor_event: str = ""
    progress: str = ""
    continuations: int = 0
    continued_at: int | None = None

    @property
    def unresolved_orders(self) -> tuple[Order, ...]:
        """The orders of the events with an unknown outcome, which may have taken effect."""
        claimed = self.claimed if self.state is ObjectState.PROCESSING else None
        return tuple(order for order in (self.unresolved, claimed) if order is not None)

    def is_left_to_another(self, event: ObjectEvent, now: int) -> bool:
        """Return whether the object waits for the next invocation for another event.

        It does not wait if this event is newer.
        """
        last = max(self.continued_at or 0, self.lease_until)
        return (
            self.state is ObjectState.PROCESSING
            and self.cursor is not None
            and self.cursor_event != identity(event)
            and not self.is_followed_by(event)
            and now < last + _LEFT_TO_CURSOR
        )

    def is_followed_by(self, event: ObjectEvent) -> bool:
        """Return whether an event is newer than the one that was claimed last."""
        order = Order.of(event.sequencer)
        return order is not None and self.claimed is not None and self.claimed.is_older_than(order)

    def claimed_for(self, event: ObjectEvent) -> LedgerItem:
        """Return the item with what a claim of an event keeps of a cursor."""
        if self.cursor_event == identity(event):
            return self
        count = 0 if self.is_followed_by(event) else self.continuations
        return replace(_without_cursor(self), continuations=count)

    @property
    def newest_unresolved(self) -> Order | None:
        """The newest of them."""
        return reduce(newer, self.unresolved_orders, None)


class Claim(msgspec.Struct, frozen=True):
    """The right to process one event of an object.

    Attributes
    ----------
    event
        The event.
    owner
        The token that completes the claim.
    unresolved
        What `LedgerItem.newest_unresolved` was before.
    cursor, progress, continuations
        What the event's last invocation left, see `LedgerItem`.
    """

    event: ObjectEvent
    owner: str
    unresolved: Order | None = None
    cursor: str | None = None
    progress: str = ""
    continuations: int = 0


def sort_key(uri: str) -> str:
    """Return the sort key of an object: its S3 URI, or a digest if that is too long.

    The digest replaces the bucket, with a character that no bucket name has, so that the URI of one
    object is never the sort key of another. The beginning of the URI follows, for operators.

    Parameters
    ----------
    uri
        ``s3://bucket/key``.
    """
    encoded = uri.encode()
    if len(encoded) <= _MAX_SORT_KEY:
        return uri
    import hashlib  # noqa: PLC0415 - saves time at init; few keys are that long

    digest = f"s3://#{hashlib.sha256(encoded).hexdigest()}/"
    address = encoded.removeprefix(b"s3://")[: _MAX_SORT_KEY - len(digest)]
    return digest + address.decode(errors="ignore")


def version_of(event: ObjectEvent) -> str:
    """Return the version of an event: its ID, or the ETag in a bucket without versioning."""
    return event.version_id or event.etag or ""


def identity(event: ObjectEvent) -> str:
    """Return what only deliveries of the same event have in common: its order and its version.

    An operator's replay has no sequencer; its time takes the place.
    """
    return f"{event.sequencer or event.event_time.isoformat()} {version_of(event)}"


def check(item: LedgerItem, event: ObjectEvent, now: int) -> None:
    """Check whether an event may be claimed.

    Parameters
    ----------
    item
        The ledger's item of the object.
    event
        The event. One without a sequencer, such as an operator's replay, is neither a duplicate
        nor stale.
    now
        Milliseconds since 1970.

    Raises
    ------
    DuplicateError, StaleError, BusyError
        It may not; DuplicateError has priority over BusyError.
    """
    order = Order.of(event.sequencer)
    if order is not None and item.newest is not None:
        if order.left == item.newest.left and item.newest_version == version_of(event):
            raise DuplicateError
        if order.is_older_than(item.newest):
            raise StaleError
    if item.state is ObjectState.PROCESSING and item.lease_until >= now:
        seconds = (item.lease_until - now) / 1000
        kind = BusyForLongError if item.continuations else BusyError
        raise kind(
            f"{event.uri} is being processed by another delivery",
            retry_after=seconds + _BUSY_MARGIN,
        )
    if item.is_left_to_another(event, now):
        raise BusyForLongError(
            f"another event of {event.uri} takes several invocations, and goes on first",
            retry_after=_WAIT_FOR_CURSOR,
        )
    # Two events of unknown order both count.
    if order is not None and any(map(order.is_older_than, item.unresolved_orders)):
        raise BusyError(
            f"a newer event of {event.uri} has an unknown outcome, and is retried first",
            retry_after=_WAIT_FOR_NEWER,
        )


class Failure(msgspec.Struct, frozen=True):
    """Why an object failed.

    Attributes
    ----------
    kind
        ``retry`` or ``permanent``.
    error_type, message
        The error.
    ends
        Whether the next attempt starts at the beginning, without the cursor.
    """

    kind: str
    error_type: str = ""
    message: str = ""
    ends: bool = False


class Ledger(Protocol):
    """The storage of claims."""

    def claim(
        self, event: ObjectEvent, *, seconds: float, attempts: int | None, request_id: str
    ) -> Claim:
        """Claim an event for the given seconds; raises the errors of `check`, or `LedgerError`."""
        ...

    def suspend(self, claim: Claim, *, cursor: str, progress: str) -> None:
        """End the claim's lease, and keep where to go on; raises the same errors as `complete`."""
        ...

    def complete(self, claim: Claim, result: Mapping[str, object]) -> None:
        """Record a success; raises `ClaimLostError` if another delivery has the claim."""
        ...

    def fail(self, claim: Claim, failure: Failure) -> None:
        """Record a failure and release the claim; raises the same errors as `complete`."""
        ...


class MemoryLedger:
    """An in-memory ledger for tests, with the same rules.

    Attributes
    ----------
    now
        The time in milliseconds since 1970; the test moves it.
    """

    def __init__(self, now: int = 0) -> None:
        self.now = now
        self.items: dict[str, LedgerItem] = {}
        self.owners: dict[str, str] = {}
        self.claims = 0

    def claim(
        self,
        event: ObjectEvent,
        *,
        seconds: float,
        attempts: int | None,  # noqa: ARG002 (the real ledger stores it for operators)
        request_id: str,  # noqa: ARG002 (as above)
    ) -> Claim:
        """Claim an event; see `Ledger`."""
        item = self.items.get(event.uri, LedgerItem())
        check(item, event, self.now)
        self.claims += 1
        item = item.claimed_for(event)
        claim = Claim(
            event,
            str(self.claims),
            item.newest_unresolved,
            cursor=item.cursor,
            progress=item.progress,
            continuations=item.continuations,
        )
        self.owners[event.uri] = claim.owner
        self.items[event.uri] = replace(
            item,
            state=ObjectState.PROCESSING,
            lease_until=self.now + int(seconds * 1000),
            claimed=Order.of(event.sequencer),
        )
        return claim

    def suspend(self, claim: Claim, *, cursor: str, progress: str) -> None:
        """Keep where to go on; see `Ledger`."""
        item = self._give_back(claim, ObjectState.PROCESSING)
        self.items[claim.event.uri] = replace(
            item,
            lease_until=LEASE_ENDED,
            cursor=cursor,
            cursor_event=identity(claim.event),
            progress=progress,
            continuations=claim.continuations + 1,
            continued_at=self.now,
        )

    def complete(self, claim: Claim, result: Mapping[str, object]) -> None:  # noqa: ARG002
        """Record a success; see `Ledger`."""
        item = self._give_back(claim, ObjectState.SUCCEEDED)
        item = replace(_without_cursor(item), unresolved=None)
        order = Order.of(claim.event.sequencer)
        if order is not None:
            item = replace(item, newest=order, newest_version=version_of(claim.event))
        self.items[claim.event.uri] = item

    def fail(self, claim: Claim, failure: Failure) -> None:
        """Record a failure; see `Ledger`."""
        item = self._give_back(claim, ObjectState.FAILED)
        if failure.ends:
            item = _without_cursor(item)
        self.items[claim.event.uri] = replace(item, unresolved=claim.unresolved)

    def _give_back(self, claim: Claim, state: ObjectState) -> LedgerItem:
        if self.owners.get(claim.event.uri) != claim.owner:
            raise ClaimLostError(f"another delivery has claimed {claim.event.uri}")
        del self.owners[claim.event.uri]
        return replace(self.items[claim.event.uri], state=state)


def _without_cursor(item: LedgerItem) -> LedgerItem:
    return replace(
        item, cursor=None, cursor_event="", progress="", continuations=0, continued_at=None
    )
