"""The operator's tool beside the real stack: `pipeline` as it is installed, from any folder."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from event_pipelines.localstack import Instance
from event_pipelines.terraform import Terraform
from tests.integration.pipeline import AppliedPipeline, Clients
from tests.integration.stacks import Stacks
from tests.integration.waiting import eventually
from tools.checkout import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.applies("orders", "routes")]

COMMAND = Path(sys.executable).parent / "pipeline"
MODULE = ROOT / "modules" / "operator-policies"


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    document: Any
    errors: str


type Operator = Callable[..., Answer]


@pytest.fixture(scope="module")
def rights(
    stacks: Stacks, clients: Clients, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Mapping[str, str]]]:
    """Make an operator's credentials for a pipeline: what `modules/operator-policies` allows."""
    root = {"AWS": "arn:aws:iam::000000000000:root"}
    trust = {"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole"}
    roles = {}

    @cache
    def of(name: str) -> Mapping[str, str]:
        outputs = stacks[name].outputs()
        consumers = outputs["consumers"].items()
        variables = {
            "bucket": outputs["bucket"]["name"],
            "kms_key_arns": [stacks[name].variables["kms_key_arn"]],
            "ledger": "ledger" in outputs,
            "name": name,
            "outputs": {consumer: each["output"] for consumer, each in consumers if each["output"]},
        }
        work = tmp_path_factory.mktemp(f"operator-of-{name}")
        module = Terraform(MODULE, work, stacks[name].environment, variables)
        module.init()
        module.apply()
        role = clients.iam.create_role(
            RoleName=f"operator-of-{name}",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )["Role"]
        roles[role["RoleName"]] = module.outputs()
        for policy, document in roles[role["RoleName"]].items():
            clients.iam.put_role_policy(
                RoleName=role["RoleName"], PolicyName=policy, PolicyDocument=document
            )
        session = clients.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="on-call")
        return {
            "AWS_ACCESS_KEY_ID": session["Credentials"]["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["Credentials"]["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["Credentials"]["SessionToken"],
        }

    yield of
    for role, policies in roles.items():
        for policy in policies:
            clients.iam.delete_role_policy(RoleName=role, PolicyName=policy)
        clients.iam.delete_role(RoleName=role)


@pytest.fixture
def operator(
    localstack: Instance, rights: Callable[[str], Mapping[str, str]], tmp_path: Path
) -> Operator:
    """Run the tool in an empty folder, with an operator's rights and the instance's environment."""

    def run(name: str, *arguments: str) -> Answer:
        environment = {"PATH": os.environ["PATH"], **localstack.environment, **rights(name)}
        done = subprocess.run(
            [COMMAND, "--name", name, *arguments, "--json"],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        document = json.loads(done.stdout) if done.stdout else None
        return Answer(done.returncode, document, done.stderr)

    return run


@pytest.fixture(scope="module")
def healthy(stacks: Stacks, clients: Clients) -> AppliedPipeline:
    """A pipeline in which no other test sets anything aside."""
    return AppliedPipeline(stacks["routes"].outputs(), clients)


def part(answer: Answer, consumer: str) -> Any:
    return next(one for one in answer.document["consumers"] if one["consumer"] == consumer)


def test_a_file_that_was_dead_lettered_is_traced_and_redriven(
    pipeline: AppliedPipeline, operator: Operator
) -> None:
    folder = secrets.token_hex(4)
    key = f"scripted/{folder}/until-released/a.json"
    version = pipeline.upload(key, "[1]")
    pipeline.dead_letter_about("scripted", key)

    told = eventually(
        lambda: operator("orders", "trace", f"s3://{pipeline.bucket}/{key}"),
        until=lambda told: (
            "set aside" in {step["what"] for step in part(told, "scripted")["steps"]}
        ),
        waiting_for="the message to be seen again",
    )
    story = part(told, "scripted")
    assert told.code == 1
    assert story["verdict"] == "set aside"
    assert folder in story["why"]
    assert "pipeline redrive scripted" in story["advice"]
    assert {step["version_id"] for step in story["steps"]} == {version}
    assert part(told, "transform")["verdict"] == "not wanted"
    failures = operator("orders", "failures", "scripted")
    assert failures.code == 1
    assert any("is not released" in failure["reason"] for failure in failures.document)

    pipeline.upload(f"released/{key}", "now")
    redriven = operator("orders", "redrive", "scripted", "--reason", folder, "--yes")
    assert (redriven.code, redriven.document["sent"]) == (0, 1)
    pipeline.outcome("scripted", key, "done")
    told = operator("orders", "trace", key)
    assert (told.code, part(told, "scripted")["verdict"]) == (0, "done")


def test_objects_without_a_record_are_replayed(
    pipeline: AppliedPipeline, operator: Operator, tmp_path: Path
) -> None:
    prefix = f"scripted/{secrets.token_hex(4)}/ok/"
    keys = [f"{prefix}{name} 1.json" for name in ("a", "b")]
    for key in keys:
        pipeline.upload(key, "[1]")
    for key in keys:
        pipeline.outcome("scripted", key, "done")
    forgotten = {"consumer": "orders/scripted", "object": f"s3://{pipeline.bucket}/{keys[0]}"}
    pipeline.clients.dynamodb.delete_item(
        TableName=pipeline.outputs["ledger"]["name"],
        Key={name: {"S": value} for name, value in forgotten.items()},
    )
    options = ["--prefix", prefix, "--consumer", "scripted", "--state", "missing"]

    tried = operator("orders", "replay", *options, "--dry-run")
    assert (tried.code, tried.document["matching"], tried.document["sent"]) == (
        0,
        {"scripted": 1},
        0,
    )
    unasked = operator("orders", "replay", *options)
    assert unasked.code == 2
    assert "--yes" in unasked.errors
    bookmark = tmp_path / "replay.json"
    sent = operator("orders", "replay", *options, "--resume", str(bookmark), "--yes")
    assert (sent.code, sent.document["sent"], bookmark.exists()) == (0, 1, False)
    eventually(
        lambda: len(pipeline.outcomes("scripted", keys[0])),
        until=(2).__eq__,
        waiting_for="the replayed file to be done again",
    )
    assert len(pipeline.outcomes("scripted", keys[1])) == 1


def test_a_healthy_pipeline_is_told_as_such(healthy: AppliedPipeline, operator: Operator) -> None:
    told = eventually(
        lambda: operator("routes", "status"),
        until=lambda told: told.code == 0,
        waiting_for="a healthy pipeline",
    )

    assert told.document["bucket"] == healthy.bucket
    assert (part(told, "prefixed")["mapping"], part(told, "prefixed")["alarms"]) == ("Enabled", [])


def test_a_paused_consumers_files_wait_until_it_is_resumed(
    healthy: AppliedPipeline, operator: Operator
) -> None:
    key = f"in/{secrets.token_hex(4)}/paused.json"
    paused = operator("routes", "pause", "prefixed", "--yes")
    assert (paused.code, paused.document["mapping"]) == (0, "Disabled")
    healthy.upload(key, "[1]")
    told = eventually(
        lambda: operator("routes", "status"),
        until=lambda told: part(told, "prefixed")["waiting"] == 1,
        waiting_for="the file to wait",
    )
    assert told.code == 1
    assert "it is disabled: pipeline resume prefixed" in told.document["troubles"]["prefixed"]
    story = operator("routes", "trace", key)
    assert (story.code, part(story, "prefixed")["verdict"]) == (1, "not heard of")
    assert "pipeline resume prefixed" in part(story, "prefixed")["advice"]

    resumed = operator("routes", "resume", "prefixed", "--yes")
    assert (resumed.code, resumed.document["mapping"]) == (0, "Enabled")
    healthy.outcome("prefixed", key, "done")
    assert part(operator("routes", "trace", key), "prefixed")["verdict"] == "done"


def test_a_whole_dead_letter_queue_is_sent_back_as_it_was(
    healthy: AppliedPipeline, operator: Operator
) -> None:
    key = f"in/{secrets.token_hex(4)}/moved.json"
    consumer = healthy.consumer("prefixed")
    own: dict[str, Any] = {"own": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"}}
    reason: dict[str, Any] = {
        name: {"DataType": "String", "StringValue": "told"}
        for name in ("ErrorKind", "ErrorMessage", "ErrorType", "FunctionName", "RequestId")
    }
    record = {
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "s3": {"bucket": {"name": healthy.bucket}, "object": {"key": key}},
    }
    for _ in range(3):
        healthy.clients.sqs.send_message(
            QueueUrl=consumer["dead_letter_queue"]["url"],
            MessageBody=json.dumps({"Records": [record]}),
            MessageAttributes={**own, **reason},
        )

    assert operator("routes", "pause", "prefixed", "--yes").code == 0
    moved = operator("routes", "redrive", "prefixed", "--yes")
    waiting = healthy.clients.sqs.receive_message(
        QueueUrl=consumer["queue"]["url"],
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        VisibilityTimeout=0,
    )
    assert operator("routes", "resume", "prefixed", "--yes").code == 0

    assert (moved.code, moved.document["sent"]) == (0, 3)
    assert [message["MessageAttributes"] for message in waiting["Messages"]] == [own] * 3
    healthy.outcome("prefixed", key, "done")
    assert operator("routes", "failures").document == []


def test_messages_about_overwritten_versions_are_discarded(
    healthy: AppliedPipeline, operator: Operator, tmp_path: Path
) -> None:
    key = f"elsewhere/{secrets.token_hex(4)}/twice.json"
    url = healthy.consumer("suffixed")["dead_letter_queue"]["url"]
    reason: dict[str, Any] = {
        name: {"DataType": "String", "StringValue": "told"}
        for name in ("ErrorKind", "ErrorMessage", "ErrorType", "FunctionName", "RequestId")
    }
    for version in (healthy.upload(key, "bad"), healthy.upload(key, "good")):
        record = {
            "eventName": "ObjectCreated:Put",
            "eventTime": "2026-01-01T00:00:00.000Z",
            "s3": {
                "bucket": {"name": healthy.bucket},
                "object": {"key": key, "versionId": version},
            },
        }
        healthy.clients.sqs.send_message(
            QueueUrl=url, MessageBody=json.dumps({"Records": [record]}), MessageAttributes=reason
        )

    tried = operator("routes", "discard", "suffixed", "--superseded", "--dry-run")
    assert (tried.code, tried.document["matching"], tried.document["discarded"]) == (0, 1, 0)
    old = operator("routes", "discard", "suffixed", "--superseded", "--yes")
    assert (old.code, old.document["discarded"], healthy.queue_depth(url)) == (0, 1, 1)
    new = operator("routes", "discard", "suffixed", "--reason", "told", "--yes")
    assert (new.code, new.document["discarded"], healthy.queue_depth(url)) == (0, 1, 0)
    for answer in (old, new):
        (line,) = (tmp_path / answer.document["file"]).read_text(encoding="utf-8").splitlines()
        assert json.loads(line)["objects"] == [f"s3://{healthy.bucket}/{key}"]


@contextmanager
def without_its_code(pipeline: AppliedPipeline, consumer: str) -> Iterator[None]:
    """Let a consumer's function name a handler that its package doesn't have."""
    lambda_, name = pipeline.clients.lambda_, pipeline.consumer(consumer)["function"]["name"]
    before = lambda_.get_function_configuration(FunctionName=name)["Handler"]

    def turn(handler: str) -> None:
        lambda_.update_function_configuration(FunctionName=name, Handler=handler)
        lambda_.get_waiter("function_updated_v2").wait(FunctionName=name)

    turn("lost.handler")
    try:
        yield
    finally:
        turn(before)
        pipeline.clients.sqs.purge_queue(QueueUrl=pipeline.consumer(consumer)["queue"]["url"])


def test_a_function_that_is_dead_at_init_is_told_by_every_command(
    healthy: AppliedPipeline, operator: Operator
) -> None:
    error = "failed at init: Runtime.ImportModuleError: Unable to import module 'lost'"
    keys: list[str] = []

    def status() -> Answer:
        """Upload once more: LocalStack may lose what comes while a function changes."""
        keys.append(f"sized/{secrets.token_hex(4)}/dead.json")
        healthy.upload(keys[-1], "[1, 2, 3, 4, 5]")
        return operator("routes", "status")

    with without_its_code(healthy, "sized"):
        told = eventually(
            status,
            until=lambda told: error in str(told.document["troubles"]["sized"]),
            waiting_for="the function to be told as failing",
        )
        assert told.code == 1
        story = operator("routes", "trace", keys[0])
        assert (story.code, part(story, "sized")["verdict"]) == (1, "function fails")
        assert error in part(story, "sized")["why"]
        assert part(story, "prefixed")["verdict"] == "not wanted"
        failures = operator("routes", "failures", "sized")
        assert failures.code == 1
        assert any(error in failure["example_reason"] for failure in failures.document)


def test_a_notification_configuration_that_was_replaced_is_told(
    healthy: AppliedPipeline, operator: Operator
) -> None:
    s3, queue = healthy.clients.s3, healthy.consumer("removed")["dead_letter_queue"]
    before: Any = s3.get_bucket_notification_configuration(Bucket=healthy.bucket)
    entry: Any = {"Id": "theirs", "QueueArn": queue["arn"], "Events": ["s3:ObjectCreated:*"]}
    try:
        s3.put_bucket_notification_configuration(
            Bucket=healthy.bucket,
            NotificationConfiguration={"QueueConfigurations": [entry]},
            SkipDestinationValidation=True,
        )
        told = operator("routes", "status")
        key = f"in/{secrets.token_hex(4)}/unheard.json"
        healthy.upload(key, "[1]")
        story = operator("routes", "trace", key)
    finally:
        del before["ResponseMetadata"]
        s3.put_bucket_notification_configuration(
            Bucket=healthy.bucket, NotificationConfiguration=before
        )

    assert told.code == 1
    for consumer in healthy.outputs["consumers"]:
        assert f"the queue {queue['arn']} (theirs, s3:ObjectCreated:*)" in str(
            told.document["troubles"][consumer]
        )
    assert (story.code, part(story, "prefixed")["verdict"]) == (1, "not heard of")
    assert "another configuration has replaced" in part(story, "prefixed")["advice"]


def test_who_is_not_there_is_named(operator: Operator) -> None:
    stranger = operator("orders", "pause", "nobody", "--yes")

    assert stranger.code == 2
    assert "unknown consumer nobody; consumers: fragile, guarded, log" in stranger.errors
