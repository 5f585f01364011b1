"""`pipeline trace`: the story of a file, from whatever there is to go by."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.client import BaseClient

from event_pipelines.operations import dead_letters
from event_pipelines.operations.commands import trace
from tests.unit.operations.command_line import Run
from tests.unit.operations.lambda_lines import (
    IMPORT_ERROR,
    IMPORT_FAILED,
    OTHER,
    REQUEST,
    report,
)
from tests.unit.operations.world import BUCKET, TOPIC_ARN, World, record


def test_a_story_is_told_from_the_log(world: World, run: Run) -> None:
    world.upload("in/a.json")
    stored = world.aws.s3.head_object(Bucket=BUCKET, Key="in/a.json")["LastModified"]
    line = {
        "timestamp": stored.isoformat(),
        "outcome": "done",
        "bucket": BUCKET,
        "key": "in/a.json",
        "attempts": 1,
        "output": f"s3://{BUCKET}/out/a.json",
    }
    other = {**line, "key": "in/b.json", "outcome": "retry"}
    world.log(stored, json.dumps(line), json.dumps(other), "START RequestId: 1")

    without_output = run("trace", "in/a.json", "--json")
    world.upload("out/a.json")
    told = run("trace", f"s3://{BUCKET}/in/a.json", "--json")

    assert without_output.code == 1
    (lost,) = json.loads(without_output.output)["consumers"]
    assert "no longer exists" in lost["why"]
    assert lost["advice"] == "pipeline replay --consumer load --prefix in/a.json"
    (load,) = json.loads(told.output)["consumers"]
    assert (told.code, load["verdict"], load["output_exists"]) == (0, "done", True)
    assert [step["what"] for step in load["steps"]] == ["done"]


def test_a_line_that_is_none_of_the_runtimes_is_no_part_of_the_story(
    world: World, run: Run
) -> None:
    world.upload("in/a.json")
    stored = world.aws.s3.head_object(Bucket=BUCKET, Key="in/a.json")["LastModified"]
    line = {
        "timestamp": stored.isoformat(),
        "outcome": "done",
        "bucket": BUCKET,
        "key": "in/a.json",
        "attempts": ["many"],
        "output": {"a": 1},
        "request_id": 3,
    }
    deep = "[" * 9_999 + "]" * 9_999
    messages = [
        json.dumps(line),
        json.dumps(line | {"timestamp": "yesterday"}),
        json.dumps(line | {"timestamp": "2026-01-01T00:00:00"}),
        json.dumps(line | {"outcome": "lost"}),
        json.dumps(line | {"outcome": ["done"]}),
        json.dumps(line).replace('"yesterday"', "3"),
        json.dumps(line).replace('["many"]', "9" * 5_000),
        json.dumps(line).replace('{"a": 1}', deep),
        deep,
    ]
    world.log(stored, *messages)

    told = run("trace", "in/a.json", "--json")

    (load,) = json.loads(told.output)["consumers"]
    assert (told.code, load["verdict"], load["output"]) == (0, "done", None)
    assert {step["what"] for step in load["steps"]} == {"done"}
    assert {step["attempt"] for step in load["steps"]} == {None}


@pytest.mark.parametrize("length", [1000, 1001, 1024])
def test_a_filter_pattern_is_no_longer_than_cloudwatch_takes(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    patterns: list[str] = []
    make_api_call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        patterns.extend(filter(None, [parameters.get("filterPattern")]))
        return make_api_call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    key = "in/".ljust(length, "k")

    run("trace", key)

    cut = key if length <= 1000 else key[:1000] + "*"
    assert set(patterns) == {f'{{ $.key = "{cut}" }}'}
    assert len(patterns[0]) <= 1024


def test_a_file_that_nobody_knows_is_asked_after(run: Run) -> None:
    told = run("trace", "in/Nothing.json")

    assert told.code == 1
    assert "check the key" in told.output


def test_a_file_of_another_bucket_is_wrong_use(run: Run) -> None:
    told = run("trace", "s3://elsewhere/a.json")

    assert told.code == 2
    assert f"the files of orders are in s3://{BUCKET}/" in told.errors


def test_a_time_is_read_in_either_form(run: Run) -> None:
    assert run("trace", "in/a.json", "--since", "3d").code == 1
    assert run("trace", "in/a.json", "--since", "2026-01-31T12:00Z").code == 1
    told = run("trace", "in/a.json", "--since", "yesterday")
    assert told.code == 2
    assert "--since yesterday: must be a time like" in told.errors


def test_a_story_says_what_could_not_be_looked_at(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "_LETTERS", 3)
    for number in range(12):
        world.dead_letter(f"in/{number}.json", "FormatError", f"line {number}")

    assert "dead-letter queue: 10 of about 12 messages" in run("trace", "in/a.json").output
    (load,) = json.loads(run("trace", "in/a.json", "--json").output)["consumers"]
    assert load["unseen"] == "10 of about 12 messages: see --limit"


def ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def told_of(run: Run, key: str = "in/a.json") -> Any:
    (load,) = json.loads(run("trace", key, "--json").output)["consumers"]
    return load


def test_a_function_that_fails_at_init_is_told_with_its_error(world: World, run: Run) -> None:
    world.upload("in/a.json")
    world.queue_message()
    world.log(datetime.now(UTC), IMPORT_ERROR, report("error"))

    load = told_of(run)

    assert load["verdict"] == "function fails"
    assert load["why"] == (
        f"since it was written, its function failed once: failed at init: {IMPORT_FAILED}"
    )
    assert load["advice"].startswith("fix the function and apply it")
    assert [step["what"] for step in load["steps"]] == ["invocation failed"]
    assert "function fails" in run("trace", "in/a.json").output


def test_a_function_that_fails_with_other_files_is_not_the_verdict(world: World, run: Run) -> None:
    world.upload("in/a.json")
    world.log(datetime.now(UTC), report("timeout"))

    load = told_of(run)

    assert load["verdict"] == "not heard of"
    assert load["why"].endswith("its function failed once: timed out")
    assert load["advice"].startswith("its queue is empty, so S3 sent no event, or the event is")


def test_a_file_without_a_message_is_not_said_to_be_retried(world: World, run: Run) -> None:
    world.upload("in/a.json")
    etag = world.aws.s3.head_object(Bucket=BUCKET, Key="in/a.json")["ETag"].strip('"')
    world.remember("in/a.json", "FAILED", version=etag, error_type="E")

    assert told_of(run)["advice"].startswith("its queue is empty, so it is not retried: pipeline")
    world.queue_message()
    assert told_of(run)["advice"].startswith("it is retried automatically")


def test_failures_before_the_file_are_not_about_it(world: World, run: Run) -> None:
    world.log(ago(10), IMPORT_ERROR, report("error"))
    world.upload("in/a.json")

    assert told_of(run)["verdict"] == "not heard of"


def test_failures_beside_successes_are_told_without_a_verdict(world: World, run: Run) -> None:
    world.upload("in/a.json")
    now = datetime.now(UTC)
    world.log(now, report("timeout"))
    world.log(now + timedelta(seconds=1), report("success", request="other"))

    load = told_of(run)

    assert load["verdict"] == "not heard of"
    assert "its function failed once: timed out" in load["why"]


def test_the_invocation_that_claimed_the_file_says_why_it_did_not_finish(
    world: World, run: Run
) -> None:
    world.upload("in/a.json")
    etag = world.aws.s3.head_object(Bucket=BUCKET, Key="in/a.json")["ETag"].strip('"')
    world.remember("in/a.json", "PROCESSING", version=etag, request_id=REQUEST)
    world.queue_message()
    now = datetime.now(UTC)
    world.log(now, report("error", peak=128, error="Runtime.OutOfMemory"))
    world.log(now + timedelta(seconds=1), report("timeout", request=OTHER))

    load = told_of(run)

    assert load["verdict"] == "function fails"
    assert load["why"].endswith("failed 2 times: out of memory: Runtime.OutOfMemory")


def test_how_far_a_file_is_that_takes_several_invocations(world: World, run: Run) -> None:
    world.upload("in/a.json")
    stored = world.aws.s3.head_object(Bucket=BUCKET, Key="in/a.json")
    world.remember(
        "in/a.json", "PROCESSING", version=stored["ETag"].strip('"'), progress="2 of 3 parts"
    )
    began = stored["LastModified"].timestamp() * 1000
    world.update(
        "in/a.json",
        {"continuations": 2, "started_at": began, "continued_at": began, "lease_until": -1},
    )
    world.queue_message()
    line = {
        "timestamp": stored["LastModified"].isoformat(),
        "outcome": "continued",
        "bucket": BUCKET,
        "key": "in/a.json",
        "progress": "1 of 3 parts",
    }
    world.log(stored["LastModified"], json.dumps(line))

    load = told_of(run)

    assert load["verdict"] == "to be continued"
    assert load["why"].startswith("continued 2 times, 2 of 3 parts; last at ")
    assert load["advice"] == ""
    assert load["ledger"]["lease_until"] is None
    assert [(step["what"], step["detail"]) for step in load["steps"]] == [
        ("continued", "1 of 3 parts")
    ]
    assert "PROCESSING, 1 receive, continued 2 times" in run("trace", "in/a.json").output
    world.aws.sqs.purge_queue(QueueUrl=str(world.consumer.queue_url))
    assert "its queue is empty" in told_of(run)["advice"]


def test_throttles_are_told(world: World, run: Run) -> None:
    world.upload("in/a.json")
    world.measure("AWS/Lambda", "Throttles", 9, ago(0.5))

    assert "Lambda throttled its function 9 times" in told_of(run)["why"]


def test_a_message_that_sqs_moved_gets_the_reason_from_lambda(world: World, run: Run) -> None:
    world.upload("in/a.json")
    etag = world.aws.s3.head_object(Bucket=BUCKET, Key="in/a.json")["ETag"].strip('"')
    world.aws.sqs.send_message(
        QueueUrl=str(world.consumer.dead_letter_queue_url),
        MessageBody=record("in/a.json", eTag=etag),
    )
    world.log(datetime.now(UTC), report("timeout"))

    load = told_of(run)

    assert load["verdict"] == "set aside"
    assert load["why"].endswith("or was throttled; Lambda says: timed out")


def test_a_message_that_was_dead_lettered_meanwhile_is_seen(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.upload("in/a.json")
    stored = world.aws.s3.head_object(Bucket=BUCKET, Key="in/a.json")
    line = {
        "timestamp": stored["LastModified"].isoformat(),
        "outcome": "permanent",
        "bucket": BUCKET,
        "key": "in/a.json",
        "error_type": "FormatError",
    }
    world.log(stored["LastModified"], json.dumps(line))
    look = dead_letters.look

    def look_too_early(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(dead_letters, "look", look)
        found = look(*arguments, **options)
        url = str(world.consumer.dead_letter_queue_url)
        body = record("in/a.json", eTag=stored["ETag"].strip('"'))
        world.aws.sqs.send_message(QueueUrl=url, MessageBody=body)
        return found

    monkeypatch.setattr(dead_letters, "look", look_too_early)

    load = told_of(run)

    assert load["verdict"] == "set aside"
    assert "not to be seen now" not in load["why"]


def test_a_file_of_a_bucket_that_notifies_somebody_else_is_told_of_them(
    world: World, run: Run
) -> None:
    world.upload("in/a.json")
    world.allow_senders(TOPIC_ARN)

    assert "which names nothing. Merge the two" in told_of(run)["advice"]
