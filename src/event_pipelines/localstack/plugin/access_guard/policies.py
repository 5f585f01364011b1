"""The policies that LocalStack stores: of roles, queues, topics, buckets, functions and keys.

LocalStack's own modules are imported where they are used, because LocalStack silently skips a
plugin whose module can't be imported.
"""

import importlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from aws_rules.policies import Policy, parse


@dataclass(frozen=True, slots=True)
class Document:
    """A stored policy.

    Attributes
    ----------
    name
        The policy's name in messages: ``role orders-transform: function``, ``arn:aws:sqs:...``.
    text
        The JSON document.
    """

    name: str
    text: str

    @property
    def policy(self) -> Policy:
        """The parsed policy; raises `aws_rules.policies.PolicyError`."""
        return parse(self.text, name=self.name)


def of_role(arn: str) -> list[Document]:
    """Return the policies of a role; none if the role doesn't exist."""
    role = _role(arn)
    if role is None:
        return []
    inline = sorted(role.policies.items())
    return [
        *(Document(f"role {role.name}: {name}", text) for name, text in inline),
        *(Document(policy.arn, policy.document) for policy in role.managed_policies.values()),
    ]


def of_resource(arn: str) -> Document | None:
    """Return the policy of a resource; None if it has none."""
    service = arn.split(":")[2] if arn.startswith("arn:") else ""
    # The bucket's policy applies to an object.
    owner = arn.partition("/")[0] if service == "s3" else arn
    find = _FINDERS.get(service)
    text = find(owner) if find else None
    return None if text is None else Document(owner, text)


def owner_of(arn: str) -> str | None:
    """Return the account of a resource: from its ARN, except for a bucket."""
    if not arn.startswith("arn:"):
        return None
    parts = arn.split(":", 5)
    if parts[2] == "s3":
        bucket = parts[5].partition("/")[0]
        stores: Any = _module("localstack.services.s3.models").s3_stores
        owner: str | None = stores[_ANY_ACCOUNT][_ANY_REGION].global_bucket_map.get(bucket)
        return owner
    return parts[4] or None


def partition_key(table_arn: str) -> str | None:
    """Return the name of a table's partition key."""
    table = _table(table_arn)
    return None if table is None else str(table.hash_key_attr)


def function_of_mapping(uuid: str) -> str | None:
    """Return the ARN of an event source mapping's function."""
    stores: Any = _module("localstack.services.lambda_.invocation.models").lambda_stores
    for account in stores.values():
        for store in account.values():
            if mapping := store.event_source_mappings.get(uuid):
                return str(mapping["FunctionArn"])
    return None


def key_of(arn: str, *, version_id: str | None = None) -> str | None:
    """Return the ARN of the customer-managed key of a resource; None if it has none.

    AWS managed keys (``alias/aws/...``) are ignored: AWS controls their policies.
    """
    service = arn.split(":")[2]
    return as_key_arn(_KEYS[service](arn, version_id), arn) if service in _KEYS else None


def as_key_arn(key: str | None, resource_arn: str) -> str | None:
    """Return the ARN of a key that may be given by its ID."""
    if not key or "alias/aws/" in key:
        return None
    if key.startswith("arn:"):
        return key
    _, partition, _, region, account, _ = resource_arn.split(":", 5)
    return f"arn:{partition}:kms:{region or _ANY_REGION}:{account or _ANY_ACCOUNT}:key/{key}"


def exists(arn: str) -> bool:
    """Return whether a queue, a topic or a function exists; other resources are not checked."""
    find = {"sqs": _queue, "sns": _topic, "lambda": _function}.get(arn.split(":")[2])
    return find is None or find(arn) is not None


def log_group_exists(arn: str) -> bool:
    """Return whether a log group exists, by the ARN of one of its streams."""
    return _log_group(arn) is not None


def object_is_missing(arn: str, version_id: str | None) -> bool:
    """Return whether an object is missing; S3 says so only to callers that may list the bucket."""
    bucket, key = _bucket_and_key(arn)
    if bucket is None or not key:
        return False
    try:
        bucket.get_object(key=key, version_id=version_id)
    except Exception:  # noqa: BLE001 (S3 has several errors for it)
        return True
    return False


_ANY_ACCOUNT = "000000000000"
_ANY_REGION = "us-east-1"


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _role(arn: str) -> Any:
    backends = _module("moto.iam.models").iam_backends
    _, partition, _, _, account, path = arn.split(":", 5)
    name = path.rpartition("/")[2]
    roles = backends[account][partition].roles.values()
    return next((role for role in roles if role.name == name), None)


def _trust(arn: str) -> str | None:
    role = _role(arn)
    return None if role is None else str(role.assume_role_policy_document)


