"""`pipeline failures`: one line for each reason."""

import json
from datetime import UTC, datetime, timedelta

from event_pipelines.operations import dead_letters
from event_pipelines.operations.commands.failures import group
from tests.unit.operations.command_line import Run
from tests.unit.operations.lambda_lines import (
    IMPORT_ERROR,
    IMPORT_FAILED,
    OTHER,
    REQUEST,
    report,
)
from tests.unit.operations.world import BUCKET, World


def test_failures_are_grouped_and_stay(world: World, run: Run) -> None:
    for number in range(3):
        world.dead_letter(f"in/{number}.json", "FormatError", f"line {number}")

    told = run("failures")

    assert told.code == 1
    assert "FormatError: line …" in told.output
    assert "pipeline redrive load" in told.output
    assert run("failures", "nobody").code == 2


def test_what_was_not_looked_at_is_told(world: World, run: Run) -> None:
    for number in range(12):
        world.dead_letter(f"in/{number}.json", "FormatError", f"line {number}")

    assert run("failures", "--limit", "12").errors == ""
    told = "load: 10 of about 12 messages: see --limit"
    assert told in run("failures", "--limit", "3").errors
    assert told in run("redrive", "load", "--reason", "E", "--limit", "3", "--dry-run").errors
    assert told in run("redrive", "load", "--reason", "x", "--limit", "3", "--yes").errors


def test_one_mistake_in_many_files_is_one_group(world: World) -> None:
    for number in range(3):
        message = (
            f"s3://{BUCKET}/in/{number}.json: line {number}, column {31 + number}: 'x{number}'"
        )
        world.dead_letter(f"in/{number}.json", "FormatError", message)
    world.dead_letter("in/other.json", "SchemaError", "no id")

    first, second = group(dead_letters.look(world.consumer, world.aws, limit=100).letters)

    assert (first.count, second.count) == (3, 1)
    assert first.reason == "FormatError: … line …, column …: …"
    assert first.example_reason.startswith(f"FormatError: s3://{BUCKET}/in/")
    assert second.example == f"s3://{BUCKET}/in/other.json"


def test_invocations_that_fail_are_grouped_by_their_errors(world: World, run: Run) -> None:
    now = datetime.now(UTC)
    for number, request in enumerate((REQUEST, OTHER)):
        at = now - timedelta(minutes=5 - number)
        world.log(at, IMPORT_ERROR, report("error", request=request))
    world.log(now - timedelta(minutes=1), report("timeout", request="third"), stream="two")
    world.measure("AWS/Lambda", "Throttles", 4, now - timedelta(minutes=3))
    world.aws.sqs.send_message(QueueUrl=str(world.consumer.queue_url), MessageBody="file")

    told = run("failures", "--json")

    assert told.code == 1
    found = [(group["kind"], group["count"], group["times"]) for group in json.loads(told.output)]
    assert found == [
        ("throttled", 4, "failed"),
        ("failed at init", 2, "failed"),
        ("timed out", 1, "failed"),
    ]
    assert json.loads(told.output)[1]["example_reason"] == f"failed at init: {IMPORT_FAILED}"
    shown = run("failures").output
    assert "load: messages in its queue that are not done yet: 1." in shown
    assert "pipeline redrive" not in shown


def test_errors_that_only_a_metric_has_are_told(world: World, run: Run) -> None:
    world.measure("AWS/Lambda", "Errors", 4, datetime.now(UTC) - timedelta(minutes=3))

    (group,) = json.loads(run("failures", "--json").output)

    assert (group["kind"], group["count"]) == ("failed", 4)
    assert group["reason"] == "its log doesn't say why"
