"""load_records, as its author would test it: files in memory, and a table in moto or in memory."""

import importlib
import json
import socket
from collections.abc import Iterator
from decimal import Decimal
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from load_records import dynamodb
from load_records.table import Answer, Table, UnansweredError
from object_consumer import (
    DeadlineError,
    ObjectTooLargeError,
    PermanentError,
    RetryableError,
    SettingError,
    SkippedError,
)
from object_consumer.budget import Unlimited
from object_consumer.testing import MemoryStore, make_event

SETTINGS = {"TABLE_NAME": "orders", "PARTITION_KEY": "id"}


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> ModuleType:
    """Import the function as Lambda does, with these variables."""
    for name, value in (SETTINGS | environment).items():
        monkeypatch.setenv(name, value)
    return importlib.reload(importlib.import_module("load_records.handler"))


def run(
    module: ModuleType, key: str, body: bytes, store: MemoryStore | None = None
) -> dict[str, Any]:
    store = store or MemoryStore()
    return dict(module.handler.function(store.upload(key, body), store))


class FakeTable:
    """Takes every item, and remembers them."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    def __call__(self, body: bytes) -> Answer:
        for put in json.loads(body)["RequestItems"]["orders"]:
            self.items.append(put["PutRequest"]["Item"])
        return Answer(200, b"{}")


@pytest.fixture(scope="module", autouse=True)
def a_table() -> Iterator[None]:
    """Let the module be imported at all; each test sets its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> FakeTable:
    """A table in memory, wherever a module under test sends its requests."""
    fake = FakeTable()
    monkeypatch.setattr(dynamodb, "send", fake)
    return fake


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("a.json", b'[{"id": "1", "n": "x"}, {"id": "2", "n": "y"}]'),
        ("a.jsonl", b'{"id": "1", "n": "x"}\n{"id": "2", "n": "y"}\n'),
        ("a.csv", b"id,n\n1,x\n2,y\n"),
        ("a.tsv", b"id\tn\n1\tx\n2\ty\n"),
    ],
)
def test_files_of_any_format_are_loaded(
    monkeypatch: pytest.MonkeyPatch, table: FakeTable, key: str, body: bytes
) -> None:
    fields = run(load(monkeypatch), key, body)

    assert table.items == [
        {"id": {"S": "1"}, "n": {"S": "x"}},
        {"id": {"S": "2"}, "n": {"S": "y"}},
    ]
    assert fields == {"items": 2, "replaced": 0, "table": "orders", "write_requests": 1}


def test_a_key_that_is_a_number_is_one_in_csv_too(
    monkeypatch: pytest.MonkeyPatch, table: FakeTable
) -> None:
    module = load(monkeypatch, PARTITION_KEY_TYPE="N", SORT_KEY="at", SORT_KEY_TYPE="N")

    run(module, "a.csv", b"id,at,n\n1,0.50,2\n")

    assert table.items == [{"id": {"N": "1"}, "at": {"N": "0.50"}, "n": {"S": "2"}}]


def test_a_file_with_a_bad_record_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, table: FakeTable
) -> None:
    records = [{"id": str(number)} for number in range(100)] + [{"key": "1"}]

    with pytest.raises(PermanentError, match=r"record 101, \$\.id: missing"):
        run(load(monkeypatch), "a.json", json.dumps(records).encode())

    assert not table.items


def test_records_that_replace_others_are_counted(
    monkeypatch: pytest.MonkeyPatch, table: FakeTable
) -> None:
    fields = run(load(monkeypatch), "a.csv", b"id,n\n1,x\n1,y\n")

    assert (fields["items"], fields["replaced"]) == (1, 1)
    assert table.items == [{"id": {"S": "1"}, "n": {"S": "y"}}]


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_is_no_number_in_json_is_refused(
    monkeypatch: pytest.MonkeyPatch, table: FakeTable, number: bytes
) -> None:
    with pytest.raises(PermanentError, match="line 1"):
        run(load(monkeypatch), "a.json", b'[{"id": "1", "n": ' + number + b"}]")

    assert not table.items


def test_the_items_of_a_removed_object_stay(
    monkeypatch: pytest.MonkeyPatch, table: FakeTable
) -> None:
    event = make_event("a.json", event_name="ObjectRemoved:Delete")

    with pytest.raises(SkippedError, match="removal"):
        load(monkeypatch).handler.function(event, MemoryStore())


def test_an_object_over_the_size_limit_is_refused_unread(
    monkeypatch: pytest.MonkeyPatch, table: FakeTable
) -> None:
    with pytest.raises(ObjectTooLargeError, match="11 bytes; this consumer accepts 10"):
        run(load(monkeypatch, MAX_OBJECT_BYTES="10"), "a.json", b'{"id": "1"}')


