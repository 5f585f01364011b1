"""What the ledger changes: duplicates, stale events, crashes, and a ledger that is not there."""

import copy
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import example, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from object_consumer import ObjectEvent, ObjectStore, PermanentError, RetryableError
from object_consumer.dynamodb_ledger import DynamoDBLedger
from object_consumer.ledger import (
    BusyError,
    BusyForLongError,
    Claim,
    ClaimLostError,
    DuplicateError,
    Failure,
    Ledger,
    LedgerError,
    LedgerItem,
    MemoryLedger,
    ObjectState,
    Order,
    StaleError,
    check,
    identity,
    sort_key,
)
from object_consumer.testing import make_event
from tests.unit.object_consumer.consumer import Consumer
from tests.unit.object_consumer.deliveries import batch, notification

TABLE = "orders-ledger"
CONTINUED = {"cursor", "cursor_event", "progress", "continuations", "continued_at"}


def consumer_with(ledger: Any, calls: list[str] | None = None) -> Consumer:
    noted = calls if calls is not None else []

    def author(event: ObjectEvent, _store: ObjectStore) -> Mapping[str, object]:
        noted.append(f"{event.key} {event.version_id}")
        if event.key.startswith("permanent"):
            raise PermanentError("never will")
        if event.key.startswith("retry"):
            raise RetryableError("later", retry_after=7)
        return {"output": "somewhere"}

    return Consumer(author, ledger=ledger)


def version(number: int, key: str = "a") -> ObjectEvent:
    return make_event(key, version_id=f"v{number}", sequencer=f"{number:016X}")


