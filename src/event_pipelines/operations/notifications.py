"""Whether a bucket still notifies a pipeline, and which configuration has taken its place.

A bucket has one notification configuration, and whoever writes it replaces the whole:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from botocore.exceptions import ClientError

from event_pipelines.operations import queues
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.discovery import Consumer
from event_pipelines.operations.queues import Queue

_KINDS = {
    "topic": ("TopicConfigurations", "TopicArn"),
    "queue": ("QueueConfigurations", "QueueArn"),
    "function": ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
}
# More would hide the sentence that they are in.
_MAX_TOLD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A topic, a queue or a function that a bucket notifies.

    Attributes
    ----------
    kind, arn
        ``topic``, ``queue`` or ``function``, and its ARN.
    name
        The name of the entry in the configuration; S3 makes one up if its author has given none.
    events, filters
        The names of the events, and prefix and suffix.
    """

    kind: str
    arn: str
    name: str
    events: tuple[str, ...]
    filters: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.arn} ({', '.join([self.name, *self.events, *self.filters])})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    """The notification configuration of a bucket.

    Attributes
    ----------
    bucket
        The bucket.
    targets
        What it notifies.
    eventbridge
        Whether it sends all events to EventBridge.
    unknown
        Why the configuration could not be read; empty if it was.
    """

    bucket: str
    targets: Sequence[Target] = ()
    eventbridge: bool = False
    unknown: str = ""

    def invokes(self, function: str) -> bool:
        """Return whether S3 invokes a function directly."""
        return any(
            target.kind == "function" and target.arn.split(":")[6] == function
            for target in self.targets
        )

    def __str__(self) -> str:
        told = [f"the {target}" for target in self.targets[:_MAX_TOLD]]
        if (more := len(self.targets) - _MAX_TOLD) > 0:
            told.append(f"{more:,} more")
        if self.eventbridge:
            told.append("EventBridge")
        return ", ".join(told) or "nothing"


def read(bucket: str, aws: Aws) -> Notifications:
    """Request the notification configuration of a bucket."""
    try:
        told: Mapping[str, Any] = aws.s3.get_bucket_notification_configuration(Bucket=bucket)
    except ClientError as error:
        return Notifications(bucket=bucket, unknown=str(error))
    targets = [
        Target(
            kind=kind,
            arn=entry[arn],
            name=entry.get("Id", ""),
            events=tuple(entry["Events"]),
            filters=tuple(
                f"{rule['Name'].lower()} {rule['Value']}"
                for rule in entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
            ),
        )
        for kind, (entries, arn) in _KINDS.items()
        for entry in told.get(entries, [])
    ]
    return Notifications(
        bucket=bucket, targets=targets, eventbridge="EventBridgeConfiguration" in told
    )


def trouble(notifications: Notifications, consumer: Consumer, queue: Queue | None, aws: Aws) -> str:
    """Return what is wrong if a bucket does not notify a consumer; empty if it does.

    It does if its configuration names the consumer's queue, its function, or a topic from which the
    queue's policy allows messages, or if it sends to EventBridge and a rule targets the consumer.

    Parameters
    ----------
    queue
        The consumer's queue, if it has one.
    """
    if notifications.unknown:
        return (
            f"it is unknown whether s3://{notifications.bucket} still notifies it: "
            f"{notifications.unknown}"
        )
    sources = _function_sources(consumer, aws) if queue is None else queue.sources
    if not sources or notifications.invokes(consumer.function):
        # Without a policy, its senders are not known: they use permissions of their own.
        return ""
    if any(
        (queue is not None and target.arn == queue.arn)
        or any(fnmatchcase(target.arn, source) for source in sources)
        for target in notifications.targets
    ):
        return ""
    if notifications.eventbridge and _has_rule(consumer, queue, aws):
        return ""
    return (
        f"s3://{notifications.bucket} does not notify it: another configuration has replaced the "
        f"bucket's notification configuration, which names {notifications}. Merge the two, because "
        "a bucket has only one, apply this pipeline's, and process the files that were written "
        f"meanwhile: pipeline replay --consumer {consumer.name} --prefix PREFIX --since TIME"
    )


def _function_sources(consumer: Consumer, aws: Aws) -> Sequence[str]:
    try:
        policy = aws.lambda_.get_policy(FunctionName=consumer.function)["Policy"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return ()
    return tuple(queues.sources(policy))


def _has_rule(consumer: Consumer, queue: Queue | None, aws: Aws) -> bool:
    arn = consumer.function_arn if queue is None else queue.arn
    return bool(aws.events.list_rule_names_by_target(TargetArn=arn)["RuleNames"])