def test_an_object_that_was_given_up_is_not_written(
    monkeypatch: pytest.MonkeyPatch, table: FakeTable
) -> None:
    class Reservation(Unlimited):
        given_up = False

        def check(self) -> None:
            if self.given_up:
                raise DeadlineError("the invocation is over")

    module, reservation = load(monkeypatch), Reservation()
    store = MemoryStore(reservation=reservation)

    def reading_takes_too_long(*arguments: object, **options: object) -> Iterator[object]:
        yield from read(*arguments, **options)
        reservation.given_up = True

    read = module.read_batches
    monkeypatch.setattr(module, "read_batches", reading_takes_too_long)
    with pytest.raises(DeadlineError):
        run(module, "a.csv", b"id\n1\n", store)

    assert not table.items


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TABLE_NAME", "", "TABLE_NAME is required"),
        ("TABLE_NAME", "a b", "TABLE_NAME is 'a b'; accepted: a table's name"),
        ("PARTITION_KEY", "", "PARTITION_KEY is required"),
        ("PARTITION_KEY", "é" * 128, "PARTITION_KEY is 'é"),
        ("PARTITION_KEY_TYPE", "B", "PARTITION_KEY_TYPE is 'B'; accepted: one of N, S"),
        ("SORT_KEY", "id", "SORT_KEY is 'id'; accepted: another attribute than PARTITION_KEY"),
        ("MAX_OBJECT_BYTES", "0", "MAX_OBJECT_BYTES is '0'"),
    ],
)
def test_a_bad_setting_fails_at_init_and_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    with pytest.raises(SettingError) as caught:
        load(monkeypatch, **{variable: value})
    assert message in str(caught.value)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server that answers as DynamoDB does."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> Any:
    """DynamoDB with a table, for this test and for the function."""
    for name, value in {
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(dynamodb, "_made", [])
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="orders",
        KeySchema=[
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    yield boto3.resource("dynamodb").Table("orders")
    client.delete_table(TableName="orders")


def test_items_arrive_in_dynamodb_with_their_types(
    monkeypatch: pytest.MonkeyPatch, aws: Any
) -> None:
    module = load(monkeypatch, SORT_KEY="at", SORT_KEY_TYPE="N")
    records = (
        b'{"id": "\xc3\xa9", "at": 1.5, "total": 12345678901234567890.123456789, "empty": "",'
        b' "lines": [{"count": 2, "gift": true, "note": null}]}\n'
    ) + b"".join(b'{"id": "x", "at": %d}\n' % number for number in range(99))

    fields = run(module, "a.jsonl", records)

    assert (fields["items"], fields["write_requests"]) == (100, 4)
    assert aws.scan(Select="COUNT")["Count"] == 100
    assert aws.get_item(Key={"id": "é", "at": Decimal("1.5")})["Item"] == {
        "id": "é",
        "at": Decimal("1.5"),
        "total": Decimal("12345678901234567890.123456789"),
        "empty": "",
        "lines": [{"count": Decimal(2), "gift": True, "note": None}],
    }


def test_a_table_that_does_not_exist_yet_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, aws: Any
) -> None:
    module = load(monkeypatch, TABLE_NAME="customers")

    with pytest.raises(RetryableError, match="can't write to table 'customers'"):
        run(module, "a.csv", b"id\n1\n")


def test_a_table_with_another_key_than_the_settings_say_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, aws: Any
) -> None:
    with pytest.raises(RetryableError, match="differs from PARTITION_KEY and SORT_KEY"):
        run(load(monkeypatch), "a.csv", b"id\n1\n")


def test_nobody_at_the_endpoint_is_no_answer(monkeypatch: pytest.MonkeyPatch, aws: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv(
            "AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{unused.getsockname()[1]}"
        )
        monkeypatch.setattr(dynamodb, "_made", [])
        with pytest.raises(UnansweredError, match="no response from DynamoDB"):
            dynamodb.send(b"{}")


@pytest.mark.parametrize("missing", ["AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"])
def test_without_region_or_credentials_it_is_retried_later(
    monkeypatch: pytest.MonkeyPatch, aws: Any, missing: str
) -> None:
    monkeypatch.delenv(missing)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    monkeypatch.setattr(dynamodb, "_made", [])

    with pytest.raises(RetryableError, match="can't send requests to DynamoDB"):
        Table("orders", dynamodb.send).start([b"{}"], lambda: None).finish()
