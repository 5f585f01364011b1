"""S3's events as AWS writes them: encoded in notifications, as they are in EventBridge."""

import json
import os
import secrets
import subprocess
from typing import Any

import pytest

from event_pipelines.installation import SOURCES
from event_pipelines.localstack import Instance
from event_pipelines.localstack.environments import HERE, LOCALSTACK, set_up
from tests.integration.waiting import eventually
from tests.localstack.functions import Functions, let_in

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.environ.get("LOCALSTACK", "embedded") != "embedded", reason="of the embedded one only"
    ),
]

# Where LocalStack polls the queues of mappings.
POLLER = "services.lambda_.event_source_mapping.pollers.sqs_poller"

ENCODED = {
    "a b.json": "a+b.json",
    "a+b": "a%2Bb",
    "100%": "100%25",
    "x&y=z": "x%26y%3Dz",
    "é/日本": "%C3%A9/%E6%97%A5%E6%9C%AC",
}


@pytest.fixture(scope="module")
def events(localstack: Instance) -> dict[str, list[Any]]:
    """Upload the keys, and collect what reaches a queue of each route."""
    functions = Functions(localstack)
    s3, sqs, bridge = functions.client("s3"), functions.client("sqs"), functions.client("events")
    name = f"events-{secrets.token_hex(4)}"
    queues = {}
    for route, service in (("notification", "s3"), ("eventbridge", "events")):
        url = sqs.create_queue(QueueName=f"{name}-{route}")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = attributes["Attributes"]["QueueArn"]
        let_in(sqs, url, arn, service)
        queues[route] = (url, arn)
    s3.create_bucket(Bucket=name)
    pattern = json.dumps({"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}})
    bridge.put_rule(Name=name, EventPattern=pattern)
    bridge.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queues["eventbridge"][1]}])
    s3.put_bucket_notification_configuration(
        Bucket=name,
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": queues["notification"][1], "Events": ["s3:ObjectCreated:*"]}
            ],
            "EventBridgeConfiguration": {},
        },
    )
    for key in ENCODED:
        s3.put_object(Bucket=name, Key=key, Body=b"")
    found: dict[str, list[Any]] = {route: [] for route in queues}

    def receive(route: str) -> list[Any]:
        for message in sqs.receive_message(QueueUrl=queues[route][0], MaxNumberOfMessages=10).get(
            "Messages", []
        ):
            body = json.loads(message["Body"])
            sqs.delete_message(QueueUrl=queues[route][0], ReceiptHandle=message["ReceiptHandle"])
            if "Records" in body:
                found[route].append(body["Records"][0]["s3"]["object"])
            elif "detail" in body:
                found[route].append(body["detail"]["object"])
        return found[route]

    for route in queues:
        eventually(
            lambda route=route: receive(route),  # type: ignore[misc]
            until=lambda objects: len(objects) == len(ENCODED),
            waiting_for=f"all events by {route}",
        )
    return found


def test_a_notification_spells_keys_as_forms_do(events: dict[str, list[Any]]) -> None:
    assert {stored["key"] for stored in events["notification"]} == set(ENCODED.values())


def test_eventbridge_has_keys_as_they_are(events: dict[str, list[Any]]) -> None:
    assert {stored["key"] for stored in events["eventbridge"]} == set(ENCODED)


@pytest.mark.parametrize("route", ["notification", "eventbridge"])
def test_sequencers_tell_events_apart_and_grow(events: dict[str, list[Any]], route: str) -> None:
    by_key = {stored["key"]: stored["sequencer"] for stored in events[route]}
    keys = list(ENCODED.values() if route == "notification" else ENCODED)

    assert [by_key[key] for key in keys] == sorted(set(by_key.values()))


def test_wildcards_stand_for_nothing_too_and_can_be_escaped(localstack: Instance) -> None:
    bridge = Functions(localstack).client("events")
    event = {
        "id": "1",
        "account": "000000000000",
        "source": "aws.s3",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail-type": "Object Created",
    }

    def matches(pattern: str, key: str) -> bool:
        answer = bridge.test_event_pattern(
            EventPattern=json.dumps({"detail": {"key": [{"wildcard": pattern}]}}),
            Event=json.dumps(event | {"detail": {"key": key}}),
        )
        return bool(answer["Result"])

    assert matches("in/*.json", "in/.json")
    assert matches("in/*.json", "in/a\nb.json")
    assert not matches("in/*.json", "in/a.jsonl")
    assert not matches("in/*.json", "in/axjson")
    assert matches(r"a\*/*", "a*/b")
    assert not matches(r"a\*/*", "ab/b")


# What a plugin's hook replaces in LocalStack.
REPLACED = [
    ("host_lambda.s3_events.emulate_s3_events", "services.s3.notifications.quote"),
    (
        "host_lambda.s3_events.emulate_s3_events",
        "services.s3.notifications.EventBridgeNotifier",
    ),
    (
        "host_lambda.event_patterns.match_wildcards",
        "services.events.event_rule_engine.EventRuleEngine._evaluate_wildcard",
    ),
    (
        "host_lambda.event_dead_letters.keep_undelivered_events",
        "services.events.target.TargetSender.process_event",
    ),
    (
        "host_lambda.queue_events.keep_message_bodies",
        f"{POLLER}.transform_into_events",
    ),
    (
        "host_lambda.queue_polling.wait_for_messages",
        f"{POLLER}.SqsPoller._register_client_hooks",
    ),
    (
        "host_lambda.mapping_states.disable_after_last_poll",
        "services.lambda_.event_source_mapping.esm_worker.EsmWorker.create",
    ),
    (
        "host_lambda.queue_metrics.publish_queue_metrics_together",
        "services.sqs.provider.CloudwatchDispatcher.dispatch_sqs_metric",
    ),
    (
        "access_guard.sources.name_sources",
        "services.cloudwatch.provider_v2.connect_to",
    ),
    (
        "access_guard.sources.name_sources",
        "services.events.target.TargetSender._initialize_client",
    ),
    ("access_guard.guard.guard_access", "aws.handlers.serve_custom_service_request_handlers"),
]
# All is imported once. In a process of its own each hook runs without what it replaces.
WITHOUT = """
import importlib, json, os, pkgutil, sys
pairs = [(hook.rsplit(".", 1), gone.rsplit(".", 1)) for hook, gone in json.load(sys.stdin)]
owners = [pkgutil.resolve_name("localstack." + owner) for _, (owner, _) in pairs]
for owner, ((module, function), (_, name)) in zip(owners, pairs, strict=True):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        continue
    delattr(owner, name)
    try:
        getattr(importlib.import_module(module), function)()
    except Exception as error:
        print(json.dumps(f"{type(error).__name__}: {error}"), flush=True)
    else:
        print("null", flush=True)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def errors() -> list[str | None]:
    """What each hook raises where LocalStack lacks what it replaces."""
    set_up()
    done = subprocess.run(
        [LOCALSTACK / "bin" / "python", "-c", WITHOUT],
        input=json.dumps(REPLACED),
        check=True,
        env={"PYTHONPATH": os.pathsep.join(map(str, (HERE / "plugin", SOURCES)))},
        stdout=subprocess.PIPE,
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("number", range(len(REPLACED)), ids=[gone for _, gone in REPLACED])
def test_a_localstack_without_what_is_replaced_does_not_start(
    errors: list[str | None], number: int
) -> None:
    error = errors[number]

    assert error is not None
    assert REPLACED[number][1].rpartition(".")[2] in error
