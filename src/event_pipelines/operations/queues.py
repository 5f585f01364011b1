"""What SQS says of a queue: its messages, its visibility timeout, and who may send to it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from event_pipelines.operations.aws import Aws


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue's attributes.

    Attributes
    ----------
    arn
        Its ARN.
    waiting, in_flight
        Its messages: visible or delayed, and in flight. Both are approximate.
    visibility_seconds
        How long a message that was received is invisible.
    sources
        The ARNs, or patterns of ARNs, that its policy allows to send: buckets, topics and rules.
    """

    arn: str
    waiting: int
    in_flight: int
    visibility_seconds: int
    sources: tuple[str, ...] = ()

    @property
    def messages(self) -> int:
        """All of its messages."""
        return self.waiting + self.in_flight


def read(url: str, aws: Aws) -> Queue:
    """Request a queue's attributes."""
    told = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    delayed = int(told["ApproximateNumberOfMessagesDelayed"])
    return Queue(
        arn=told["QueueArn"],
        waiting=int(told["ApproximateNumberOfMessages"]) + delayed,
        in_flight=int(told["ApproximateNumberOfMessagesNotVisible"]),
        visibility_seconds=int(told["VisibilityTimeout"]),
        sources=tuple(sources(told.get("Policy", ""))),
    )


def sources(policy: str) -> Iterator[str]:
    """Yield the sources that a resource's policy allows; none if there is no policy."""
    if not policy:
        return
    statements = json.loads(policy)["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        if statement["Effect"] != "Allow":
            continue
        for conditions in statement.get("Condition", {}).values():
            yield from _source_arns(conditions)


def _source_arns(conditions: dict[str, Any]) -> Iterator[str]:
    # The names of condition keys are not case-sensitive; a function's policy has AWS:SourceArn.
    for key, value in conditions.items():
        if key.lower() == "aws:sourcearn":
            yield from [value] if isinstance(value, str) else value
