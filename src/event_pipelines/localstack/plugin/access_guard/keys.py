"""The KMS keys that a request uses through a service, and the KMS actions.

A service uses a customer-managed key on behalf of its caller, so the key's policy (and the
policies of the caller's role) must allow that. The exceptions are CloudWatch Logs, which uses the
key as itself, and Lambda and S3 replication, which hold grants.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from access_guard import policies
from access_guard.actions import Access, Facts

# What each service asks of KMS when it carries out an action:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
# https://docs.aws.amazon.com/kms/latest/developerguide/services-dynamodb.html
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "sqs:SendMessage": ("GenerateDataKey", "Decrypt"),
    "sqs:ReceiveMessage": ("Decrypt",),
    "sns:Publish": ("GenerateDataKey", "Decrypt"),
    "s3:GetObject": ("Decrypt",),
    "s3:GetObjectVersion": ("Decrypt",),
    "s3:PutObject": ("GenerateDataKey",),
    "dynamodb:BatchGetItem": ("Decrypt",),
    "dynamodb:BatchWriteItem": ("Decrypt",),
    "dynamodb:DeleteItem": ("Decrypt",),
    "dynamodb:GetItem": ("Decrypt",),
    "dynamodb:PutItem": ("Decrypt",),
    "dynamodb:Query": ("Decrypt",),
    "dynamodb:Scan": ("Decrypt",),
    "dynamodb:UpdateItem": ("Decrypt",),
    "logs:AssociateKmsKey": ("Encrypt", "Decrypt", "GenerateDataKey"),
    "logs:CreateLogGroup": ("Encrypt", "Decrypt", "GenerateDataKey"),
    "logs:PutLogEvents": ("GenerateDataKey", "Encrypt"),
    "logs:FilterLogEvents": ("Decrypt",),
    "logs:GetLogEvents": ("Decrypt",),
}

# An upload in parts decrypts the data key for each part:
# https://repost.aws/knowledge-center/s3-large-file-encryption-kms-key
_IN_PARTS = {"CompleteMultipartUpload", "UploadPart"}


def key_accesses(access: Access, operation: str, request: Mapping[str, Any]) -> Iterator[Access]:
    """Yield the uses of the resource's key; nothing if the resource has no key."""
    needed = _NEEDED.get(access.action)
    if needed is None:
        return
    key = _key(access, request)
    if key is None:
        return
    service = access.action.partition(":")[0]
    if operation in _IN_PARTS:
        needed = ("Decrypt",)
    for action in needed:
        yield Access(f"kms:{action}", key, _facts(access, service), via=service)


def _key(access: Access, request: Mapping[str, Any]) -> str | None:
    if access.action == "s3:PutObject":
        named = request.get("SSEKMSKeyId") or policies.key_of_bucket(access.resource)
        return policies.as_key_arn(named, access.resource)
    if access.action in {"logs:CreateLogGroup", "logs:AssociateKmsKey"}:
        return policies.as_key_arn(request.get("kmsKeyId"), access.resource)
    return policies.key_of(access.resource, version_id=request.get("VersionId"))


def _facts(access: Access, service: str) -> Facts:
    """Return the facts about the resource that the encryption context contains."""
    match service:
        case "logs":
            return {"source_arn": access.resource.partition(":log-stream:")[0]}
        case "s3":
            # With a bucket key the context is the bucket, and else the object:
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
            return {"bucket_arn": access.resource.partition("/")[0]}
        case "dynamodb":
            return {"table": access.resource.rpartition("/")[2]}
        case _:
            return {}
