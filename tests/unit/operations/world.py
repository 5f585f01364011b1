"""A consumer in moto: its queues, its bucket, its ledger's table."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from moto import mock_aws

from circuit_state import Record
from event_pipelines.operations import dead_letters, switch
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.discovery import Consumer, Pipeline
from object_consumer.filters import ObjectFilter
from object_consumer.ledger import sort_key

BUCKET = "orders-files"
TABLE = "orders-ledger"
TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:orders"


def record(key: str, **fields: Any) -> str:
    """S3's message about an object."""
    stored = {"key": key, "size": 3, "eTag": "tag", **fields}
    return json.dumps(
        {
            "Records": [
                {
                    "eventName": "ObjectCreated:Put",
                    "eventTime": "2026-01-01T00:00:00.000Z",
                    "s3": {"bucket": {"name": BUCKET}, "object": stored},
                }
            ]
        }
    )


@dataclass(frozen=True)
class World:
    """One pipeline with one consumer, and what its operator can do to it."""

    aws: Aws
    consumer: Consumer

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline."""
        return Pipeline(name="orders", bucket=BUCKET, consumers={self.consumer.name: self.consumer})

    def dead_letter(self, key: str, error_type: str, message: str, **attributes: str) -> None:
        """Put a message into the dead-letter queue, as the runtime does."""
        reason = {
            "ErrorType": error_type,
            "ErrorMessage": message,
            "ErrorKind": "permanent",
            "FunctionName": "orders-load",
            "RequestId": "request",
        }
        self.aws.sqs.send_message(
            QueueUrl=str(self.consumer.dead_letter_queue_url),
            MessageBody=record(key),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in {**reason, **attributes}.items()
            },
        )

    def queue_message(self) -> None:
        """Put a message into the queue."""
        self.aws.sqs.send_message(QueueUrl=str(self.consumer.queue_url), MessageBody="file")

    def upload(self, *keys: str) -> None:
        """Put objects into the bucket."""
        for key in keys:
            self.aws.s3.put_object(Bucket=BUCKET, Key=key, Body=b"abc")

    def log(self, at: datetime, *messages: str, stream: str = "one") -> None:
        """Write lines to the function's log."""
        logs, group = self.aws.logs, self.consumer.log_group
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=group)
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        timestamp = int(at.timestamp() * 1000)
        logs.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": timestamp, "message": message} for message in messages],
        )

    def measure(self, namespace: str, name: str, value: float, at: datetime) -> None:
        """Put a point of a metric of the queue, or of the function."""
        dimension = {"AWS/SQS": "QueueName", "AWS/Lambda": "FunctionName"}[namespace]
        self.aws.cloudwatch.put_metric_data(
            Namespace=namespace,
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": dimension, "Value": "orders-load"}],
                    "Timestamp": at,
                    "Value": value,
                }
            ],
        )

    def allow_senders(self, *arns: str) -> None:
        """Let the queue's policy allow messages from topics, rules or buckets."""
        statement = {"Effect": "Allow", "Condition": {"ArnLike": {"aws:SourceArn": list(arns)}}}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        attributes: Any = {"Policy": json.dumps(policy)}
        self.aws.sqs.set_queue_attributes(
            QueueUrl=str(self.consumer.queue_url), Attributes=attributes
        )

    def notify(self, configuration: Any) -> None:
        """Write the notification configuration of the bucket."""
        self.aws.s3.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration=configuration
        )

    def remember(self, key: str, state: str, **texts: str) -> None:
        """Put an object on record."""
        self.aws.dynamodb.put_item(
            TableName=TABLE,
            Item={
                "consumer": {"S": "orders/load"},
                "object": {"S": sort_key(f"s3://{BUCKET}/{key}")},
                "state": {"S": state},
                "attempts": {"N": "1"},
                **{name: {"S": text} for name, text in texts.items()},
            },
        )

    def update(self, key: str, numbers: Mapping[str, float]) -> None:
        """Change the record of an object."""
        self.aws.dynamodb.update_item(
            TableName=TABLE,
            Key={
                "consumer": {"S": "orders/load"},
                "object": {"S": sort_key(f"s3://{BUCKET}/{key}")},
            },
            AttributeUpdates={
                name: {"Value": {"N": str(round(number))}} for name, number in numbers.items()
            },
        )

    def remember_circuit(self, record: Record) -> None:
        """Put the circuit breaker's record there."""
        records = switch.records(self.consumer, self.aws)
        assert records is not None
        records.write(record)

    def messages(self, url: str | None = None) -> list[Any]:
        """Take everything out of a queue, the consumer's by default."""
        found: list[Any] = []
        while received := self.aws.sqs.receive_message(
            QueueUrl=str(url or self.consumer.queue_url),
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
        ).get("Messages"):
            found += received
        return found


@contextmanager
def make_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Make the consumer in moto, for as long as the block runs."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0)
    with mock_aws(config={"lambda": {"use_docker": False}}):
        aws = Aws()
        aws.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        aws.dynamodb.create_table(
            TableName=TABLE,
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
        consumer = Consumer(
            name="load",
            function="orders-load",
            log_group="/aws/lambda/orders-load",
            queue_url=aws.sqs.create_queue(QueueName="orders-load")["QueueUrl"],
            dead_letter_queue_url=aws.sqs.create_queue(QueueName="orders-load-dlq")["QueueUrl"],
            wanted=ObjectFilter(prefixes=("in/",)),
            ledger_table=TABLE,
            ledger_key="orders/load",
        )
        yield World(aws, consumer)
