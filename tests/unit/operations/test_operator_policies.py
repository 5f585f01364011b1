"""The operators' policy documents against every call that the tool's commands make."""

import io
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from aws_rules.policies import Policy, Request, evaluate, parse
from circuit_state import DynamoDBRecords, Record
from event_pipelines import cli
from event_pipelines.operations import switch
from event_pipelines.operations.aws import Aws
from tests.unit.operations.authorizations import REGION, Call, Recorder
from tests.unit.operations.world import BUCKET, TABLE, TOPIC_ARN, World, make_world

ROOT = Path(__file__).resolve().parents[3]
POLICIES = ROOT / "tests" / "terraform" / "operator_policies"
READING, CHANGING = "reading", "changing"
REPORTS = "orders-reports"
OTHER_PIPELINE = "bills"

READING_COMMANDS = (
    ("status",),
    ("trace", "in/done.json"),
    ("trace", "in/reported.json"),
    ("trace", "in/failed.json"),
    ("trace", "in/unheard.json"),
    ("failures",),
    ("failures", "--limit", "1"),
    ("redrive", "load", "--dry-run"),
    ("redrive", "load", "--reason", "Format", "--dry-run"),
    ("discard", "load", "--superseded", "--dry-run"),
    ("replay", "--prefix", "in/", "--state", "MISSING", "--dry-run"),
)
CHANGING_COMMANDS = (
    ("discard", "load", "--reason", "EncodingError", "--yes"),
    ("redrive", "load", "--reason", "Format", "--yes"),
    ("redrive", "load", "--yes"),
    ("replay", "--prefix", "in/", "--state", "MISSING", "--rate", "1e9", "--yes"),
    ("pause", "load", "--yes"),
    ("resume", "load", "--yes"),
)
# What they change is the pipeline; the others look, or give a message back that was looked at.
CHANGING_CALLS = {
    "dynamodb:PutItem",
    "lambda:UpdateEventSourceMapping",
    "sqs:DeleteMessageBatch",
    "sqs:SendMessageBatch",
}
# They name no resource of one pipeline.
OF_ANY_PIPELINE = {
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricStatistics",
    "events:ListRuleNamesByTarget",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "lambda:ListEventSourceMappings",
    "lambda:ListFunctions",
}

type Commands = Mapping[tuple[str, ...], list[Call]]


def document(name: str) -> Any:
    return json.loads((POLICIES / f"{name}.json").read_text(encoding="utf-8"))


def policy(name: str, statements: Iterable[Any] | None = None) -> Policy:
    whole = document(name)
    chosen = whole["Statement"] if statements is None else list(statements)
    return parse({**whole, "Statement": chosen}, name=name)


def fill(world: World) -> None:
    """Create the function of the pipeline `orders`, and something to find for each command."""
    aws = world.aws
    aws.s3.create_bucket(Bucket=REPORTS, CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    world.upload("in/done.json", "in/reported.json", "in/failed.json", "in/unheard.json")
    world.dead_letter("in/failed.json", "FormatError", "line 3")
    world.dead_letter("in/failed.json", "SchemaError", "no id")
    world.dead_letter("in/failed.json", "EncodingError", "byte 3")
    for key, output in (("done", f"s3://{BUCKET}/out/done"), ("reported", f"s3://{REPORTS}/r")):
        tell(world, f"in/{key}.json", output)
    DynamoDBRecords(TABLE, "orders/load", aws.dynamodb).write(Record())
    make_function(world)
    world.allow_senders(TOPIC_ARN)


def make_function(world: World) -> None:
    """Make the consumer's function with its mapping, whose environment names all the rest."""
    aws, consumer = world.aws, world.consumer
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = boto3.client("iam").create_role(RoleName="load", AssumeRolePolicyDocument=trust)
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", "")
    environment = {
        "PIPELINE": "orders",
        "CONSUMER": "load",
        "QUEUE_URL": str(consumer.queue_url),
        "DEAD_LETTER_QUEUE_URL": str(consumer.dead_letter_queue_url),
        "LEDGER_TABLE": TABLE,
        "OBJECT_FILTER": json.dumps({"prefixes": ["in/"]}),
    }
    aws.lambda_.create_function(
        FunctionName=consumer.function,
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="handler.handler",
        Code={"ZipFile": package.getvalue()},
        Environment={"Variables": environment},
    )
    aws.lambda_.add_permission(
        FunctionName=consumer.function,
        StatementId="bucket",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{BUCKET}",
    )
    told = aws.sqs.get_queue_attributes(
        QueueUrl=str(consumer.queue_url), AttributeNames=["QueueArn"]
    )
    aws.lambda_.create_event_source_mapping(
        FunctionName=consumer.function, EventSourceArn=told["Attributes"]["QueueArn"]
    )


def tell(world: World, key: str, output: str) -> None:
    """Log that a file is done."""
    logs, group = world.aws.logs, world.consumer.log_group
    stored = world.aws.s3.head_object(Bucket=BUCKET, Key=key)
    stream = key.replace("/", "-")
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    line = {
        "timestamp": stored["LastModified"].isoformat(),
        "outcome": "done",
        "bucket": BUCKET,
        "key": key,
        "version_id": stored["VersionId"],
        "output": output,
    }
    moment = int(stored["LastModified"].timestamp() * 1000)
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": moment, "message": json.dumps(line)}],
    )


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Run every command, found by the pipeline's name and by outputs; give the calls of each."""
    with pytest.MonkeyPatch.context() as monkeypatch, make_world(monkeypatch) as world:
        fill(world)
        # Clients take longer to make than their calls.
        make = Aws._client
        monkeypatch.setattr(Aws, "_client", lambda _, service: make(world.aws, service))
        queue = {"url": world.consumer.queue_url}
        outputs = {
            "bucket": {"name": BUCKET},
            "consumers": {"load": {"function": {"name": "orders-load"}, "queue": queue}},
        }
        file = tmp_path_factory.mktemp("outputs") / "outputs.json"
        file.write_text(json.dumps(outputs))
        yield calls_of_all(file, monkeypatch)


