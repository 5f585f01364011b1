"""An applied pipeline as its tests see it: upload here, look for the results there."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError
from mypy_boto3_events import EventBridgeClient
from mypy_boto3_iam import IAMClient
from mypy_boto3_kms import KMSClient
from mypy_boto3_sns import SNSClient
from mypy_boto3_sqs import SQSClient
from mypy_boto3_sts import STSClient

from event_pipelines.operations import dead_letters
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.dead_letters import DeadLetter
from tests.integration.waiting import eventually

HIDDEN_SECONDS = 3
DASHBOARD = "module.dashboard[0].aws_cloudwatch_dashboard.this"


def unique(name: str) -> str:
    """A key of its own for each run of a test, so that tests don't see each other's files."""
    return f"incoming/{secrets.token_hex(4)}/{name}"


class Clients(Aws):
    """The AWS APIs of the LocalStack under test: those of the operator's tool, and more."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Clients":
        """Make the clients from the variables an instance gives to its users."""
        session = boto3.session.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        return cls(session, environment["AWS_ENDPOINT_URL"])

    @property
    def events(self) -> EventBridgeClient:
        """Rules and archives."""
        client: EventBridgeClient = self._client("events")
        return client

    @property
    def iam(self) -> IAMClient:
        """Roles."""
        client: IAMClient = self._client("iam")
        return client

    @property
    def kms(self) -> KMSClient:
        """Keys."""
        client: KMSClient = self._client("kms")
        return client

    @property
    def sns(self) -> SNSClient:
        """Topics."""
        client: SNSClient = self._client("sns")
        return client

    @property
    def sts(self) -> STSClient:
        """Sessions of roles."""
        client: STSClient = self._client("sts")
        return client


class Inbox:
    """What a topic has told since somebody began to listen.

    Parameters
    ----------
    sqs
        The API of the queue that is subscribed.
    url
        That queue.
    """

    def __init__(self, sqs: SQSClient, url: str) -> None:
        self._sqs = sqs
        self._url = url
        self._messages: list[str] = []

    def messages(self) -> list[str]:
        """Return all messages so far, oldest first."""
        received = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        self._messages.extend(message["Body"] for message in received.get("Messages", []))
        return self._messages

    def alarms(self, name: str) -> list[dict[str, Any]]:
        """Return the notifications so far of an alarm that went off.

        It also tells of OK, such as when it is evaluated before its first data arrive.
        """
        told = [json.loads(message) for message in self.messages() if name in message]
        return [alarm for alarm in told if alarm["NewStateValue"] == "ALARM"]


