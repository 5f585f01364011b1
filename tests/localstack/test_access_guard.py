"""The access guard: LocalStack refuses what AWS refuses, in AWS's words."""

import json
import os
import secrets
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from aws_rules.recording import read
from event_pipelines.localstack import Instance
from tests.integration.waiting import eventually
from tests.localstack.functions import Functions

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.environ.get("LOCALSTACK", "embedded") != "embedded", reason="of the embedded one only"
    ),
]

ACCOUNT = "000000000000"
REGION = "us-east-1"


def document(*statements: Mapping[str, Any]) -> str:
    """Write a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action: str | list[str], resource: str, **more: Any) -> dict[str, Any]:
    """Write a statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def service(name: str) -> dict[str, str]:
    """Name a service as a principal."""
    return {"Service": f"{name}.amazonaws.com"}


class World:
    """An account, as its root user and as roles of it."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.functions = Functions(instance)
        self.name = f"guard-{secrets.token_hex(4)}"
        self.client = self.functions.client

    def arn(self, kind: str, suffix: str = "") -> str:
        """Return the ARN of the resource of a kind that bears this world's name."""
        return f"arn:aws:{kind}:{REGION}:{ACCOUNT}:{self.name}{suffix}"

    def queue(self, suffix: str = "", **attributes: str) -> str:
        """Make a queue; give its URL."""
        made = self.client("sqs").create_queue(QueueName=self.name + suffix, Attributes=attributes)
        return str(made["QueueUrl"])

    def messages(self, url: str) -> list[str]:
        """Receive what is in a queue."""
        received = self.client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return [message["Body"] for message in received.get("Messages", [])]

    def as_role(self, *rights: Mapping[str, Any], of: str) -> Any:
        """Make a client of a service with the credentials of a role that has some rights."""
        iam = self.client("iam")
        name = f"{self.name}-{secrets.token_hex(2)}"
        root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        trust = {"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole"}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]
        if rights:
            iam.put_role_policy(
                RoleName=name, PolicyName="rights", PolicyDocument=document(*rights)
            )
        session = self.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="somebody")
        credentials = session["Credentials"]
        make: Any = boto3.client
        return make(
            of,
            endpoint_url=self.instance.endpoint_url,
            region_name=REGION,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )

    def was_refused(self, principal: str, action: str, resource: str) -> bool:
        """Whether the guard has refused this."""
        assert self.instance.access_recording is not None
        return any(
            not decision.allowed
            and decision.request.principal.service == f"{principal}.amazonaws.com"
            and (decision.request.action, decision.request.resource) == (action, resource)
            for decision in read(self.instance.access_recording)
        )


@pytest.fixture
def world(localstack: Instance) -> World:
    """An account with nothing of the test's in it."""
    return World(localstack)


def test_a_role_may_do_what_its_policies_allow_and_is_told_what_it_may_not(world: World) -> None:
    world.queue()
    other = world.queue("-other")
    sqs = world.as_role(allow("sqs:SendMessage", world.arn("sqs")), of="sqs")
    sqs.send_message(QueueUrl=other.removesuffix("-other"), MessageBody="mine")

    with pytest.raises(ClientError) as refused:
        sqs.send_message_batch(QueueUrl=other, Entries=[{"Id": "1", "MessageBody": "not mine"}])

    error = refused.value.response["Error"]
    assert error["Code"] == "AccessDenied"
    assert "assumed-role" in error["Message"]
    assert error["Message"].endswith(
        f"is not authorized to perform: sqs:SendMessage on resource: {world.arn('sqs', '-other')}"
        " because no identity-based policy allows the sqs:SendMessage action"
    )


@pytest.mark.parametrize(
    ("of", "code", "request_"),
    [
        ("sns", "AuthorizationError", lambda client: client.list_topics()),
        ("s3", "AccessDenied", lambda client: client.list_buckets()),
        ("lambda", "AccessDeniedException", lambda client: client.list_functions()),
        ("dynamodb", "AccessDeniedException", lambda client: client.list_tables()),
        ("kms", "AccessDeniedException", lambda client: client.list_keys()),
        ("logs", "AccessDeniedException", lambda client: client.describe_log_groups()),
        ("cloudwatch", "AccessDenied", lambda client: client.describe_alarms()),
    ],
)
def test_each_service_names_the_refusal_as_on_aws(
    world: World, of: str, code: str, request_: Any
) -> None:
    with pytest.raises(ClientError) as refused:
        request_(world.as_role(of=of))

    assert refused.value.response["Error"]["Code"] == code


