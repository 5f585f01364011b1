"""The commands with their exit codes, on a pipeline in moto."""

import io
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from operations import cli, dead_letters, discovery, replay
from operations import trace as tracing
from operations.terminal import visible
from tests.unit.operations.world import BUCKET, World


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    output: str
    errors: str


type Run = Callable[..., Answer]


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the pipeline `orders`, where nobody can be asked."""
    monkeypatch.setattr(discovery, "by_name", lambda _name, _aws: world.pipeline)

    def run(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["pipeline", "--name", "orders", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Answer(code, printed.out, printed.err)

    return run


def test_a_quiet_pipeline_is_told_as_such(run: Run) -> None:
    told = run("status")

    assert told.code == 0
    assert "All is well." in told.output


def test_what_is_wrong_is_told_with_the_command_that_goes_on(world: World, run: Run) -> None:
    world.set_aside("in/a.json", "FormatError", "line 3")
    world.remember("in/a.json", "FAILED")

    told = run("status", "--json")

    assert told.code == 1
    document = json.loads(told.output)
    assert document["troubles"]["load"] == ["1 message was set aside: pipeline failures load"]
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


def test_a_story_is_told_from_the_log(world: World, run: Run) -> None:
    world.upload("in/a.json")
    logs, group = world.aws.logs, world.consumer.log_group
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
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
    logs.put_log_events(
        logGroupName=group,
        logStreamName="one",
        logEvents=[
            {"timestamp": int(stored.timestamp() * 1000), "message": message}
            for message in (json.dumps(line), json.dumps(other), "START RequestId: 1")
        ],
    )

    without_output = run("trace", "in/a.json", "--json")
    world.upload("out/a.json")
    told = run("trace", f"s3://{BUCKET}/in/a.json", "--json")

    assert without_output.code == 1
    (lost,) = json.loads(without_output.output)["consumers"]
    assert "is not there any more" in lost["why"]
    assert lost["advice"] == "pipeline replay --consumer load --prefix in/a.json"
    (load,) = json.loads(told.output)["consumers"]
    assert (told.code, load["verdict"], load["output_exists"]) == (0, "done", True)
    assert [step["what"] for step in load["steps"]] == ["done"]


def test_a_line_that_is_none_of_the_runtimes_is_no_part_of_the_story(
    world: World, run: Run
) -> None:
    world.upload("in/a.json")
    logs, group = world.aws.logs, world.consumer.log_group
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
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
    logs.put_log_events(
        logGroupName=group,
        logStreamName="one",
        logEvents=[
            {"timestamp": int(stored.timestamp() * 1000), "message": message}
            for message in messages
        ],
    )

    told = run("trace", "in/a.json", "--json")

    (load,) = json.loads(told.output)["consumers"]
    assert (told.code, load["verdict"], load["output"]) == (0, "done", None)
    assert {step["what"] for step in load["steps"]} == {"done"}
    assert {step["attempt"] for step in load["steps"]} == {None}


@pytest.mark.parametrize("key", ["in/a\x1b]52;c;eA==\x07.json", "in/\u202etxt.\x1b7\x9b.json"])
def test_a_key_that_is_a_terminals_command_is_shown(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    # moto writes listings without S3's encoding, and XML has no such characters.
    monkeypatch.setattr(tracing, "_versions", lambda *_: [])
    world.set_aside(quote_plus(key), "FormatError", f"{key}: line 3")
    url = str(world.consumer.dead_letter_queue_url)
    world.aws.sqs.send_message(QueueUrl=url, MessageBody="\x9b2J")

    failures, story = run("failures"), run("trace", key)
    documents = [run("failures", "--json"), run("trace", key, "--json")]
    refused = [run("trace", f"s3://{key}/"), run("failures", key), run("redrive", key)]

    assert f"s3://{BUCKET}/{visible(key)}" in failures.output
    assert f"s3://{BUCKET}/{visible(key)}" in story.output
    assert f"s3://{BUCKET}/{key}" == json.loads(documents[1].output)["object"]
    for answer in (failures, story, *documents, *refused):
        for output in (answer.output, answer.errors):
            assert all(map(str.isprintable, output.split("\n")))


def test_a_terminal_that_lacks_a_character_is_shown_an_escape(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.set_aside(quote_plus("in/漢字🙂.json"), "FormatError", "line 3")
    screen = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(screen, encoding="latin-1"))

    assert run("failures").code == 1
    assert run("failures", "--json").code == 1

    sys.stdout.flush()
    shown, _, document = screen.getvalue().decode("latin-1").partition("\n[\n")
    assert "in/\\u6f22\\u5b57\\U0001f642.json" in shown
    (failure,) = json.loads(f"[{document}")
    assert failure["example"] == f"s3://{BUCKET}/in/漢字🙂.json"


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
    assert patterns == [f'{{ $.key = "{cut}" }}']
    assert len(patterns[0]) <= 1024


def test_a_file_that_nobody_knows_is_asked_after(run: Run) -> None:
    told = run("trace", "in/Nothing.json")

    assert told.code == 1
    assert "is that its key?" in told.output


def test_a_file_of_another_bucket_is_wrong_use(run: Run) -> None:
    told = run("trace", "s3://elsewhere/a.json")

    assert told.code == 2
    assert f"orders gets its files from s3://{BUCKET}/" in told.errors


def test_a_time_is_read_in_either_form(run: Run) -> None:
    assert run("trace", "in/a.json", "--since", "3d").code == 1
    assert run("trace", "in/a.json", "--since", "2026-01-31T12:00Z").code == 1
    told = run("trace", "in/a.json", "--since", "yesterday")
    assert told.code == 2
    assert "--since yesterday: expected a time like" in told.errors


def test_failures_are_grouped_and_stay(world: World, run: Run) -> None:
    for number in range(3):
        world.set_aside(f"in/{number}.json", "FormatError", f"line {number}")

    told = run("failures")

    assert told.code == 1
    assert "FormatError: line …" in told.output
    assert "pipeline redrive load" in told.output
    assert run("failures", "nobody").code == 2


def test_what_was_not_looked_at_is_told(world: World, run: Run) -> None:
    for number in range(12):
        world.set_aside(f"in/{number}.json", "FormatError", f"line {number}")

    assert run("failures", "--limit", "12").errors == ""
    told = "load: 10 of about 12 messages: see --limit"
    assert told in run("failures", "--limit", "3").errors
    assert told in run("redrive", "load", "--reason", "E", "--limit", "3", "--dry-run").errors
    assert told in run("redrive", "load", "--reason", "x", "--limit", "3", "--yes").errors


def test_a_story_says_what_could_not_be_looked_at(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "_LETTERS", 3)
    for number in range(12):
        world.set_aside(f"in/{number}.json", "FormatError", f"line {number}")

    assert "dead-letter queue: 10 of about 12 messages" in run("trace", "in/a.json").output
    (load,) = json.loads(run("trace", "in/a.json", "--json").output)["consumers"]
    assert load["unseen"] == "10 of about 12 messages: see --limit"


def test_nothing_is_sent_back_unasked(world: World, run: Run) -> None:
    world.set_aside("in/a.json", "FormatError", "line 3")

    told = run("redrive", "load", "--reason", "format")

    assert told.code == 2
    assert "say --yes" in told.errors
    assert world.messages() == []


def test_a_dry_run_only_counts(world: World, run: Run) -> None:
    world.set_aside("in/a.json", "FormatError", "line 3")
    world.upload("in/a.json")

    told = run("redrive", "load", "--reason", "format", "--dry-run", "--json")
    assert json.loads(told.output) == {
        "consumer": "load",
        "matching": 1,
        "sent": 0,
        "refused": 0,
    }
    told = run("replay", "--prefix", "in/", "--dry-run")
    assert "would be sent: 1 to load." in told.output
    assert world.messages() == []


def test_what_has_the_reason_is_sent_back(world: World, run: Run) -> None:
    world.set_aside("in/a.json", "FormatError", "line 3")
    world.set_aside("in/b.json", "SchemaError", "no id")

    told = run("redrive", "load", "--reason", "FormatError", "--yes")

    assert told.code == 0
    assert "were sent back to load: 1." in told.output
    assert len(world.messages()) == 1


def test_what_is_not_taken_back_is_told(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("in/a.json", "in/b.json"):
        world.set_aside(key, "FormatError", "line 3")
    send = BaseClient._make_api_call  # type: ignore[attr-defined]

    def refuse(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "SendMessageBatch" and "in/b.json" in str(parameters):
            raise ClientError(
                {"Error": {"Code": "InvalidMessageContents", "Message": "\x1b[2J"}}, operation
            )
        return send(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    told = run("redrive", "load", "--yes")

    assert told.code == 1
    assert "were sent back to load: 1." in told.output
    assert "stay where they are: 1. InvalidMessageContents: \\x1b[2J" in told.output
    assert len(world.messages()) == 1
    document = json.loads(run("redrive", "load", "--yes", "--json").output)
    assert document == {"consumer": "load", "matching": 1, "sent": 0, "refused": 1}


def test_a_replay_goes_on_where_it_was_interrupted(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world.upload(*(f"in/{number:03}" for number in range(110)))
    bookmark = tmp_path / "replay.json"
    command = ["replay", "--prefix", "in/", "--rate", "1e9", "--resume", str(bookmark), "--yes"]
    send, chunks = replay.send, 0

    def interrupted(*arguments: Any) -> int:
        nonlocal chunks
        chunks += 1
        if chunks == 2:
            raise KeyboardInterrupt
        return send(*arguments)

    monkeypatch.setattr(replay, "send", interrupted)
    stopped = run(*command)
    assert stopped.code == 130
    assert "Stopped after 100 of 110 messages" in stopped.errors
    assert str(bookmark) in stopped.errors.replace("\n", "")
    monkeypatch.setattr(replay, "send", send)
    told = run(*command, "--json")

    assert json.loads(told.output) == {"matching": {"load": 10}, "sent": 10, "sent_before": 100}
    assert not bookmark.exists()
    assert dead_letters.depths(str(world.consumer.queue_url), world.aws)["waiting"] == 110


def test_a_consumer_without_a_mapping_can_not_be_paused(run: Run) -> None:
    told = run("pause", "load", "--yes")

    assert told.code == 2
    assert "orders-load is invoked directly" in told.errors


def test_what_aws_refuses_is_told_without_a_stack(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.aws.sqs.delete_queue(QueueUrl=str(world.consumer.queue_url))

    told = run("status")

    assert told.code == 3
    assert told.errors.startswith("pipeline: ")
    assert "Traceback" not in told.errors
