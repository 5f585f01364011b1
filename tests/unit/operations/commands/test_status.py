"""`pipeline status`: a row for each consumer, and what is wrong."""

import json
import time
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from tests.unit.operations.command_line import Run
from tests.unit.operations.lambda_lines import IMPORT_ERROR, IMPORT_FAILED, report
from tests.unit.operations.world import BUCKET, TOPIC_ARN, World


def ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def test_a_quiet_pipeline_is_told_as_such(run: Run) -> None:
    told = run("status")

    assert told.code == 0
    assert "No problem was found, and no message is left to be done." in told.output


def test_what_is_wrong_is_told_with_the_command_that_goes_on(world: World, run: Run) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")
    world.remember("in/a.json", "FAILED")

    told = run("status", "--json")

    assert told.code == 1
    document = json.loads(told.output)
    assert document["troubles"]["load"] == ["1 message was dead-lettered: pipeline failures load"]
    assert document["consumers"][0]["ledger"]["FAILED"] == 1


def test_the_breakers_item_is_no_object(world: World, run: Run) -> None:
    world.aws.dynamodb.put_item(
        TableName="orders-ledger",
        Item={
            "consumer": {"S": "orders/load"},
            "object": {"S": "#circuit-breaker"},
            "state": {"S": "OPEN"},
            "paused": {"BOOL": False},
            "settled": {"BOOL": True},
            "reason": {"S": "down"},
            "changed_at": {"N": "1"},
            "retry_at": {"N": "2"},
            "revision": {"N": "3"},
        },
    )

    told = run("status", "--json")

    (load,) = json.loads(told.output)["consumers"]
    assert load["breaker"] == "OPEN"
    assert sum(load["ledger"].values()) == 0
    assert told.code == 1


def test_watching_looks_again_until_it_is_interrupted(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def interrupt(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)

    told = run("status", "--watch")

    assert (told.code, looks) == (0, 3)
    assert "Pipeline orders" in told.output


def test_a_function_that_fails_is_told_with_its_error(world: World, run: Run) -> None:
    world.aws.sqs.send_message(QueueUrl=str(world.consumer.queue_url), MessageBody="file")
    world.log(ago(5), IMPORT_ERROR, report("error"))
    world.measure("AWS/Lambda", "Throttles", 4, ago(3))

    told = run("status", "--json")

    assert told.code == 1
    failed, throttled = json.loads(told.output)["troubles"]["load"]
    assert f"failed at init: {IMPORT_FAILED}" in failed
    assert "throttled its function 4 times" in throttled
    assert f"failed at init: {IMPORT_FAILED}" in " ".join(run("status").output.split())


def test_a_message_that_is_not_done_is_told(world: World, run: Run) -> None:
    world.aws.sqs.send_message(QueueUrl=str(world.consumer.queue_url), MessageBody="file")

    told = run("status")

    assert told.code == 0
    assert "load: 1 message is not done yet" in told.output
    assert "No problem" not in told.output


def receive(world: World, minutes_ago: float) -> None:
    """Take a message, which stays in flight."""
    url = str(world.consumer.queue_url)
    world.aws.sqs.send_message(QueueUrl=url, MessageBody="file")
    world.aws.sqs.receive_message(QueueUrl=url, VisibilityTimeout=600)
    received = ago(minutes_ago)
    world.measure("AWS/SQS", "NumberOfMessagesReceived", 1, received)


def test_a_message_in_flight_that_never_finishes_is_trouble(world: World, run: Run) -> None:
    receive(world, 5)

    told = run("status", "--json")

    assert told.code == 1
    (stuck,) = json.loads(told.output)["troubles"]["load"]
    assert stuck.startswith("1 message is in flight, and none was done since")
    (group,) = json.loads(run("failures", "--json").output)
    assert (group["kind"], group["count"]) == ("in flight", 1)


def test_a_message_in_flight_that_is_not_due_is_no_trouble(world: World, run: Run) -> None:
    receive(world, 0.1)

    assert run("status").code == 0


def test_a_message_in_flight_beside_those_that_are_done_is_no_trouble(
    world: World, run: Run
) -> None:
    receive(world, 5)
    world.measure("AWS/SQS", "NumberOfMessagesDeleted", 8, ago(2))

    assert run("status").code == 0


@pytest.mark.parametrize("state", ["FAILED", "PROCESSING"])
def test_a_file_that_failed_and_has_no_message_is_not_passed_over(
    world: World, run: Run, state: str
) -> None:
    world.remember("in/a.json", state)

    told = run("status", "--json")

    (unfinished,) = json.loads(told.output)["unfinished"]["load"]
    assert unfinished.startswith("1 file has failed and has no message any more: pipeline replay")
    assert "No problem" not in run("status").output


def test_a_file_that_takes_several_invocations_is_told_with_its_progress(
    world: World, run: Run
) -> None:
    world.remember("in/a.json", "PROCESSING", progress="2 of 3 parts")
    world.update("in/a.json", {"continuations": 2, "continued_at": 1.7e12, "lease_until": -1})
    world.queue_message()

    told = json.loads(run("status", "--json").output)

    waiting, continued = told["unfinished"]["load"]
    assert waiting.startswith("1 message is not done yet")
    assert continued == (
        f"s3://{BUCKET}/in/a.json: continued 2 times, 2 of 3 parts; last at 2023-11-14 22:13:20"
    )


def test_a_file_that_failed_and_has_its_message_is_told_once(world: World, run: Run) -> None:
    world.remember("in/a.json", "FAILED")
    world.dead_letter("in/a.json", "FormatError", "line 3")

    assert json.loads(run("status", "--json").output)["unfinished"]["load"] == []


def test_a_bucket_that_notifies_somebody_else_is_trouble(world: World, run: Run) -> None:
    world.allow_senders(TOPIC_ARN)
    other = TOPIC_ARN.replace("orders", "bills")
    boto3.client("sns").create_topic(Name="bills")
    entry = {"Id": "bills-0", "TopicArn": other, "Events": ["s3:ObjectCreated:*"]}
    world.notify({"TopicConfigurations": [entry]})

    told = run("status", "--json")

    assert told.code == 1
    (trouble,) = json.loads(told.output)["troubles"]["load"]
    assert f"the topic {other} (bills-0, s3:ObjectCreated:*)" in trouble