def test_s3_takes_no_notification_to_a_queue_that_does_not_let_it_in(world: World) -> None:
    sqs, s3 = world.client("sqs"), world.client("s3")
    url = world.queue()
    s3.create_bucket(Bucket=world.name)
    wanted = {"QueueArn": world.arn("sqs"), "Events": ["s3:ObjectCreated:*"]}
    configuration = {"QueueConfigurations": [wanted]}

    with pytest.raises(ClientError, match="Unable to validate the following destination"):
        s3.put_bucket_notification_configuration(
            Bucket=world.name, NotificationConfiguration=configuration
        )

    own = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{world.name}"},
    }
    statement = allow("sqs:SendMessage", world.arn("sqs"), Principal=service("s3"), Condition=own)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(statement)})
    s3.put_bucket_notification_configuration(
        Bucket=world.name, NotificationConfiguration=configuration
    )
    eventually(lambda: world.messages(url), waiting_for="the test event")


def test_what_a_queue_refuses_ends_in_the_subscriptions_dead_letter_queue(world: World) -> None:
    sns = world.client("sns")
    topic = sns.create_topic(Name=world.name)["TopicArn"]
    url = world.queue()
    from_topic = allow(
        "sqs:SendMessage",
        world.arn("sqs", "-dlq"),
        Principal=service("sns"),
        Condition={"ArnEquals": {"aws:SourceArn": topic}},
    )
    dead_letters = world.queue("-dlq", Policy=document(from_topic))
    redrive = {"deadLetterTargetArn": world.arn("sqs", "-dlq")}
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=world.arn("sqs"),
        Attributes={"RedrivePolicy": json.dumps(redrive)},
    )

    sns.publish(TopicArn=topic, Message="for a queue that is closed")

    eventually(lambda: world.messages(dead_letters), waiting_for="the refused message")
    assert world.messages(url) == []
    assert world.was_refused("sns", "sqs:SendMessage", world.arn("sqs"))


@pytest.mark.parametrize("with_account", [True, False])
def test_eventbridge_names_no_account_to_a_function(world: World, *, with_account: bool) -> None:
    lambda_, events = world.client("lambda"), world.client("events")
    function = world.functions.make()
    configuration = lambda_.get_function_configuration(FunctionName=function)
    rule = events.put_rule(Name=world.name, EventPattern=json.dumps({"source": [world.name]}))[
        "RuleArn"
    ]
    lambda_.add_permission(
        FunctionName=function,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
        **({"SourceAccount": ACCOUNT} if with_account else {}),
    )
    target = {"Id": "function", "Arn": configuration["FunctionArn"]}
    events.put_targets(Rule=world.name, Targets=[target])

    event = {"Source": world.name, "DetailType": "test", "Detail": json.dumps({"say": "invoked"})}
    events.put_events(Entries=[event])

    if with_account:
        eventually(
            lambda: world.was_refused(
                "events", "lambda:InvokeFunction", configuration["FunctionArn"]
            ),
            waiting_for="the refusal",
        )
        assert "START" not in world.functions.logs(function)
    else:
        eventually(
            lambda: world.functions.logs(function),
            until=lambda text: "REPORT" in text,
            waiting_for="the invocation",
        )


@pytest.mark.parametrize("with_condition", [True, False])
def test_eventbridge_names_no_rule_to_a_topic(world: World, *, with_condition: bool) -> None:
    sns, events = world.client("sns"), world.client("events")
    rule = events.put_rule(Name=world.name, EventPattern=json.dumps({"source": [world.name]}))[
        "RuleArn"
    ]
    condition = {"Condition": {"ArnEquals": {"aws:SourceArn": rule}}} if with_condition else {}
    statement = allow("sns:Publish", world.arn("sns"), Principal=service("events"), **condition)
    topic = sns.create_topic(Name=world.name, Attributes={"Policy": document(statement)})[
        "TopicArn"
    ]
    from_topic = allow("sqs:SendMessage", world.arn("sqs"), Principal=service("sns"))
    url = world.queue(Policy=document(from_topic))
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=world.arn("sqs"))
    events.put_targets(Rule=world.name, Targets=[{"Id": "topic", "Arn": topic}])

    events.put_events(Entries=[{"Source": world.name, "DetailType": "test", "Detail": "{}"}])

    if with_condition:
        eventually(
            lambda: world.was_refused("events", "sns:Publish", topic), waiting_for="the refusal"
        )
        assert world.messages(url) == []
    else:
        eventually(lambda: world.messages(url), waiting_for="the event")