class TestRuntime:
    def test_a_second_delivery_of_what_is_done_is_acknowledged_and_not_processed(self) -> None:
        calls: list[str] = []
        consumer = consumer_with(MemoryLedger(), calls)

        assert consumer(batch(notification(version(1)))) == []
        assert consumer(batch(notification(version(1)))) == []

        assert calls == ["a v1"]

    def test_an_older_version_than_the_newest_done_is_acknowledged(self) -> None:
        calls: list[str] = []
        consumer = consumer_with(MemoryLedger(), calls)

        for number in (2, 1, 3):
            consumer(batch(notification(version(number))))

        assert calls == ["a v2", "a v3"]

    def test_of_versions_in_one_batch_the_newest_is_processed_and_the_others_are_stale(
        self,
    ) -> None:
        calls: list[str] = []
        consumer = consumer_with(MemoryLedger(), calls)
        events = [notification(version(number)) for number in (2, 5, 1, 4, 3)]

        assert consumer(batch(*events)) == []

        assert calls == ["a v5"]

    def test_a_newest_version_that_fails_lets_the_one_before_it_through(self) -> None:
        calls: list[str] = []

        def author(event: ObjectEvent, _store: ObjectStore) -> None:
            calls.append(str(event.version_id))
            if event.version_id == "v2":
                raise PermanentError("broken")

        consumer = Consumer(author, ledger=MemoryLedger())

        assert consumer(batch(notification(version(1)), notification(version(2)))) == []

        assert calls == ["v2", "v1"]
        assert len(consumer.queue.dead_letters) == 1

    def test_what_somebody_else_is_soon_done_with_is_waited_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger, calls = MemoryLedger(), list[str]()
        other = ledger.claim(version(1), seconds=20, attempts=1, request_id="other")
        monkeypatch.setattr("time.sleep", lambda _seconds: ledger.complete(other, {}))

        assert consumer_with(ledger, calls)(batch(notification(version(2)))) == []
        assert calls == ["a v2"]

    def test_what_somebody_else_processes_is_retried_once_that_is_over(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        ledger, calls = MemoryLedger(now=1_000), list[str]()
        ledger.claim(version(1), seconds=20, attempts=1, request_id="other")
        consumer = consumer_with(ledger, calls)

        assert consumer(batch(notification(version(2)))) == ["m0"]
        assert 20 <= consumer.queue.delays["m0"] <= 22
        assert calls == []

        ledger.now += 21_000
        assert consumer(batch(notification(version(2)))) == []
        assert calls == ["a v2"]

    def test_after_a_crash_of_a_newer_version_an_older_one_waits(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        ledger, calls = MemoryLedger(), list[str]()
        ledger.claim(version(2), seconds=20, attempts=1, request_id="crashed")
        ledger.now += 21_000
        consumer = consumer_with(ledger, calls)

        assert consumer(batch(notification(version(1)))) == ["m0"]
        assert consumer(batch(notification(version(2)))) == []
        assert consumer(batch(notification(version(1)))) == []

        assert calls == ["a v2"]

    def test_it_waits_even_when_one_newer_still_has_failed_meanwhile(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        ledger, calls = MemoryLedger(), list[str]()
        ledger.claim(version(2), seconds=20, attempts=1, request_id="crashed")
        ledger.now += 21_000
        third = ledger.claim(version(3), seconds=20, attempts=1, request_id="other")
        ledger.fail(third, Failure("retry"))
        consumer = consumer_with(ledger, calls)

        assert consumer(batch(notification(version(1)))) == ["m0"]
        assert consumer(batch(notification(version(2)))) == []
        assert consumer(batch(notification(version(1)))) == []

        assert calls == ["a v2"]

    @pytest.mark.parametrize("key", ["retry", "permanent"])
    def test_what_failed_may_be_claimed_again_at_once(self, key: str) -> None:
        ledger, calls = MemoryLedger(), list[str]()
        consumer = consumer_with(ledger, calls)
        event = version(1, key)

        consumer(batch(notification(event)))
        assert ledger.items[event.uri].state is ObjectState.FAILED
        consumer(batch(notification(event)))

        assert len(calls) == 2

    @pytest.mark.parametrize("failing", ["claim", "complete"])
    def test_without_the_ledger_nothing_is_acknowledged(
        self, monkeypatch: pytest.MonkeyPatch, failing: str
    ) -> None:
        ledger, calls = MemoryLedger(), list[str]()

        def fail(*_arguments: object, **_named: object) -> None:
            raise LedgerError("the ledger can't be written")

        monkeypatch.setattr(ledger, failing, fail)

        assert consumer_with(ledger, calls)(batch(notification(version(1)))) == ["m0"]
        assert calls == ([] if failing == "claim" else ["a v1"])

    def test_a_claim_that_was_lost_is_not_acknowledged(self) -> None:
        ledger = MemoryLedger()

        def author(event: ObjectEvent, _store: ObjectStore) -> None:
            # The lease runs out, and another delivery takes over, while this one still works.
            ledger.now += 60_000
            ledger.claim(event, seconds=30, attempts=2, request_id="other")

        assert Consumer(author, ledger=ledger)(batch(notification(version(1)))) == ["m0"]

    def test_the_lease_ends_after_the_invocation_and_before_the_message_comes_again(self) -> None:
        ledger = MemoryLedger()
        leases: list[int] = []

        def author(event: ObjectEvent, _store: ObjectStore) -> None:
            leases.append(ledger.items[event.uri].lease_until)

        Consumer(author, ledger=ledger)(batch(notification(version(1))))

        timeout = 30_000
        assert timeout <= leases[0] <= 6 * timeout

    def test_an_operators_replay_has_no_sequencer_and_is_processed_again(self) -> None:
        calls: list[str] = []
        consumer = consumer_with(MemoryLedger(), calls)
        replayed = copy.replace(version(1), sequencer=None)

        for event in (version(1), replayed, version(1)):
            consumer(batch(notification(event)))

        assert calls == ["a v1", "a v1"]


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield boto3.client("dynamodb", region_name="eu-west-1")


@pytest.fixture
def table(dynamodb: Any) -> Iterator[Any]:
    make_table(dynamodb)
    yield dynamodb
    if dynamodb.list_tables()["TableNames"]:
        dynamodb.delete_table(TableName=TABLE)


@pytest.fixture(scope="module")
def another_table(dynamodb: Any) -> str:
    """A table for many examples of one test."""
    make_table(dynamodb, "examples")
    return "examples"


def make_table(client: Any, name: str = TABLE) -> None:
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "consumer", "KeyType": "HASH"},
            {"AttributeName": "object", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "consumer", "AttributeType": "S"},
            {"AttributeName": "object", "AttributeType": "S"},
        ],
    )


def in_dynamodb(client: Any, now: float = 1_000.0) -> DynamoDBLedger:
    return DynamoDBLedger(TABLE, "orders/load", days=90, client=lambda: client, clock=lambda: now)


