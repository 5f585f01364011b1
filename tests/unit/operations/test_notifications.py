"""Whether a bucket notifies a consumer, and what it names if it does not."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from event_pipelines.operations import notifications, queues
from event_pipelines.operations.notifications import Notifications, Target
from tests.unit.operations.world import BUCKET, TOPIC_ARN, World

ARN = "arn:aws:{}:eu-west-1:123456789012:{}"
QUEUE_ARN, FUNCTION_ARN = ARN.format("sqs", "orders-load"), ARN.format("lambda", "function:{}")
RULE_ARN = ARN.format("events", "rule/orders-load")
# What the policy of the root module's queues allows, whichever the route is.
SENDERS = (TOPIC_ARN, f"arn:aws:s3:::{BUCKET}", RULE_ARN)


def target(kind: str, arn: str) -> Target:
    return Target(
        kind=kind,
        arn=arn,
        name="tf-s3-topic-1",
        events=("s3:ObjectCreated:*",),
        filters=("prefix in/",),
    )


class Rules:
    """EventBridge, as far as it is asked."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def list_rule_names_by_target(self, TargetArn: str) -> dict[str, Any]:  # noqa: N803
        assert TargetArn in {QUEUE_ARN, FUNCTION_ARN.format("orders-load")}
        return {"RuleNames": self.names}


def trouble(world: World, *targets: Target, eventbridge: bool = False) -> str:
    told = Notifications(bucket=BUCKET, targets=targets, eventbridge=eventbridge)
    url = world.consumer.queue_url
    queue = queues.read(url, world.aws) if url else None
    return notifications.trouble(told, world.consumer, queue, world.aws)


@pytest.mark.parametrize(
    ("kind", "arn"),
    [
        ("topic", TOPIC_ARN),
        ("queue", QUEUE_ARN),
        ("function", FUNCTION_ARN.format("orders-load")),
    ],
)
def test_a_bucket_that_names_the_pipeline_on_any_route_notifies_it(
    world: World, kind: str, arn: str
) -> None:
    world.allow_senders(*SENDERS)

    assert trouble(world, target(kind, arn)) == ""


@pytest.mark.parametrize(
    ("kind", "arn"),
    [
        ("topic", ARN.format("sns", "bills")),
        ("queue", ARN.format("sqs", "orders-load-dlq")),
        ("function", FUNCTION_ARN.format("orders-load-2")),
    ],
)
def test_a_configuration_that_has_taken_its_place_is_told(
    world: World, kind: str, arn: str
) -> None:
    world.allow_senders(*SENDERS)

    told = trouble(world, target(kind, arn))

    assert f"names the {kind} {arn} (tf-s3-topic-1, s3:ObjectCreated:*, prefix in/)" in told
    assert "pipeline replay --consumer load" in told


def test_an_empty_configuration_and_a_long_one_are_told(world: World) -> None:
    world.allow_senders(*SENDERS)
    others = [target("topic", ARN.format("sns", f"bills-{number}")) for number in range(5)]

    assert "names nothing." in trouble(world)
    assert "bills-2 (" in trouble(world, *others)
    assert ", 2 more." in trouble(world, *others)


def test_eventbridge_notifies_it_if_a_rule_names_its_queue(world: World) -> None:
    world.allow_senders(*SENDERS)

    world.aws._made["events"] = Rules("orders-load")
    assert trouble(world, eventbridge=True) == ""
    world.aws._made["events"] = Rules()
    assert "names EventBridge." in trouble(world, eventbridge=True)


def test_a_function_without_a_queue_has_a_policy_of_its_own(world: World) -> None:
    direct = World(
        world.aws,
        replace(world.consumer, queue_url=None, function_arn=FUNCTION_ARN.format("orders-load")),
    )

    condition = {"ArnLike": {"AWS:SourceArn": f"arn:aws:s3:::{BUCKET}"}}

    class Policies:
        policy = json.dumps({"Statement": [{"Effect": "Allow", "Condition": condition}]})

        def get_policy(self, **_: str) -> dict[str, str]:
            if not self.policy:
                code: Any = {"Error": {"Code": "ResourceNotFoundException", "Message": "none"}}
                raise ClientError(code, "GetPolicy")
            return {"Policy": self.policy}

    world.aws._made["lambda"] = policies = Policies()
    assert "names nothing." in trouble(direct)
    assert trouble(direct, target("function", FUNCTION_ARN.format("orders-load"))) == ""
    policies.policy = ""
    assert trouble(direct) == ""


def test_without_a_policy_the_senders_are_unknown(world: World) -> None:
    assert trouble(world, target("topic", ARN.format("sns", "bills"))) == ""


def test_who_may_not_be_allowed_is_no_sender(world: World) -> None:
    policy = '{"Statement": {"Effect": "Deny", "Condition": {"ArnLike": {"aws:SourceArn": "a"}}}}'

    assert list(queues.sources(policy)) == []
    assert list(queues.sources("")) == []


def test_a_configuration_that_can_not_be_read_is_not_taken_for_good(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_: str) -> None:
        code: Any = {"Error": {"Code": "AccessDenied", "Message": "no s3:GetBucketNotification"}}
        raise ClientError(code, "GetBucketNotificationConfiguration")

    world.allow_senders(*SENDERS)
    monkeypatch.setattr(world.aws.s3, "get_bucket_notification_configuration", denied)
    told = notifications.read(BUCKET, world.aws)

    queue = queues.read(str(world.consumer.queue_url), world.aws)
    assert "it is unknown whether s3://orders-files still notifies it" in notifications.trouble(
        told, world.consumer, queue, world.aws
    )


def test_the_configuration_is_read_as_s3_gives_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {
        "Id": "files-0",
        "TopicArn": TOPIC_ARN,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "in/"}]}},
    }
    told = {"TopicConfigurations": [entry], "EventBridgeConfiguration": {}}
    monkeypatch.setattr(world.aws.s3, "get_bucket_notification_configuration", lambda **_: told)

    read = notifications.read(BUCKET, world.aws)

    assert (len(read.targets), read.eventbridge) == (1, True)
    assert str(read) == (
        f"the topic {TOPIC_ARN} (files-0, s3:ObjectCreated:*, prefix in/), EventBridge"
    )
