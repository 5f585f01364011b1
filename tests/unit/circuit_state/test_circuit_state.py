"""The record of a circuit in DynamoDB, against moto."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from circuit_state import CircuitState, DynamoDBRecords, Record, RevisionError


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def test_of_two_who_change_the_record_one_is_told(dynamodb: None) -> None:
    client = boto3.client("dynamodb", region_name="eu-west-1")
    client.create_table(
        TableName="orders-ledger",
        KeySchema=[
            {"AttributeName": "consumer", "KeyType": "HASH"},
            {"AttributeName": "object", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "consumer", "AttributeType": "S"},
            {"AttributeName": "object", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    records = DynamoDBRecords("orders-ledger", "orders/load", client)
    first = records.read()
    assert first == Record()

    written = records.write(
        Record(state=CircuitState.OPEN, reason="down", changed_at=1, retry_at=2)
    )

    assert records.read() == written
    assert written.revision == 1
    with pytest.raises(RevisionError):
        records.write(first)