def _queue(arn: str) -> Any:
    _, _, _, region, account, name = arn.split(":", 5)
    stores = _module("localstack.services.sqs.models").sqs_stores
    return stores[account][region].queues.get(name)


def _topic(arn: str) -> Any:
    _, _, _, region, account, _ = arn.split(":", 5)
    stores = _module("localstack.services.sns.models").sns_stores
    return stores[account][region].topics.get(arn)


def _function(arn: str) -> Any:
    _, _, _, region, account, resource = arn.split(":", 5)
    kind, _, name = resource.partition(":")
    if kind != "function":
        return None
    stores = _module("localstack.services.lambda_.invocation.models").lambda_stores
    return stores[account][region].functions.get(name.partition(":")[0])


def _bucket_and_key(arn: str) -> tuple[Any, str]:
    name, _, key = arn.split(":", 5)[5].partition("/")
    owner = owner_of(arn)
    stores = _module("localstack.services.s3.models").s3_stores
    bucket = None if owner is None else stores[owner][_ANY_REGION].buckets.get(name)
    return bucket, key


def _log_group(arn: str) -> Any:
    _, _, _, region, account, resource = arn.split(":", 5)
    name = resource.removeprefix("log-group:").partition(":")[0]
    return _module("moto.logs.models").logs_backends[account][region].groups.get(name)


def _table(arn: str) -> Any:
    _, _, _, region, account, resource = arn.split(":", 5)
    backends = _module("moto.dynamodb.models").dynamodb_backends
    return backends[account][region].tables.get(resource.split("/")[1])


def _queue_policy(arn: str) -> str | None:
    queue = _queue(arn)
    return None if queue is None else queue.attributes.get("Policy") or None


def _topic_policy(arn: str) -> str | None:
    topic = _topic(arn)
    return None if topic is None else topic["attributes"].get("Policy") or None


def _bucket_policy(arn: str) -> str | None:
    bucket, _ = _bucket_and_key(arn)
    return None if bucket is None else bucket.policy or None


def _function_policy(arn: str) -> str | None:
    function = _function(arn)
    if function is None:
        return None
    _, _, _, _, _, _, _, *qualifier = arn.split(":")
    granted = function.permissions.get(qualifier[0] if qualifier else "$LATEST")
    # After the last permission was removed, LocalStack keeps an empty policy.
    is_empty = granted is None or not granted.policy.Statement
    return None if is_empty else json.dumps(asdict(granted.policy))


def _key_policy(arn: str) -> str | None:
    _, _, _, region, account, resource = arn.split(":", 5)
    stores = _module("localstack.services.kms.models").kms_stores
    key = stores[account][region].keys.get(resource.removeprefix("key/"))
    return None if key is None else str(key.policy)


_FINDERS = {
    "iam": _trust,
    "kms": _key_policy,
    "lambda": _function_policy,
    "s3": _bucket_policy,
    "sns": _topic_policy,
    "sqs": _queue_policy,
}


def _key_of_queue(arn: str, _version_id: str | None) -> str | None:
    queue = _queue(arn)
    return None if queue is None else queue.attributes.get("KmsMasterKeyId")


def _key_of_topic(arn: str, _version_id: str | None) -> str | None:
    topic = _topic(arn)
    return None if topic is None else topic["attributes"].get("KmsMasterKeyId")


def _key_of_object(arn: str, version_id: str | None) -> str | None:
    """Return the key of an existing object, else the default key of its bucket."""
    bucket, key = _bucket_and_key(arn)
    if bucket is None:
        return None
    if key and not object_is_missing(arn, version_id):
        stored = bucket.get_object(key=key, version_id=version_id)
        return stored.kms_key_id if stored.encryption == "aws:kms" else None
    return key_of_bucket(arn)


def key_of_bucket(arn: str) -> str | None:
    """Return the default key of a bucket."""
    bucket, _ = _bucket_and_key(arn)
    rule = (bucket.encryption_rule or {}) if bucket is not None else {}
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    return default.get("KMSMasterKeyID") if default.get("SSEAlgorithm") == "aws:kms" else None


def _key_of_table(arn: str, _version_id: str | None) -> str | None:
    table = _table(arn)
    encryption = (table.sse_specification or {}) if table is not None else {}
    return encryption.get("KMSMasterKeyId") if encryption.get("Enabled") else None


def _key_of_log_group(arn: str, _version_id: str | None) -> str | None:
    group = _log_group(arn)
    return None if group is None else group.kms_key_id


_KEYS = {
    "dynamodb": _key_of_table,
    "logs": _key_of_log_group,
    "s3": _key_of_object,
    "sns": _key_of_topic,
    "sqs": _key_of_queue,
}
