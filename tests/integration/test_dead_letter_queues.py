"""What is refused on the way is not lost: it waits in a queue where an operator looks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.pipeline import AppliedPipeline, Clients, unique
from tests.integration.stacks import Stacks
from tests.integration.waiting import eventually

pytestmark = pytest.mark.integration

# The policy with which a role is denied everything.
DENIED = "denied"


def only_denials(policy: str) -> str:
    """Leave out of a policy whom it lets in."""
    document: dict[str, Any] = json.loads(policy)
    kept = [statement for statement in document["Statement"] if statement["Effect"] == "Deny"]
    return json.dumps({**document, "Statement": kept})


@contextmanager
def closed_queue(pipeline: AppliedPipeline, consumer: str) -> Iterator[None]:
    """Let nobody send to a consumer's queue as long as the block runs."""
    sqs, url = pipeline.clients.sqs, pipeline.consumer(consumer)["queue"]["url"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    closed = only_denials(attributes["Policy"])
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": closed})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": attributes["Policy"]})


@contextmanager
def denied(clients: Clients, role: str) -> Iterator[None]:
    """Deny a role everything as long as the block runs."""
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    clients.iam.put_role_policy(RoleName=role, PolicyName=DENIED, PolicyDocument=policy)
    try:
        yield
    finally:
        clients.iam.delete_role_policy(RoleName=role, PolicyName=DENIED)


@pytest.mark.applies("fan-out")
def test_what_a_queue_refuses_waits_in_its_dead_letter_queue(
    stacks: Stacks, clients: Clients
) -> None:
    pipeline = AppliedPipeline(stacks["fan-out"].outputs(), clients)
    key = unique("refused.json")

    with closed_queue(pipeline, "audit"):
        pipeline.upload(key, "[]")
        message = pipeline.dead_letter_about("audit", key)

    assert message.kind == "moved", "SNS gives no reason"
    pipeline.outcome("inventory", key, "done")


@pytest.mark.applies("eventbridge")
def test_what_a_rule_may_not_publish_waits_in_its_dead_letter_queue(
    stacks: Stacks, clients: Clients
) -> None:
    pipeline = AppliedPipeline(stacks["eventbridge"].outputs(), clients)
    queue = pipeline.outputs["rule"]["dead_letter_queue"]["url"]
    [topic] = clients.events.list_targets_by_rule(
        Rule=pipeline.outputs["rule"]["arn"].rpartition("/")[2]
    )["Targets"]
    key = unique("refused.json")

    def undelivered() -> dict[str, Any] | None:
        received = clients.sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        found = (m for m in received.get("Messages", []) if key in m["Body"])
        return next((dict(message["MessageAttributes"]) for message in found), None)

    with denied(clients, topic["RoleArn"].rpartition("/")[2]):
        pipeline.upload(key, "[]")
        attributes = eventually(undelivered, waiting_for="the event in the dead-letter queue")

    assert attributes is not None
    assert attributes["RULE_ARN"]["StringValue"] == pipeline.outputs["rule"]["arn"]
    assert attributes["TARGET_ARN"]["StringValue"] == topic["Arn"]
    assert attributes["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"


@pytest.mark.applies("load-dynamodb")
def test_a_file_that_was_deleted_before_its_event_came_is_dead_lettered_without_a_queue(
    stacks: Stacks, clients: Clients
) -> None:
    pipeline = AppliedPipeline(stacks["load-dynamodb"].outputs(), clients)
    key = unique("deleted.json")
    # Later than a file that is there may not be found:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html
    written = datetime.now(UTC) - timedelta(hours=1)
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": written.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": pipeline.bucket}, "object": {"key": key, "size": 2}},
    }

    clients.lambda_.invoke(
        FunctionName=pipeline.consumer("load")["function"]["name"],
        InvocationType="Event",
        Payload=json.dumps({"Records": [record]}),
    )

    message = pipeline.dead_letter_about("load", key)
    assert (message.kind, message.error_type) == ("permanent", "ObjectNotFoundError")