def item(client: Any, event: ObjectEvent) -> dict[str, Any]:
    key = {"consumer": {"S": "orders/load"}, "object": {"S": sort_key(event.uri)}}
    found = client.get_item(TableName=TABLE, Key=key).get("Item", {})
    return {name: next(iter(value.values())) for name, value in found.items()}


def address(length: int, last: str = "a") -> str:
    """An object's address of so many bytes."""
    beginning = "s3://files/"
    return beginning + "k" * (length - len(beginning) - len(last.encode())) + last


class TestSortKey:
    def test_an_address_that_fits_is_its_own_sort_key(self) -> None:
        for fits in (address(20), address(1024), address(1024, "é"), address(1024, "😀")):
            assert sort_key(fits) == fits

    @pytest.mark.parametrize("last", ["a", "é", "日", "😀"])
    @pytest.mark.parametrize("length", [1025, 1026, 1027, 1028, 1093])
    def test_one_that_does_not_fit_gets_one_that_fits(self, length: int, last: str) -> None:
        key = sort_key(address(length, last))

        assert len(key.encode()) <= 1024
        assert key == sort_key(address(length, last))
        assert "/files/kkk" in key

    @given(st.integers(0, 4), st.text(st.characters(codec="utf-8"), min_size=400, max_size=1000))
    def test_any_address_has_a_sort_key_that_fits(self, some: int, key: str) -> None:
        uri = f"s3://{'b' * (59 + some)}/{key}"

        assert 0 < len(sort_key(uri).encode()) <= 1024
        assert sort_key(uri).startswith("s3://")

    def test_no_two_addresses_share_one(self) -> None:
        long = [address(1093, last) for last in ("a", "b", "é")]
        # A file whose own address is another's digest: no bucket's name has such a character.
        keys = {sort_key(uri) for uri in long} | {address(1024)}

        assert len(keys) == 4
        assert all(key.split("/")[2].startswith("#") for key in map(sort_key, long))


