"""What a request asks for: the action and the resource as IAM has them."""

from typing import Any

import pytest

from access_guard.actions import Access, Place, UnknownOperationError, accesses

PLACE = Place(
    "aws",
    "eu-west-1",
    "111122223333",
    partition_key={"arn:aws:dynamodb:eu-west-1:111122223333:table/ledger": "consumer"}.get,
    function_of_mapping={"uuid": "arn:aws:lambda:eu-west-1:111122223333:function:load"}.get,
)
QUEUE = "http://127.0.0.1:4566/111122223333/orders"
QUEUE_ARN = "arn:aws:sqs:eu-west-1:111122223333:orders"
TOPIC_ARN = "arn:aws:sns:eu-west-1:111122223333:orders"
TABLE_ARN = "arn:aws:dynamodb:eu-west-1:111122223333:table/ledger"
LOGS_ARN = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/load:log-stream:"


@pytest.mark.parametrize(
    ("service", "operation", "request_", "action", "resource"),
    [
        ("sqs", "SendMessageBatch", {"QueueUrl": QUEUE}, "sqs:SendMessage", QUEUE_ARN),
        (
            "sqs",
            "ChangeMessageVisibilityBatch",
            {"QueueUrl": QUEUE.replace("1111", "9999")},
            "sqs:ChangeMessageVisibility",
            QUEUE_ARN.replace("1111", "9999"),
        ),
        ("sqs", "GetQueueUrl", {"QueueName": "orders"}, "sqs:GetQueueUrl", QUEUE_ARN),
        ("sqs", "ListQueues", {}, "sqs:ListQueues", "*"),
        ("sns", "PublishBatch", {"TopicArn": TOPIC_ARN}, "sns:Publish", TOPIC_ARN),
        (
            "sns",
            "GetSubscriptionAttributes",
            {"SubscriptionArn": f"{TOPIC_ARN}:1"},
            "sns:GetSubscriptionAttributes",
            "*",
        ),
        ("s3", "HeadObject", {"Bucket": "b", "Key": "k"}, "s3:GetObject", "arn:aws:s3:::b/k"),
        (
            "s3",
            "GetObject",
            {"Bucket": "b", "Key": "a/ü *", "VersionId": "1"},
            "s3:GetObjectVersion",
            "arn:aws:s3:::b/a/ü *",
        ),
        ("s3", "UploadPart", {"Bucket": "b", "Key": "k"}, "s3:PutObject", "arn:aws:s3:::b/k"),
        ("s3", "HeadBucket", {"Bucket": "b"}, "s3:ListBucket", "arn:aws:s3:::b"),
        ("s3", "ListObjectVersions", {"Bucket": "b"}, "s3:ListBucketVersions", "arn:aws:s3:::b"),
        (
            "lambda",
            "Invoke",
            {"FunctionName": "load"},
            "lambda:InvokeFunction",
            "arn:aws:lambda:eu-west-1:111122223333:function:load",
        ),
        ("logs", "FilterLogEvents", {"logGroupName": "/aws/lambda/load"}, None, LOGS_ARN),
        (
            "logs",
            "PutLogEvents",
            {"logGroupName": "/aws/lambda/load", "logStreamName": "s"},
            None,
            f"{LOGS_ARN}s",
        ),
        (
            "cloudwatch",
            "DescribeAlarms",
            {"AlarmNames": ["a"]},
            None,
            "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a",
        ),
        ("cloudwatch", "GetMetricData", {}, None, "*"),
        (
            "kms",
            "Decrypt",
            {"KeyId": "1-2"},
            None,
            "arn:aws:kms:eu-west-1:111122223333:key/1-2",
        ),
    ],
)
def test_an_operation_is_an_action_on_a_resource(
    service: str, operation: str, request_: dict[str, Any], action: str | None, resource: str
) -> None:
    asked = accesses(service, operation, request_, PLACE)

    assert asked == [Access(action or f"{service}:{operation}", resource, asked[0].facts)]


