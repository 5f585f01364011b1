"""What AWS asks IAM about when the tool calls its APIs.

The actions, resources and condition keys of each operation are in the service authorization
reference: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from botocore.client import BaseClient

from aws_rules.policies import Principal, Request

ACCOUNT = "111122223333"
REGION: Final = "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd"
OPERATOR = Principal.role(f"arn:aws:iam::{ACCOUNT}:role/operator", "on-call")

type Parameters = Mapping[str, Any]
type _Needs = tuple[str, str] | tuple[str, str, Mapping[str, str]]


@dataclass(frozen=True)
class Call:
    """One call of an API: ``sqs``, ``SendMessage`` and what it was called with."""

    service: str
    operation: str
    parameters: Parameters

    @property
    def name(self) -> str:
        """The operation with its service."""
        return f"{self.service}:{self.operation}"

    @property
    def requests(self) -> list[Request]:
        """What IAM decides; an operation that is not listed here is a KeyError.

        Everything is encrypted with one customer-managed key.
        """
        return [
            Request(
                principal=OPERATOR,
                action=action,
                resource=resource,
                account=ACCOUNT,
                context=context[0] if context else {},
            )
            for action, resource, *context in _NEEDS[self.name](self.parameters)
        ]


@dataclass
class Recorder:
    """Notes each call, and answers those that moto doesn't know."""

    calls: list[Call] = field(default_factory=list)
    answers: Mapping[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Listen to every client of this process."""
        make_api_call = BaseClient._make_api_call  # type: ignore[attr-defined]

        def recorded(client: Any, operation: str, parameters: Parameters) -> Any:
            call = Call(client.meta.service_model.service_name, operation, dict(parameters))
            with self._lock:
                self.calls.append(call)
            if call.name in self.answers:
                return self.answers[call.name]
            return make_api_call(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", recorded)


def _function(parameters: Parameters) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{parameters['FunctionName']}"


def _mapping(action: str) -> Callable[[Parameters], Iterable[_Needs]]:
    # https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html
    context = {"lambda:FunctionArn": _function({"FunctionName": "orders-load"})}
    prefix = f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:"
    return lambda parameters: [(action, prefix + parameters["UUID"], context)]


def _on_queue(action: str, *key_actions: str) -> Callable[[Parameters], Iterable[_Needs]]:
    """An action on a queue; of a batch AWS asks the action without Batch.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    """

    def needs(parameters: Parameters) -> Sequence[_Needs]:
        url = parameters.get("QueueUrl", "")
        name = url.rpartition("/")[2] or parameters["SourceArn"].rpartition(":")[2]
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        return [(action, queue), *((key_action, KEY) for key_action in key_actions)]

    return needs


def _on_bucket(action: str) -> Callable[[Parameters], Iterable[_Needs]]:
    return lambda parameters: [(action, f"arn:aws:s3:::{parameters['Bucket']}")]


def _head(parameters: Parameters) -> Sequence[_Needs]:
    """Without s3:ListBucket a missing object is answered with 403.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    """
    bucket = f"arn:aws:s3:::{parameters['Bucket']}"
    return [
        ("s3:GetObject", f"{bucket}/{parameters['Key']}"),
        ("s3:ListBucket", bucket),
        ("kms:Decrypt", KEY),
    ]


def _on_table(action: str) -> Callable[[Parameters], Iterable[_Needs]]:
    def needs(parameters: Parameters) -> Sequence[_Needs]:
        tables = parameters.get("RequestItems") or [parameters["TableName"]]
        return [(action, f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}") for name in tables]

    return needs


def _log_group(parameters: Parameters) -> Sequence[_Needs]:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{parameters['logGroupName']}:*"
    return [("logs:FilterLogEvents", group)]


_NEEDS: Mapping[str, Callable[[Parameters], Iterable[_Needs]]] = {
    "cloudwatch:DescribeAlarms": lambda _: [
        ("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:*")
    ],
    "cloudwatch:GetMetricStatistics": lambda _: [("cloudwatch:GetMetricStatistics", "*")],
    "dynamodb:BatchGetItem": _on_table("dynamodb:BatchGetItem"),
    "dynamodb:GetItem": _on_table("dynamodb:GetItem"),
    "dynamodb:PutItem": _on_table("dynamodb:PutItem"),
    "dynamodb:Query": _on_table("dynamodb:Query"),
    "events:ListRuleNamesByTarget": lambda _: [("events:ListRuleNamesByTarget", "*")],
    # Environments are decrypted for the caller:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
    "lambda:GetEventSourceMapping": _mapping("lambda:GetEventSourceMapping"),
    "lambda:GetFunctionConfiguration": lambda parameters: [
        ("lambda:GetFunctionConfiguration", _function(parameters)),
        ("kms:Decrypt", KEY),
    ],
    "lambda:GetPolicy": lambda parameters: [("lambda:GetPolicy", _function(parameters))],
    "lambda:ListEventSourceMappings": lambda _: [("lambda:ListEventSourceMappings", "*")],
    "lambda:ListFunctions": lambda _: [("lambda:ListFunctions", "*"), ("kms:Decrypt", KEY)],
    "lambda:UpdateEventSourceMapping": _mapping("lambda:UpdateEventSourceMapping"),
    "logs:FilterLogEvents": _log_group,
    "s3:GetBucketNotificationConfiguration": _on_bucket("s3:GetBucketNotification"),
    "s3:HeadObject": _head,
    "s3:ListObjectVersions": _on_bucket("s3:ListBucketVersions"),
    "s3:ListObjectsV2": _on_bucket("s3:ListBucket"),
    "sqs:ChangeMessageVisibilityBatch": _on_queue("sqs:ChangeMessageVisibility"),
    "sqs:DeleteMessageBatch": _on_queue("sqs:DeleteMessage"),
    "sqs:GetQueueAttributes": _on_queue("sqs:GetQueueAttributes"),
    "sqs:ReceiveMessage": _on_queue("sqs:ReceiveMessage", "kms:Decrypt"),
    "sqs:SendMessageBatch": _on_queue("sqs:SendMessage", "kms:Decrypt", "kms:GenerateDataKey"),
}
