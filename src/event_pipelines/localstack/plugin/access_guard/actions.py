"""The IAM actions and resources of an API request.

Most operations have an action with the same name. The others, and the form of each resource's ARN,
are in the service authorization reference:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

type Facts = Mapping[str, str | tuple[str, ...]]


class UnknownOperationError(Exception):
    """The resource of an operation is unknown; the message names the operation."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request is sent, with look-ups for the resources there.

    Attributes
    ----------
    partition, region, account
        The caller's.
    partition_key
        Returns the name of a table's partition key, by the table's ARN.
    function_of_mapping
        Returns the ARN of an event source mapping's function, by the mapping's UUID.
    """

    partition: str
    region: str
    account: str
    partition_key: Callable[[str], str | None] = lambda _table: None
    function_of_mapping: Callable[[str], str | None] = lambda _uuid: None

    def arn(self, service: str, resource: str, *, account: str | None = None) -> str:
        """Return the ARN of a resource in this region, by default in the caller's account."""
        owner = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{self.region}:{owner}:{resource}"


@dataclass(frozen=True, slots=True)
class Access:
    """One action on one resource.

    Attributes
    ----------
    action
        As in policies: ``sqs:SendMessage``.
    resource
        The ARN, or ``*`` for an action without resource types.
    facts
        Facts about the request, by the names in `aws_rules.deliveries`, and further condition
        keys by their own names.
    via
        The service that calls KMS, for the use of a key.
    """

    action: str
    resource: str
    facts: Facts = field(default_factory=dict)
    via: str = ""


type Request = Mapping[str, Any]


def accesses(service: str, operation: str, request: Request, place: Place) -> list[Access]:
    """List the actions and resources of a request.

    Raises
    ------
    UnknownOperationError
        The service or the operation is not one that pipelines and operators use.
    """
    read = _SERVICES.get(service)
    if read is None:
        raise UnknownOperationError(f"the access guard doesn't know the resources of {service}")
    return list(read(operation, request, place))


def _sqs(operation: str, request: Request, place: Place) -> Iterator[Access]:
    if operation in {"ListQueues", "CreateQueue"}:
        name = request.get("QueueName")
        yield Access(f"sqs:{operation}", place.arn("sqs", name) if name else "*")
        return
    if operation == "GetQueueUrl":
        owner = request.get("QueueOwnerAWSAccountId")
        yield Access("sqs:GetQueueUrl", place.arn("sqs", request["QueueName"], account=owner))
        return
    if operation in {"StartMessageMoveTask", "ListMessageMoveTasks"}:
        yield from _move(operation, request)
        return
    # A batch is checked as its single action:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    action = operation.removesuffix("Batch")
    yield Access(f"sqs:{action}", queue_arn(request["QueueUrl"], place))


def _move(operation: str, request: Request) -> Iterator[Access]:
    """Require the permissions for moving the messages manually.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
    """
    source = request["SourceArn"]
    yield Access(f"sqs:{operation}", source)
    if operation == "StartMessageMoveTask":
        for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            yield Access(f"sqs:{action}", source)
        if destination := request.get("DestinationArn"):
            yield Access("sqs:SendMessage", destination)


def queue_arn(url: str, place: Place) -> str:
    """Return the ARN of the queue at a URL, whose path ends in the account and the name."""
    _, account, name = urlsplit(url).path.rsplit("/", 2)
    return place.arn("sqs", name, account=account)


def _sns(operation: str, request: Request, place: Place) -> Iterator[Access]:
    # Batches are checked as Publish, and what is asked of a subscription knows no resource:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
    arn = request.get("TopicArn") or request.get("TargetArn") or request.get("ResourceArn")
    if operation == "CreateTopic":
        arn = place.arn("sns", request["Name"])
    yield Access(f"sns:{operation.removesuffix('Batch')}", arn or "*")


_S3_ACTIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "UploadPart": "PutObject",
}
_OF_A_VERSION = {"DeleteObject", "GetObject"}


def _s3(operation: str, request: Request, place: Place) -> Iterator[Access]:
    """S3's actions: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html."""
    action = _S3_ACTIONS.get(operation, operation)
    bucket = f"arn:{place.partition}:s3:::{request.get('Bucket', '*')}"
    if operation == "ListBuckets":
        yield Access("s3:ListAllMyBuckets", "*")
    elif operation == "DeleteObjects":
        for item in request["Delete"]["Objects"]:
            versioned = "Version" if item.get("VersionId") else ""
            yield Access(f"s3:DeleteObject{versioned}", f"{bucket}/{item['Key']}")
    elif "Key" in request:
        if operation == "CopyObject":
            yield _copied(request["CopySource"], place)
        if request.get("VersionId") and action in _OF_A_VERSION:
            action += "Version"
        yield Access(f"s3:{action}", f"{bucket}/{request['Key']}")
    else:
        facts = {"s3:prefix": request["Prefix"]} if request.get("Prefix") else {}
        yield Access(f"s3:{action}", bucket, facts)


def _copied(source: str, place: Place) -> Access:
    path, _, version = source.lstrip("/").partition("?versionId=")
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    return Access(action, f"arn:{place.partition}:s3:::{unquote(path)}")


