"""Queues as Lambda and CloudWatch see them: polled long, and counted."""

import os
import secrets
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from tests.integration.waiting import eventually
from tools.localstack import Instance

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.environ.get("LOCALSTACK", "embedded") != "embedded", reason="of the embedded one only"
    ),
]


def test_what_is_sent_to_a_queue_is_counted(localstack: Instance) -> None:
    session = boto3.session.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )
    sqs = session.client("sqs", endpoint_url=localstack.endpoint_url)
    cloudwatch = session.client("cloudwatch", endpoint_url=localstack.endpoint_url)
    name = f"counted-{secrets.token_hex(4)}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]

    for number in range(5):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))

    def sent() -> float:
        now = datetime.now(UTC)
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="NumberOfMessagesSent",
            Dimensions=[{"Name": "QueueName", "Value": name}],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points)

    eventually(sent, until=lambda count: count == 5, waiting_for="the metric of five messages")