def calls_of_all(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    # Whether a rule sends the events to the queue has to be looked up then. Moto omits it.
    eventbridge: Any = {"s3:GetBucketNotificationConfiguration": {"EventBridgeConfiguration": {}}}
    recorder = Recorder(answers=eventbridge)
    recorder.install(monkeypatch)
    monkeypatch.setattr(switch, "_POLL_SECONDS", 0)
    # Where discarded messages are written to.
    monkeypatch.chdir(outputs.parent)
    found: dict[tuple[str, ...], list[Call]] = {}
    for command in (*READING_COMMANDS, *CHANGING_COMMANDS):
        ways = [("--name", "orders")]
        if command == ("status",):
            ways.append(("--outputs", str(outputs)))
        recorder.calls.clear()
        for way in ways:
            monkeypatch.setattr(sys, "argv", ["pipeline", *way, *command])
            with pytest.raises(SystemExit) as ended:
                cli.main()
            # All is well, or there is trouble; nothing was refused.
            assert ended.value.code in {0, 1}, command
        found[command] = list(recorder.calls)
    return found


def is_allowed(request: Request, *policies: Policy) -> bool:
    return evaluate(request, identity=policies).allowed


def requests_of(commands: Commands, some: Iterable[tuple[str, ...]]) -> list[Request]:
    """The requests of some commands, each once."""
    calls = [call for command in some for call in commands[command]]
    found: list[Request] = []
    for request in (request for call in calls for request in call.requests):
        if request not in found:
            found.append(request)
    return found


def test_each_command_is_allowed_what_it_does(commands: Commands) -> None:
    reading, changing = policy(READING), policy(CHANGING)

    refused = [
        (command, request.action, request.resource)
        for command, calls in commands.items()
        for call in calls
        for request in call.requests
        if not is_allowed(
            request, *([reading] if command in READING_COMMANDS else [reading, changing])
        )
    ]

    assert refused == []


def test_commands_that_read_change_nothing_and_reading_allows_no_change(
    commands: Commands,
) -> None:
    changes = {call.name for command in CHANGING_COMMANDS for call in commands[command]}
    assert changes >= CHANGING_CALLS
    for command in READING_COMMANDS:
        assert not CHANGING_CALLS & {call.name for call in commands[command]}, command

    allowed = [
        call
        for command in CHANGING_COMMANDS
        for call in commands[command]
        if call.name in CHANGING_CALLS
        and all(is_allowed(request, policy(READING)) for request in call.requests)
    ]

    assert allowed == []


def test_each_action_and_each_resource_is_needed(commands: Commands) -> None:
    reading = requests_of(commands, READING_COMMANDS)
    everything = requests_of(commands, commands)
    needless = []
    for name, requests in ((READING, reading), (CHANGING, everything)):
        other = [] if name == READING else [policy(READING)]
        allowed = [request for request in requests if is_allowed(request, policy(name), *other)]
        for lesser, missing in without_one(name):
            if all(is_allowed(request, policy(name, lesser), *other) for request in allowed):
                needless.append((name, *missing))

    assert needless == []


def without_one(name: str) -> Iterable[tuple[list[Any], tuple[str, str]]]:
    """Yield a document's statements without one action or one resource, and which."""
    statements = document(name)["Statement"]
    for statement in statements:
        others = [other for other in statements if other is not statement]
        for part in ("Action", "Resource"):
            for value in statement[part]:
                rest = [one for one in statement[part] if one != value]
                lesser = [{**statement, part: rest}] if rest else []
                yield others + lesser, (statement["Sid"], value)


def test_another_pipeline_is_out_of_reach(commands: Commands) -> None:
    policies = policy(READING), policy(CHANGING)
    for request in requests_of(commands, commands):
        elsewhere = replace(
            request,
            resource=request.resource.replace("orders-", f"{OTHER_PIPELINE}-"),
            context={
                key: str(value).replace("orders-", f"{OTHER_PIPELINE}-")
                for key, value in request.context.items()
            },
        )
        allowed = is_allowed(elsewhere, *policies)
        assert allowed is (request.action in OF_ANY_PIPELINE), elsewhere


def test_of_live_queues_no_message_is_received(commands: Commands) -> None:
    received = [
        request
        for request in requests_of(commands, commands)
        if request.action in {"sqs:ReceiveMessage", "sqs:DeleteMessage"}
    ]
    assert received
    for request in received:
        live = replace(request, resource=request.resource.removesuffix("-dlq"))
        assert not is_allowed(live, policy(READING), policy(CHANGING))


def test_the_runbook_tells_what_each_command_asks_for(commands: Commands) -> None:
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    table = text.partition("## Required permissions")[2]
    rows = re.findall(r"^\| `?(\w+)`? \| (.*) \|$", table, re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+:\w+)`", cell)) for name, cell in rows[1:]}
    # What a key needs is told below the table.
    asked: dict[str, set[str]] = {}
    for command in commands:
        actions = {request.action for request in requests_of(commands, [command])}
        some = {action for action in actions if not action.startswith("kms:")}
        asked[command[0]] = asked.get(command[0], set()) | some
    everywhere = told.pop("all")

    assert everywhere <= asked["status"]
    assert {name: actions - everywhere for name, actions in asked.items()} == told