class TestDynamoDB:
    @pytest.mark.parametrize("length", [1024, 1025, 1093])
    def test_an_object_with_a_long_address_is_claimed_and_completed(
        self, table: Any, length: int
    ) -> None:
        key = address(length, "日").removeprefix("s3://files/")
        event = make_event(key, bucket="files", version_id="v1", sequencer="01")
        ledger = in_dynamodb(table)

        ledger.complete(ledger.claim(event, seconds=40, attempts=1, request_id="r"), {})

        done = item(table, event)
        assert done["state"] == "SUCCEEDED"
        assert done.get("address", done["object"]) == event.uri
        with pytest.raises(DuplicateError):
            ledger.claim(event, seconds=40, attempts=2, request_id="r")

    def test_dynamodb_refuses_what_a_sort_key_has_no_room_for(self, table: Any) -> None:
        for length, refusal in ((1024, None), (1025, ClientError)):
            put = {"consumer": {"S": "orders/load"}, "object": {"S": address(length)}}
            with pytest.raises(refusal) if refusal else nullcontext():
                table.put_item(TableName=TABLE, Item=put)

    def test_a_success_is_on_record_with_all_that_people_ask(self, table: Any) -> None:
        event, ledger = version(1), in_dynamodb(table)

        claim = ledger.claim(event, seconds=40, attempts=3, request_id="request-1")
        processing = item(table, event)
        ledger.complete(claim, {"output": "s3://out/a", "records": 2})
        done = item(table, event)

        assert (processing["state"], processing["lease_until"]) == ("PROCESSING", "1040000")
        assert (done["state"], done["version"], done["attempts"]) == ("SUCCEEDED", "v1", "3")
        assert done["result"] == {"output": {"S": "s3://out/a"}, "records": {"S": "2"}}
        assert done["expires_at"] == str(1_000 + 90 * 24 * 3600)
        assert "owner" not in done
        assert "lease_until" not in done

    def test_a_failure_is_on_record_with_its_reason_until_the_next_try(self, table: Any) -> None:
        event, ledger = version(1), in_dynamodb(table)
        claim = ledger.claim(event, seconds=40, attempts=1, request_id="r")

        ledger.fail(claim, Failure("permanent", "RecordFormatError", "line 3"))
        failed = item(table, event)
        ledger.claim(event, seconds=40, attempts=2, request_id="r")

        reason = (failed["state"], failed["error_kind"], failed["error_type"])
        assert (*reason, failed["error_message"]) == (
            "FAILED",
            "permanent",
            "RecordFormatError",
            "line 3",
        )
        assert "error_type" not in item(table, event)

    def test_an_unknown_outcome_is_remembered_while_others_fail(self, table: Any) -> None:
        ledger, later = in_dynamodb(table), in_dynamodb(table, now=1_041.0)
        ledger.claim(version(2), seconds=40, attempts=1, request_id="crashed")
        third = later.claim(version(3), seconds=40, attempts=1, request_id="r")
        later.fail(third, Failure("retry", "Error", "down"))

        with pytest.raises(BusyError, match="unknown outcome"):
            later.claim(version(1), seconds=40, attempts=1, request_id="r")
        again = later.claim(version(2), seconds=40, attempts=2, request_id="r")
        later.complete(again, {})

        assert "unresolved_left" not in item(table, version(2))
        with pytest.raises(StaleError):
            later.claim(version(1), seconds=40, attempts=2, request_id="r")

    def test_only_the_owner_completes(self, table: Any) -> None:
        event, ledger = version(1), in_dynamodb(table)
        lost = ledger.claim(event, seconds=40, attempts=1, request_id="r")
        later = in_dynamodb(table, now=1_041.0)
        claim = later.claim(event, seconds=40, attempts=2, request_id="r")

        with pytest.raises(ClaimLostError):
            ledger.complete(lost, {})
        with pytest.raises(ClaimLostError):
            ledger.fail(lost, Failure("retry"))
        later.complete(claim, {})

        assert item(table, event)["state"] == "SUCCEEDED"

    def test_a_cursor_is_on_record_for_its_own_event_alone(self, table: Any) -> None:
        event, ledger = version(1), in_dynamodb(table)

        first = ledger.claim(event, seconds=40, attempts=1, request_id="r1")
        ledger.suspend(first, cursor='{"line":7}', progress="7 of 9 lines")
        suspended = item(table, event)
        second = ledger.claim(event, seconds=40, attempts=1, request_id="r2")
        ledger.fail(second, Failure("retry", "Error", "down"))
        third = ledger.claim(event, seconds=40, attempts=2, request_id="r3")
        ledger.suspend(third, cursor='{"line":8}', progress="8 of 9 lines")
        other = ledger.claim(version(2), seconds=40, attempts=1, request_id="r4")

        assert (first.cursor, first.continuations) == (None, 0)
        assert (suspended["state"], suspended["progress"]) == ("PROCESSING", "7 of 9 lines")
        assert (suspended["continuations"], suspended["continued_at"]) == ("1", "1000000")
        assert "owner" not in suspended
        for claim in (second, third):
            assert (claim.cursor, claim.continuations) == ('{"line":7}', 1)
        assert (other.cursor, other.continuations) == (None, 0)
        assert not CONTINUED & item(table, event).keys()

    def test_an_event_that_is_not_newer_waits_and_then_removes_the_cursor_and_keeps_the_count(
        self, table: Any
    ) -> None:
        event, ledger = version(1), in_dynamodb(table)
        replayed = copy.replace(event, sequencer=None)
        ledger.suspend(
            ledger.claim(event, seconds=40, attempts=1, request_id="r"), cursor="1", progress=""
        )

        with pytest.raises(BusyForLongError, match="goes on first"):
            ledger.claim(replayed, seconds=40, attempts=1, request_id="r")
        later = in_dynamodb(table, now=1_000.0 + 2 * 3600)
        claim = later.claim(replayed, seconds=40, attempts=1, request_id="r")

        assert (claim.cursor, claim.continuations) == (None, 1)
        assert CONTINUED & item(table, event).keys() == {"continuations"}
        later.fail(claim, Failure("retry"))
        again = later.claim(event, seconds=40, attempts=1, request_id="r")
        assert (again.cursor, again.continuations) == (None, 1)
        later.complete(again, {})
        assert not CONTINUED & item(table, event).keys()

    def test_only_the_owner_suspends(self, table: Any) -> None:
        event, ledger = version(1), in_dynamodb(table)
        lost = ledger.claim(event, seconds=40, attempts=1, request_id="r")
        in_dynamodb(table, now=1_041.0).claim(event, seconds=40, attempts=2, request_id="r")

        with pytest.raises(ClaimLostError):
            ledger.suspend(lost, cursor="1", progress="")

        assert "cursor" not in item(table, event)

    @pytest.mark.parametrize("meanwhile", ["claimed", "suspended", "completed", "another"])
    def test_a_cursor_that_has_just_changed_is_not_used(self, table: Any, meanwhile: str) -> None:
        event, ledger = version(1), in_dynamodb(table)
        ledger.suspend(
            ledger.claim(event, seconds=40, attempts=1, request_id="r"), cursor="1", progress=""
        )

        def interfere() -> None:
            other = version(2) if meanwhile == "another" else event
            claim = ledger.claim(other, seconds=40, attempts=1, request_id="other")
            if meanwhile in {"suspended", "another"}:
                # Another event may have an equal cursor.
                ledger.suspend(claim, cursor="1" if other != event else "2", progress="")
            if meanwhile == "another":
                claim = ledger.claim(other, seconds=40, attempts=1, request_id="other")
                ledger.fail(claim, Failure("retry"))
            if meanwhile == "completed":
                ledger.complete(claim, {})

        requests: Any = Interfered(table, interfere)
        late = DynamoDBLedger(
            TABLE, "orders/load", days=90, client=lambda: requests, clock=lambda: 1_000.0
        )

        with pytest.raises(DuplicateError if meanwhile == "completed" else BusyError):
            late.claim(event, seconds=40, attempts=1, request_id="late")

        assert requests.number == 2

    def test_a_claim_without_a_cursor_is_one_request(self, table: Any) -> None:
        requests: Any = Interfered(table, lambda: None)
        ledger = DynamoDBLedger(TABLE, "orders/load", days=90, client=lambda: requests)

        ledger.claim(version(1), seconds=40, attempts=1, request_id="r")
        with pytest.raises(BusyError):
            ledger.claim(version(1), seconds=40, attempts=1, request_id="r")

        assert requests.number == 2

    def test_a_table_that_is_not_there_is_a_retry(self, table: Any) -> None:
        table.delete_table(TableName=TABLE)

        with pytest.raises(LedgerError, match=f"{TABLE}.*ResourceNotFound"):
            in_dynamodb(table).claim(version(1), seconds=1, attempts=1, request_id="r")