def _lambda(operation: str, request: Request, place: Place) -> Iterator[Access]:
    if operation in {"ListFunctions", "ListEventSourceMappings", "GetAccountSettings"}:
        yield Access(f"lambda:{operation}", "*")
        return
    action = {"Invoke": "InvokeFunction"}.get(operation, operation)
    if uuid := request.get("UUID"):
        arn = place.arn("lambda", f"event-source-mapping:{uuid}")
        function = place.function_of_mapping(uuid)
        yield Access(f"lambda:{action}", arn, {"lambda:FunctionArn": function} if function else {})
        return
    name = request.get("FunctionName")
    if name is None:
        raise UnknownOperationError(f"the access guard doesn't know lambda:{operation}'s resource")
    arn = name if name.startswith("arn:") else place.arn("lambda", f"function:{name}")
    yield Access(f"lambda:{action}", arn)


def _dynamodb(operation: str, request: Request, place: Place) -> Iterator[Access]:
    if operation in {"BatchWriteItem", "BatchGetItem"}:
        for name, asked in request["RequestItems"].items():
            table = _table(name, place)
            yield Access(f"dynamodb:{operation}", table, _leading_keys(table, asked, place))
        return
    name = request.get("TableName") or request.get("ResourceArn")
    if name is None:
        yield Access(f"dynamodb:{operation}", "*")
        return
    table = _table(name, place)
    yield Access(f"dynamodb:{operation}", table, _leading_keys(table, request, place))


def _table(name: str, place: Place) -> str:
    return name if name.startswith("arn:") else place.arn("dynamodb", f"table/{name}")


def _leading_keys(table: str, asked: Any, place: Place) -> Facts:
    """Return the partition key values of a request.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    partition_key = place.partition_key(table)
    if partition_key is None:
        # The table doesn't exist: DynamoDB says so to callers that may use a table of that name.
        return {"partition_keys": ("unknown",)}
    found = [str(value) for value in _values(asked, partition_key)]
    return {"partition_keys": tuple(dict.fromkeys(found))} if found else {}


def _values(asked: Any, partition_key: str) -> Iterator[Any]:
    if not isinstance(asked, Mapping):
        # The requests of a BatchWriteItem: a PutRequest or a DeleteRequest each.
        for entry in asked:
            for request in entry.values():
                yield from _values(request, partition_key)
        return
    items = [asked[name] for name in ("Key", "Item") if name in asked]
    for item in [*items, *asked.get("Keys", ())]:
        if partition_key in item:
            yield from item[partition_key].values()
    if condition := asked.get("KeyConditionExpression"):
        names = asked.get("ExpressionAttributeNames", {})
        for name, value in _EQUALS.findall(condition):
            if names.get(name, name) == partition_key:
                yield from asked["ExpressionAttributeValues"][value].values()


_EQUALS = re.compile(r"([#\w]+)\s*=\s*(:\w+)")


def _logs(operation: str, request: Request, place: Place) -> Iterator[Access]:
    group = request.get("logGroupName") or request.get("logGroupIdentifier")
    if group is None:
        yield Access(f"logs:{operation}", place.arn("logs", "log-group:*"))
        return
    # AWS's ARN includes a stream even if the request has none, so a policy needs `:*`.
    stream = request.get("logStreamName", "")
    name = group.rpartition(":log-group:")[2].removesuffix(":*")
    arn = place.arn("logs", f"log-group:{name}:log-stream:{stream}")
    function = place.arn("lambda", f"function:{name.removeprefix('/aws/lambda/')}")
    yield Access(f"logs:{operation}", arn, {"function_arn": function})


def _cloudwatch(operation: str, request: Request, place: Place) -> Iterator[Access]:
    if operation in {"DescribeAlarms", "SetAlarmState"}:
        names = request.get("AlarmNames") or [request.get("AlarmName") or "*"]
        for name in names:
            yield Access(f"cloudwatch:{operation}", place.arn("cloudwatch", f"alarm:{name}"))
        return
    yield Access(f"cloudwatch:{operation}", "*")


def _kms(operation: str, request: Request, place: Place) -> Iterator[Access]:
    key = request.get("KeyId")
    if key and not key.startswith("arn:"):
        key = place.arn("kms", key if key.startswith("alias/") else f"key/{key}")
    yield Access(f"kms:{operation}", key or "*")


def _sts(operation: str, request: Request, _place: Place) -> Iterator[Access]:
    # Whoever asks is told who they are, whatever policies say:
    # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    if operation != "GetCallerIdentity":
        yield Access(f"sts:{operation}", request.get("RoleArn", "*"))


def _events(operation: str, request: Request, place: Place) -> Iterator[Access]:
    rule = request.get("Rule") or request.get("Name")
    arn = place.arn("events", f"rule/{rule}") if rule else "*"
    yield Access(f"events:{operation}", arn)


def _iam(operation: str, request: Request, place: Place) -> Iterator[Access]:
    role = request.get("RoleName")
    arn = f"arn:{place.partition}:iam::{place.account}:role/{role}" if role else "*"
    yield Access(f"iam:{operation}", arn)


_SERVICES: Mapping[str, Callable[[str, Request, Place], Iterator[Access]]] = {
    "cloudwatch": _cloudwatch,
    "dynamodb": _dynamodb,
    "events": _events,
    "iam": _iam,
    "kms": _kms,
    "lambda": _lambda,
    "logs": _logs,
    "s3": _s3,
    "sns": _sns,
    "sqs": _sqs,
    "sts": _sts,
}
