"""Evaluate IAM policies for a request.

No library fits: the access control of moto and of LocalStack has no conditions, policyuniverse and
parliament check documents but no requests, Principal Mapper and iam-simulate are under the AGPL.

- Within an account:
  https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
- Across accounts:
  https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
- Keys: https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html

Permissions boundaries, session policies, service control policies and KMS grants are not modelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from aws_rules import context_keys
from aws_rules.documents import NamedPrincipal, Policy, Statement, parse
from aws_rules.patterns import Context, PolicyError

__all__ = [
    "NamedPrincipal", "Policy", "PolicyError", "Principal", "Request", "Statement", "Verdict",
    "evaluate", "message", "parse",
]  # fmt: skip

# Whether a statement names the principal itself, or only its account.
type _Named = Literal["direct", "account"] | None

_ROLE = re.compile(r"arn:([\w-]+):iam::(\d{12}):role/(?:.*/)?([^/]+)", re.ASCII)
_USER = re.compile(r"arn:[\w-]+:iam::(\d{12}):user/(?:.*/)?([^/]+)", re.ASCII)
# The values of aws:PrincipalType.
_TYPES = {"account": "Account", "role": "AssumedRole", "user": "User"}


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of a request; created by one of its class methods.

    Attributes
    ----------
    kind
        ``account`` is the root user, who may do everything in its account.
    account
        12 digits; None for a service and for an anonymous request.
    arn
        The ARN of the root user, the role or the user.
    session
        The role session's ARN, which AWS shows as the user.
    service
        Such as ``s3.amazonaws.com``.
    """

    kind: Literal["account", "role", "user", "service", "anonymous"]
    account: str | None = None
    arn: str | None = None
    session: str | None = None
    service: str | None = None

    @classmethod
    def root(cls, account: str, partition: str = "aws") -> Principal:
        """Create the root user of an account."""
        return cls("account", account, f"arn:{partition}:iam::{account}:root")

    @classmethod
    def role(cls, arn: str, session_name: str) -> Principal:
        """Create a session of a role.

        Raises
        ------
        PolicyError
            The ARN isn't a role's.
        """
        found = _ROLE.fullmatch(arn)
        if found is None:
            raise PolicyError(f"{arn!r} is not the ARN of a role")
        partition, account, name = found.groups()
        session = f"arn:{partition}:sts::{account}:assumed-role/{name}/{session_name}"
        return cls("role", account, arn, session)

    @classmethod
    def user(cls, arn: str) -> Principal:
        """Create an IAM user.

        Raises
        ------
        PolicyError
            The ARN isn't a user's.
        """
        found = _USER.fullmatch(arn)
        if found is None:
            raise PolicyError(f"{arn!r} is not the ARN of a user")
        return cls("user", found[1], arn)

    @classmethod
    def of_service(cls, name: str) -> Principal:
        """Create an AWS service that calls on its own behalf."""
        return cls("service", service=name)

    @classmethod
    def anonymous(cls) -> Principal:
        """Create the sender of an unsigned request."""
        return cls("anonymous")

    @property
    def context(self) -> dict[str, str]:
        """The condition keys that follow from the principal, if AWS sends them.

        They come with every request that the principal signs itself:
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principal-properties
        """
        if self.kind == "anonymous":
            return {"aws:PrincipalType": "Anonymous"}
        if self.service is not None:
            return {"aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": self.service}
        keys = {
            "aws:PrincipalIsAWSService": "false",
            "aws:PrincipalType": _TYPES[self.kind],
            "aws:PrincipalAccount": self.account or "",
            "aws:PrincipalArn": self.arn or "",
        }
        if self.kind == "user":
            keys["aws:username"] = keys["aws:PrincipalArn"].rpartition("/")[2]
        return keys

    def __str__(self) -> str:
        return self.session or self.arn or self.service or self.kind