@dataclass(frozen=True)
class AppliedPipeline:
    """The outputs of the root module or of an example, with the verbs a test needs.

    Attributes
    ----------
    outputs
        As ``terraform output -json`` gives them.
    clients
        The APIs of the instance the pipeline is applied in.
    """

    outputs: Mapping[str, Any]
    clients: Clients
    _seen: dict[str, dict[str, DeadLetter]] = field(default_factory=dict)

    @property
    def bucket(self) -> str:
        """The bucket files are uploaded to."""
        return str(self.outputs["bucket"]["name"])

    def consumer(self, name: str) -> Any:
        """One consumer's queue, dead-letter queue, function, role and mapping."""
        return self.outputs["consumers"][name]

    def upload(self, key: str, body: bytes | str, **arguments: Any) -> str:
        """Put an object and give its version."""
        content = body.encode() if isinstance(body, str) else body
        put = self.clients.s3.put_object(Bucket=self.bucket, Key=key, Body=content, **arguments)
        return put["VersionId"]

    def object_at(self, key: str) -> bytes | None:
        """Read an object, or give nothing where there is none."""
        try:
            return self.clients.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    def output_of(self, key: str, *, within: float = 60) -> Any:
        """Wait for what ``transform`` made of an object, and give the parsed document."""
        output = f"processed/{key}"
        body = eventually(
            lambda: self.object_at(output), within=within, waiting_for=f"s3://.../{output}"
        )
        assert body is not None
        return json.loads(body)

    def log_lines(self, consumer: str) -> list[dict[str, Any]]:
        """Read every structured line the consumer's function has logged."""
        group = self.consumer(consumer)["function"]["log_group_name"]
        pages = self.clients.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        lines = []
        for page in pages:
            for event in page["events"]:
                try:
                    line = json.loads(event["message"])
                except ValueError:
                    continue
                if isinstance(line, dict):
                    lines.append(line)
        return lines

    def outcomes(self, consumer: str, key: str) -> list[dict[str, Any]]:
        """List the lines a consumer logged about an object, oldest first."""
        return [
            line
            for line in self.log_lines(consumer)
            if line.get("key") == key and "outcome" in line
        ]

    def outcome(
        self, consumer: str, key: str, outcome: str, *, within: float = 60
    ) -> dict[str, Any]:
        """Wait until a consumer has logged this outcome of an object, and give the line."""
        lines = eventually(
            lambda: self.outcomes(consumer, key),
            until=lambda lines: any(line["outcome"] == outcome for line in lines),
            within=within,
            waiting_for=f"{consumer} to log {key} as {outcome}",
        )
        return next(line for line in lines if line["outcome"] == outcome)

    def dead_letter(
        self, consumer: str, matching: Callable[[DeadLetter], bool], *, within: float = 60
    ) -> DeadLetter:
        """Wait for a message in a consumer's dead-letter queue; the queue keeps it."""

        def look() -> DeadLetter | None:
            return next(filter(matching, self.dead_letters(consumer)), None)

        found = eventually(look, within=within, waiting_for=f"a message in the DLQ of {consumer}")
        assert found is not None
        return found

    def dead_letter_about(self, consumer: str, key: str, *, within: float = 60) -> DeadLetter:
        """Wait for the dead-lettered message about an object."""
        uri = f"s3://{self.bucket}/{key}"
        return self.dead_letter(consumer, lambda letter: letter.is_about(uri), within=within)

    def visible_messages(self, url: str) -> int:
        """Count the messages of a queue that could be received now."""
        attributes = self.clients.sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"])

    def queue_depth(self, url: str) -> int:
        """Count a queue's messages, those in flight included."""
        attributes = self.clients.sqs.get_queue_attributes(
            QueueUrl=url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )["Attributes"]
        return sum(map(int, attributes.values()))

    def role_policy(self, consumer: str) -> Any:
        """Read what a consumer's role allows."""
        role = self.consumer(consumer)["role"]["name"]
        return self.clients.iam.get_role_policy(RoleName=role, PolicyName="function")[
            "PolicyDocument"
        ]

    @contextmanager
    def subscribed(self, topic_arn: str) -> Iterator[Inbox]:
        """Listen to a topic as long as the block runs."""
        sqs = self.clients.sqs
        url = sqs.create_queue(QueueName=f"inbox-{secrets.token_hex(4)}")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = attributes["Attributes"]["QueueArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        subscription = self.clients.sns.subscribe(
            TopicArn=topic_arn,
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"RawMessageDelivery": "true"},
        )
        yield Inbox(sqs, url)
        self.clients.sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        sqs.delete_queue(QueueUrl=url)

    @contextmanager
    def paused(self, consumer: str) -> Iterator[None]:
        """Stop a consumer from polling, so that what a test sends waits as one batch."""
        mapping = self.consumer(consumer)["event_source_mapping"]["uuid"]
        self._switch(mapping, enabled=False)
        try:
            yield
        finally:
            self._switch(mapping, enabled=True)

    def _switch(self, mapping: str, *, enabled: bool) -> None:
        wanted = "Enabled" if enabled else "Disabled"
        eventually(
            lambda: self._state(mapping),
            until=lambda state: not state.endswith("ing"),
            waiting_for=f"mapping {mapping} to come to rest",
        )
        self.clients.lambda_.update_event_source_mapping(UUID=mapping, Enabled=enabled)
        eventually(
            lambda: self._state(mapping),
            until=lambda state: state == wanted,
            waiting_for=f"mapping {mapping} to be {wanted}",
        )

    def _state(self, mapping: str) -> str:
        return self.clients.lambda_.get_event_source_mapping(UUID=mapping)["State"]

    def dead_letters(self, consumer: str) -> list[DeadLetter]:
        """Return every message a dead-letter queue has held so far.

        Messages stay in the queue, where the alarm and a redrive find them. Each receive hides
        those before it for a moment, or SQS would give the same ten again.
        """
        url = self.consumer(consumer)["dead_letter_queue"]["url"]
        seen = self._seen.setdefault(consumer, {})
        while received := self.clients.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages"):
            for message in received:
                seen[message["MessageId"]] = dead_letters.read(message, consumer)
        return list(seen.values())