def test_a_key_decides_too(world: World) -> None:
    sqs, kms = world.client("sqs"), world.client("kms")
    key = kms.create_key(Description=world.name)["KeyMetadata"]
    url = world.queue(KmsMasterKeyId=key["Arn"])
    rights = allow(["sqs:SendMessage", "sqs:ReceiveMessage"], world.arn("sqs"))

    with pytest.raises(ClientError) as refused:
        world.as_role(rights, of="sqs").send_message(QueueUrl=url, MessageBody="no")

    assert refused.value.response["Error"]["Code"] == "KMS.AccessDeniedException"
    assert "kms:GenerateDataKey" in str(refused.value)
    # The default key policy leaves it to the account's own policies.
    key_rights = allow(["kms:GenerateDataKey", "kms:Decrypt"], key["Arn"])
    world.as_role(rights, key_rights, of="sqs").send_message(QueueUrl=url, MessageBody="yes")
    # A service is in no account: the key's policy alone lets it use the key.
    from_sns = allow("sqs:SendMessage", world.arn("sqs"), Principal=service("sns"))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(from_sns)})
    sns = world.client("sns")
    topic = sns.create_topic(Name=world.name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=world.arn("sqs"))
    sns.publish(TopicArn=topic, Message="no")
    eventually(
        lambda: world.was_refused("sns", "kms:GenerateDataKey", key["Arn"]),
        waiting_for="the refusal",
    )
    assert world.messages(url) == ["yes"]


def test_who_may_not_list_a_bucket_is_not_told_that_a_file_is_missing(world: World) -> None:
    world.client("s3").create_bucket(Bucket=world.name)
    bucket = f"arn:aws:s3:::{world.name}"
    read_files = allow("s3:GetObject", f"{bucket}/*")

    with pytest.raises(ClientError, match="s3:ListBucket"):
        world.as_role(read_files, of="s3").get_object(Bucket=world.name, Key="missing")
    with pytest.raises(ClientError, match="NoSuchKey"):
        world.as_role(read_files, allow("s3:ListBucket", bucket), of="s3").get_object(
            Bucket=world.name, Key="missing"
        )


def test_an_unsigned_request_needs_a_policy_that_lets_everybody_in(world: World) -> None:
    s3 = world.client("s3")
    s3.create_bucket(Bucket=world.name)
    s3.put_object(Bucket=world.name, Key="a", Body=b"text")
    make: Any = boto3.client
    unsigned = make(
        "s3",
        endpoint_url=world.instance.endpoint_url,
        region_name=REGION,
        config=Config(signature_version=UNSIGNED),
    )

    with pytest.raises(ClientError, match="AccessDenied"):
        unsigned.get_object(Bucket=world.name, Key="a")

    s3.delete_public_access_block(Bucket=world.name)
    statement = allow("s3:GetObject", f"arn:aws:s3:::{world.name}/*", Principal="*")
    s3.put_bucket_policy(Bucket=world.name, Policy=document(statement))
    assert unsigned.get_object(Bucket=world.name, Key="a")["Body"].read() == b"text"


def test_another_account_is_let_in_by_the_resource_alone(world: World) -> None:
    topic = world.client("sns").create_topic(Name=world.name)["TopicArn"]
    make: Any = boto3.client
    elsewhere = make(
        "sns",
        endpoint_url=world.instance.endpoint_url,
        region_name=REGION,
        aws_access_key_id="222222222222",
        aws_secret_access_key="test",
    )

    with pytest.raises(ClientError) as refused:
        elsewhere.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:222222222222:theirs"
        )

    error = refused.value.response["Error"]
    assert error["Code"] == "AuthorizationError"
    assert "because no resource-based policy allows the sns:Subscribe action" in error["Message"]