def test_a_copy_reads_one_object_and_writes_another() -> None:
    request = {"Bucket": "b", "Key": "to", "CopySource": "a/from%20here?versionId=1"}

    assert accesses("s3", "CopyObject", request, PLACE) == [
        Access("s3:GetObjectVersion", "arn:aws:s3:::a/from here"),
        Access("s3:PutObject", "arn:aws:s3:::b/to"),
    ]


def test_objects_that_are_deleted_at_once_are_asked_for_one_by_one() -> None:
    objects = [{"Key": "a"}, {"Key": "b", "VersionId": "1"}]

    assert accesses(
        "s3", "DeleteObjects", {"Bucket": "x", "Delete": {"Objects": objects}}, PLACE
    ) == [
        Access("s3:DeleteObject", "arn:aws:s3:::x/a"),
        Access("s3:DeleteObjectVersion", "arn:aws:s3:::x/b"),
    ]


def test_moving_messages_takes_the_rights_to_do_so_by_hand() -> None:
    request = {"SourceArn": f"{QUEUE_ARN}-dlq", "DestinationArn": QUEUE_ARN}

    asked = accesses("sqs", "StartMessageMoveTask", request, PLACE)

    assert {(access.action, access.resource) for access in asked} == {
        ("sqs:StartMessageMoveTask", f"{QUEUE_ARN}-dlq"),
        ("sqs:ReceiveMessage", f"{QUEUE_ARN}-dlq"),
        ("sqs:DeleteMessage", f"{QUEUE_ARN}-dlq"),
        ("sqs:GetQueueAttributes", f"{QUEUE_ARN}-dlq"),
        ("sqs:SendMessage", QUEUE_ARN),
    }


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("UpdateItem", {"TableName": "ledger", "Key": {"consumer": {"S": "a/b"}}}),
        ("PutItem", {"TableName": TABLE_ARN, "Item": {"consumer": {"S": "a/b"}}}),
        (
            "Query",
            {
                "TableName": "ledger",
                "KeyConditionExpression": "#c = :c AND begins_with(#o, :o)",
                "ExpressionAttributeNames": {"#c": "consumer", "#o": "object"},
                "ExpressionAttributeValues": {":c": {"S": "a/b"}, ":o": {"S": "s3://"}},
            },
        ),
        ("BatchGetItem", {"RequestItems": {"ledger": {"Keys": [{"consumer": {"S": "a/b"}}]}}}),
        (
            "BatchWriteItem",
            {
                "RequestItems": {
                    "ledger": [
                        {"PutRequest": {"Item": {"consumer": {"S": "a/b"}}}},
                        {"DeleteRequest": {"Key": {"consumer": {"S": "a/b"}}}},
                    ]
                }
            },
        ),
    ],
)
def test_the_partition_keys_of_a_request_are_known(
    operation: str, request_: dict[str, Any]
) -> None:
    assert accesses("dynamodb", operation, request_, PLACE) == [
        Access(f"dynamodb:{operation}", TABLE_ARN, {"partition_keys": ("a/b",)})
    ]


def test_a_mapping_knows_its_function() -> None:
    [access] = accesses("lambda", "UpdateEventSourceMapping", {"UUID": "uuid"}, PLACE)

    assert access.resource.endswith(":event-source-mapping:uuid")
    assert access.facts == {
        "lambda:FunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:load"
    }


def test_whoever_asks_may_know_who_they_are() -> None:
    assert accesses("sts", "GetCallerIdentity", {}, PLACE) == []


def test_what_is_not_known_is_not_guessed() -> None:
    with pytest.raises(UnknownOperationError, match="batch"):
        accesses("batch", "SubmitJob", {}, PLACE)
    with pytest.raises(UnknownOperationError, match="lambda:GetLayerVersion"):
        accesses("lambda", "GetLayerVersion", {"LayerName": "x"}, PLACE)