@dataclass(frozen=True, slots=True)
class Request:
    """A request to evaluate.

    Attributes
    ----------
    action
        Such as ``sqs:SendMessage``.
    resource
        An ARN, or ``*`` for an action that has no resource.
    account
        The account that owns the resource.
    context
        The condition keys that AWS sends, with names in any case. It must include the keys of
        `Principal.context`, which are not added.
    """

    principal: Principal
    action: str
    resource: str
    account: str
    context: Mapping[str, str | bool | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of an evaluation.

    Attributes
    ----------
    deciding
        The statements that allow it, or that deny it explicitly; none for an implicit deny.
    reason
        For a denial, the end of AWS's error message; see `message`.
    """

    allowed: bool
    explicit_deny: bool
    deciding: tuple[Statement, ...]
    reason: str


def evaluate(
    request: Request,
    *,
    identity: Sequence[Policy] = (),
    resource: Policy | None = None,
    resource_policy_must_allow: bool = False,
) -> Verdict:
    """Evaluate a request.

    Parameters
    ----------
    identity
        The identity-based policies of the role or user.
    resource
        The policy of the queue, topic, bucket, function or key, or a role's trust policy.
    resource_policy_must_allow
        For keys and roles, for which an identity-based policy alone is not enough: the resource's
        policy must allow the principal, or the account and thereby its identity-based policies.
        https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-root-enable-iam

    Raises
    ------
    PolicyError
        Something can't be evaluated, because the evaluator doesn't know it.
    """
    context = _context(request)
    principal = request.principal
    allows: list[Statement] = []
    denies: list[Statement] = []
    for statement in _identity(identity, principal):
        if statement.covers(request.action, request.resource, context):
            (allows if statement.effect == "Allow" else denies).append(statement)
    if denies:
        return _denied(denies, "with an explicit deny in an identity-based policy")
    direct: list[Statement] = []
    delegated: list[Statement] = []
    for statement in _resource(resource):
        named = _named(statement.principals or (), principal)
        if named is None or not statement.covers(request.action, request.resource, context):
            continue
        if statement.effect == "Deny":
            denies.append(statement)
        else:
            (direct if named == "direct" else delegated).append(statement)
    trust = request.action.lower().startswith("sts:assumerole")
    if denies:
        kind = "the role trust policy" if trust else "a resource-based policy"
        return _denied(denies, f"with an explicit deny in {kind}")

    missing = _missing(
        request,
        by_identity=bool(allows) or principal.kind == "account",
        by_resource="direct" if direct else "account" if delegated else None,
        resource_policy_must_allow=resource_policy_must_allow,
    )
    if missing is not None:
        kind = "role trust" if trust and missing == "resource-based" else missing
        return _denied((), f"because no {kind} policy allows the {request.action} action")
    deciding = (*allows, *direct, *delegated)
    said = "; ".join(map(str, deciding)) or "the account's root user"
    return Verdict(
        allowed=True, explicit_deny=False, deciding=deciding, reason=f"allowed by {said}"
    )


def message(request: Request, verdict: Verdict) -> str:
    """Return AWS's error message for a denial.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html

    Raises
    ------
    ValueError
        The request is allowed.
    """
    if verdict.allowed:
        raise ValueError("an allowed request has no message")
    return (
        f"User: {request.principal} is not authorized to perform: {request.action}"
        f" on resource: {request.resource} {verdict.reason}"
    )


def _missing(
    request: Request,
    *,
    by_identity: bool,
    by_resource: _Named,
    resource_policy_must_allow: bool,
) -> Literal["identity-based", "resource-based"] | None:
    """Return the kind of policy that fails to allow the request; None if it is allowed."""
    account = request.principal.account
    if account is None:
        return None if by_resource else "resource-based"
    if account != request.account:
        # Both accounts must allow it.
        if by_resource is None:
            return "resource-based"
        return None if by_identity else "identity-based"
    if by_resource == "direct":
        return None
    # A statement that names the account delegates to the account's identity-based policies.
    if resource_policy_must_allow and by_resource is None:
        return "resource-based"
    return None if by_identity else "identity-based"


def _denied(statements: Iterable[Statement], reason: str) -> Verdict:
    deciding = tuple(statements)
    return Verdict(allowed=False, explicit_deny=bool(deciding), deciding=deciding, reason=reason)


def _identity(policies: Sequence[Policy], principal: Principal) -> Iterable[Statement]:
    if policies and principal.account is None:
        raise PolicyError(f"{principal} has no identity-based policies")
    for policy in policies:
        for statement in policy.statements:
            if statement.principals is not None:
                raise PolicyError(f"{statement}: an identity-based policy has no Principal")
            yield statement


def _resource(policy: Policy | None) -> Iterable[Statement]:
    for statement in () if policy is None else policy.statements:
        if statement.principals is None:
            raise PolicyError(f"{statement}: a resource-based policy needs a Principal")
        yield statement


def _named(named: tuple[NamedPrincipal, ...], principal: Principal) -> _Named:
    """Return whether a statement names the principal or its account.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    account = False
    for each in named:
        match each.kind:
            case "any":
                return "direct"
            case "service" if each.value == principal.service:
                return "direct"
            case "arn" if each.value in {principal.arn, principal.session}:
                return "direct"
            case "account" if each.value == principal.account:
                account = True
    return "account" if account else None


def _context(request: Request) -> Context:
    """Return the request's context with lower-case keys and lists of values."""
    context: dict[str, tuple[str, ...]] = {}
    for key, value in request.context.items():
        name, multivalued = _key(key)
        if isinstance(value, bool):
            context[name] = ("true" if value else "false",)
        elif isinstance(value, str):
            context[name] = (value,)
        elif multivalued or len(value) == 1:
            context[name] = value
        else:
            raise PolicyError(f"the request has {len(value)} values of the single-valued {key}")
    return context


@cache
def _key(key: str) -> tuple[str, bool]:
    """Return a key's name in lower case, and whether it may have several values."""
    if not context_keys.is_known(key):
        raise PolicyError(f"the request has {key}, which is not a key that the evaluator knows")
    return key.lower(), context_keys.is_multivalued(key)
