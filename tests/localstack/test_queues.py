"""Queues as Lambda and CloudWatch see them: polled long, and counted."""

import json
import os
import secrets
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from event_pipelines.localstack import Instance
from tests.integration.waiting import eventually
from tests.localstack.functions import Functions

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.environ.get("LOCALSTACK", "embedded") != "embedded", reason="of the embedded one only"
    ),
]

# A function that knows nothing of S3's test event.
PLAIN = """
def handler(event, context):
    for message in event["Records"]:
        print("got", message["body"])
"""

SLOW = """
import time

def handler(event, context):
    time.sleep(2)
"""


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


def test_a_mapping_is_disabled_only_after_its_last_message(localstack: Instance) -> None:
    functions = Functions(localstack)
    sqs = functions.client("sqs")
    url = sqs.create_queue(QueueName=f"disabled-{secrets.token_hex(4)}")["QueueUrl"]
    mapping = functions.map(url, functions.make(code=SLOW))

    def state() -> str:
        return functions.lambda_.get_event_source_mapping(UUID=mapping)["State"]

    def in_flight() -> int:
        name = "ApproximateNumberOfMessagesNotVisible"
        asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(asked["Attributes"][name])

    eventually(state, until=lambda now: now == "Enabled", waiting_for="the mapping")
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    eventually(in_flight, until=lambda number: number == 1, waiting_for="the function to start")
    functions.lambda_.update_event_source_mapping(UUID=mapping, Enabled=False)
    assert state() == "Disabling"
    eventually(state, until=lambda now: now == "Disabled", waiting_for="the last message")

    assert in_flight() == 0
    functions.lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)
    eventually(state, until=lambda now: now == "Enabled", waiting_for="the mapping again")


def test_a_test_event_of_s3_is_deleted_for_a_function_that_would_fail_on_it(
    localstack: Instance,
) -> None:
    functions = Functions(localstack)
    sqs = functions.client("sqs")
    url = sqs.create_queue(QueueName=f"plain-{secrets.token_hex(4)}")["QueueUrl"]
    name = functions.make(code=PLAIN)
    # What modules/sqs-lambda-consumer writes with drops_test_events.
    pattern = json.dumps({"body": {"Event": [{"exists": False}]}})
    functions.map(url, name, FilterCriteria={"Filters": [{"Pattern": pattern}]})

    sqs.send_message(QueueUrl=url, MessageBody='{"Service":"Amazon S3","Event":"s3:TestEvent"}')
    sqs.send_message(QueueUrl=url, MessageBody='{"Records":[{"eventSource":"aws:s3"}]}')

    logged = eventually(
        lambda: functions.logs(name), until=lambda log: "got" in log, waiting_for="the event"
    )
    assert 'got {"Records":[{"eventSource":"aws:s3"}]}' in logged
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    eventually(
        lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"],
        until=lambda found: set(found.values()) == {"0"},
        waiting_for="both to be deleted",
    )
    assert "TestEvent" not in functions.logs(name)