class Interfered:
    """A client; before its second request, somebody else makes some."""

    def __init__(self, client: Any, interfere: Callable[[], None]) -> None:
        self._client = client
        self._interfere = interfere
        self.number = 0

    def update_item(self, **request: Any) -> Any:
        self.number += 1
        if self.number == 2:
            self._interfere()
        return self._client.update_item(**request)


SEQUENCERS = st.one_of(st.none(), st.text("0123456789ABCDEF", min_size=1, max_size=4))
ENTRIES = st.builds(
    LedgerItem,
    state=st.sampled_from(ObjectState),
    lease_until=st.integers(999_990, 1_000_010),
    claimed=SEQUENCERS.map(Order.of),
    unresolved=SEQUENCERS.map(Order.of),
    newest=SEQUENCERS.map(Order.of),
    newest_version=st.sampled_from(["v1", "v2"]),
    continuations=st.integers(0, 2),
    continued_at=st.sampled_from([None, 999_990, 999_990 - 2 * 3600 * 1000]),
)


@example(
    # Which of 2 and 11 is the newer depends on the side that is filled up.
    LedgerItem(
        state=ObjectState.PROCESSING,
        lease_until=999_990,
        claimed=Order.of("11"),
        unresolved=Order.of("2"),
        newest_version="v1",
    ),
    "10",
    "v1",
)
@given(ENTRIES, SEQUENCERS, st.sampled_from(["v1", "v2"]))
def test_dynamodb_refuses_exactly_what_the_rules_refuse_and_says_the_same(
    dynamodb: Any, another_table: str, item: LedgerItem, sequencer: str | None, version_id: str
) -> None:
    event = make_event("a", version_id=version_id, sequencer=sequencer)
    if item.continuations and item.continued_at:
        owner = make_event("a", version_id="v1", sequencer="1")
        item = copy.replace(item, cursor="1", cursor_event=identity(owner))
    stored = {
        "consumer": {"S": "orders/load"},
        "object": {"S": event.uri},
        "state": {"S": item.state or ""},
        "lease_until": {"N": str(item.lease_until)},
    }
    for name, order in (
        ("claimed", item.claimed),
        ("unresolved", item.unresolved),
        ("newest", item.newest),
    ):
        if order is not None:
            stored |= {f"{name}_left": {"S": order.left}, f"{name}_right": {"S": order.right}}
    if item.newest is not None:
        stored["newest_version"] = {"S": item.newest_version or ""}
    if item.continuations:
        stored["continuations"] = {"N": str(item.continuations)}
    if item.cursor is not None:
        stored |= {
            "cursor": {"S": item.cursor},
            "cursor_event": {"S": item.cursor_event},
            "continued_at": {"N": str(item.continued_at)},
        }
    dynamodb.put_item(TableName=another_table, Item=stored)
    ledger = DynamoDBLedger(
        another_table, "orders/load", days=90, client=lambda: dynamodb, clock=lambda: 1_000.0
    )

    assert outcome_of(lambda: check(item, event, 1_000_000)) == outcome_of(
        lambda: ledger.claim(event, seconds=1, attempts=1, request_id="r")
    )


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["suspend", "complete", "fail", "end", "crash", "wait", "leave"]),
        st.sampled_from([version(1), version(2), make_event("a", version_id="v1", sequencer=None)]),
    ),
    max_size=10,
)


