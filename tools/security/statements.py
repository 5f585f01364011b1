"""Extract the statements of planned policies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.security.planned import Resource

# Resource types with an identity-based policy; the others have a resource-based policy.
_ROLES = frozenset({"aws_iam_role_policy", "aws_iam_policy"})


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a policy.

    Attributes
    ----------
    configuration, address
        The configuration and the address of its policy.
    owner
        Name of the resource that has the policy: a role, a queue, a key.
    kind
        The owner's type in Terraform.
    sid
        The statement's Sid.
    effect
        ``Allow`` or ``Deny``.
    principals
        Service principals, ARNs, ``*``, or for a role's policy the role's name.
    actions, resources
        The allowed or denied actions and resources.
    conditions
        The values, by operator and context key.
    """

    configuration: str
    address: str
    owner: str
    kind: str
    sid: str
    effect: str
    principals: tuple[str, ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]


def documents_of(resource: Resource) -> Iterator[tuple[str, str]]:
    """Yield the policy documents of a resource, each with the attribute that holds it."""
    if resource.type == "aws_s3_bucket":  # its policy is a separate resource
        return
    for attribute in ("policy", "assume_role_policy"):
        if document := resource.values.get(attribute):
            yield attribute, document


def statements_in(resources: Iterable[Resource]) -> Iterator[Statement]:
    """Yield the statements of all policies, and permissions to invoke functions as statements."""
    for resource in resources:
        for attribute, document in documents_of(resource):
            for one in json.loads(document)["Statement"]:
                yield _statement(resource, attribute, one)
        if resource.type == "aws_lambda_permission":
            yield _permission(resource)


def _statement(resource: Resource, attribute: str, one: Mapping[str, Any]) -> Statement:
    owner = _name(resource)
    principals = (owner,) if resource.type in _ROLES else _principals(one["Principal"])
    return Statement(
        configuration=resource.configuration,
        address=resource.address,
        owner=owner,
        kind=resource.type,
        sid=one.get("Sid", "AssumeRole" if attribute == "assume_role_policy" else ""),
        effect=one["Effect"],
        principals=principals,
        actions=_texts(one["Action"]),
        resources=_texts(one.get("Resource", ())),
        conditions={
            operator: {key: _texts(values) for key, values in keys.items()}
            for operator, keys in one.get("Condition", {}).items()
        },
    )


def _permission(resource: Resource) -> Statement:
    values = resource.values
    conditions = {"ArnLike": {"aws:SourceArn": (values["source_arn"],)}}
    if account := values.get("source_account"):
        conditions["StringEquals"] = {"aws:SourceAccount": (account,)}
    return Statement(
        configuration=resource.configuration,
        address=resource.address,
        owner=values["function_name"],
        kind=resource.type,
        sid="Invoke",
        effect="Allow",
        principals=(values["principal"],),
        actions=(values["action"],),
        resources=(),
        conditions=conditions,
    )


def _name(resource: Resource) -> str:
    for attribute in ("role", "bucket", "name", "description"):
        if value := resource.values.get(attribute):
            return str(value)
    return resource.address


def _principals(principal: object) -> tuple[str, ...]:
    if isinstance(principal, Mapping):
        return tuple(name for names in principal.values() for name in _texts(names))
    return (str(principal),)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, Iterable) else ()