# A request takes ten milliseconds in moto.
@settings(max_examples=12)
@given(STEPS)
def test_claims_and_cursors_are_the_same_in_memory_and_in_dynamodb(
    dynamodb: Any, another_table: str, steps: list[tuple[str, ObjectEvent]]
) -> None:
    memory = MemoryLedger(now=1_000_000)
    stored = DynamoDBLedger(
        another_table,
        # Another consumer's items for each example.
        secrets.token_hex(8),
        days=90,
        client=lambda: dynamodb,
        clock=lambda: memory.now / 1000,
    )

    def attempt(ledger: Ledger, step: str, event: ObjectEvent, cursor: str) -> tuple[object, ...]:
        try:
            claim = ledger.claim(event, seconds=10, attempts=1, request_id="r")
        except (BusyError, DuplicateError, StaleError) as error:
            return (type(error),)
        match step:
            case "suspend":
                ledger.suspend(claim, cursor=cursor, progress=cursor)
            case "complete":
                ledger.complete(claim, {})
            case "fail" | "end":
                ledger.fail(claim, Failure("retry", ends=step == "end"))
        return claim.unresolved, claim.cursor, claim.progress, claim.continuations

    for position, (step, event) in enumerate(steps):
        if step in {"wait", "leave"}:
            memory.now += 11_000 if step == "wait" else 7_300_000
            continue
        in_memory = attempt(memory, step, event, str(position))
        assert attempt(stored, step, event, str(position)) == in_memory


def outcome_of(attempt: Any) -> type[Exception] | None:
    try:
        attempt()
    except (BusyError, DuplicateError, StaleError) as error:
        return type(error)
    return None


class TestOrder:
    @pytest.mark.parametrize(
        ("one", "other"), [("0055AED6DCD90281E5", "0055AED6DCD90281E6"), ("01", "02")]
    )
    def test_of_one_length_the_smaller_is_older(self, one: str, other: str) -> None:
        first, second = Order.of(one), Order.of(other)
        assert first is not None
        assert second is not None
        assert first.is_older_than(second)
        assert not second.is_older_than(first)

    def test_where_the_two_readings_differ_neither_is_older(self) -> None:
        short, long = Order.of("9"), Order.of("10")
        assert short is not None
        assert long is not None
        assert not short.is_older_than(long)
        assert not long.is_older_than(short)

    def test_an_equal_sequencer_of_another_version_is_no_duplicate(self) -> None:
        newest = LedgerItem(state=ObjectState.SUCCEEDED, newest=Order.of("01"), newest_version="v1")

        check(newest, make_event("a", version_id="v2", sequencer="01"), now=0)
        with pytest.raises(DuplicateError):
            check(newest, make_event("a", version_id="v1", sequencer="01"), now=0)


def test_a_claim_of_the_memory_ledger_is_refused_as_dynamodbs_is() -> None:
    ledger = MemoryLedger()
    first = ledger.claim(version(1), seconds=1, attempts=1, request_id="r")

    with pytest.raises(BusyError):
        ledger.claim(version(2), seconds=1, attempts=1, request_id="r")
    with pytest.raises(ClaimLostError):
        ledger.complete(Claim(version(1), "nobody"), {})
    ledger.complete(first, {})
    with pytest.raises(DuplicateError):
        ledger.claim(version(1), seconds=1, attempts=1, request_id="r")
