"""A strict parser for policy documents.

The grammar: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from aws_rules.conditions import VERSION, Condition
from aws_rules.patterns import Context, Matcher, PolicyError, Wildcards, matcher, template

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
_VERSIONS = {VERSION, "2008-10-17"}
_DOCUMENT = {"Version", "Id", "Statement"}
_STATEMENT = {
    "Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[\w*?]+", re.ASCII)
_RESOURCE = re.compile(r"\*|arn:[\w*?-]+:[a-z0-9-]+:.*", re.DOTALL | re.ASCII)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_PRINCIPAL_ARN = re.compile(
    r"arn:[\w-]+:(?:iam::(\d{12}):(?:(root)|(?:user|role)/[^*?]+)"
    r"|sts::\d{12}:assumed-role/[^/*?]+/[^/*?]+)",
    re.ASCII,
)
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")

type PrincipalKind = Literal["any", "account", "arn", "service"]


@dataclass(frozen=True, slots=True)
class NamedPrincipal:
    """A principal of a statement in a resource-based policy.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html

    Attributes
    ----------
    kind
        ``account`` stands for the account's ID and for the ARN of its root user.
    value
        ``*``, the account's ID, the ARN, or the service principal.
    """

    kind: PrincipalKind
    value: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, with its policy and its position in it.

    Attributes
    ----------
    number
        Counted from 1 in the policy.
    principals
        None in an identity-based policy.
    resources, not_resources
        Both are empty in a role's trust policy, whose resource is the role.
    """

    policy: str
    version: str
    number: int
    sid: str | None
    effect: Literal["Allow", "Deny"]
    principals: tuple[NamedPrincipal, ...] | None
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    conditions: tuple[Condition, ...]
    _action: Matcher = field(init=False, repr=False, compare=False)
    _resource: Matcher = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        actions = self.actions or self.not_actions
        every = "*" in actions
        object.__setattr__(
            self,
            "_action",
            _anything
            if every
            else matcher(
                tuple(template(action, variables=False) for action in actions),
                Wildcards.STRING,
                ignore_case=True,
            ),
        )
        resources = self.resources or self.not_resources
        object.__setattr__(
            self,
            "_resource",
            _anything
            if not resources or "*" in resources
            else matcher(
                tuple(template(resource, variables=True) for resource in resources),
                Wildcards.RESOURCE,
            ),
        )

    def covers(self, action: str, resource: str, context: Context) -> bool:
        """Return whether the statement matches the request, ignoring the principal.

        Raises
        ------
        PolicyError
            A condition or a variable can't be evaluated.
        """
        try:
            return (
                self._action(action, context) is not bool(self.not_actions)
                and self._resource(resource, context) is not bool(self.not_resources)
                and (
                    not self.conditions
                    or all(condition.matches(context) for condition in self.conditions)
                )
            )
        except PolicyError as error:
            raise PolicyError(f"{self}: {error}") from error

    def __str__(self) -> str:
        return f"{self.policy}, statement {self.sid or self.number}"


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy document."""

    name: str
    statements: tuple[Statement, ...]


def parse(document: str | Mapping[str, object], *, name: str) -> Policy:
    """Parse a policy document; a text is parsed only once.

    Parameters
    ----------
    document
        The JSON text, or its parsed form.
    name
        The policy's name in messages.

    Raises
    ------
    PolicyError
        AWS would reject it, or it uses something that the evaluator doesn't know.
    """
    return _parse_text(document, name) if isinstance(document, str) else _policy(document, name)


@lru_cache(maxsize=4096)
def _parse_text(document: str, name: str) -> Policy:
    try:
        content = json.loads(document, object_pairs_hook=_unique)
    except ValueError as error:
        raise PolicyError(f"{name}: not JSON: {error}") from error
    return _policy(content, name)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError(f"an element occurs twice in {sorted(key for key, _ in pairs)}")
    return content


def _policy(document: object, name: str) -> Policy:
    try:
        if not isinstance(document, Mapping):
            raise PolicyError("not a JSON object")  # noqa: TRY301 - the name is added below
        _only(document, _DOCUMENT)
        version = document.get("Version", "2008-10-17")
        if version not in _VERSIONS:
            raise PolicyError(f"Version {version!r} is not in {sorted(_VERSIONS)}")  # noqa: TRY301
        statements = document.get("Statement")
        if isinstance(statements, Mapping):
            statements = [statements]
        if not isinstance(statements, list | tuple) or not statements:
            raise PolicyError("has no Statement")  # noqa: TRY301
    except PolicyError as error:
        raise PolicyError(f"{name}: {error}") from error
    read = tuple(
        _statement(statement, name, version, number)
        for number, statement in enumerate(statements, 1)
    )
    sids = [statement.sid for statement in read if statement.sid]
    if len(set(sids)) != len(sids):
        raise PolicyError(f"{name}: a Sid occurs twice in {sids}")
    return Policy(name, read)


def _statement(content: object, policy: str, version: str, number: int) -> Statement:
    label: object = number
    try:
        if not isinstance(content, Mapping):
            raise PolicyError("not a JSON object")  # noqa: TRY301
        label = content.get("Sid") or number
        return _read(content, policy, version, number)
    except PolicyError as error:
        raise PolicyError(f"{policy}, statement {label}: {error}") from error


def _read(content: Mapping[str, object], policy: str, version: str, number: int) -> Statement:
    if "NotPrincipal" in content:
        # Whether it excludes a role depends on other values: its session and its account.
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
        raise PolicyError("NotPrincipal isn't supported; use a condition on aws:PrincipalArn")
    _only(content, _STATEMENT)
    effect = content.get("Effect")
    if effect not in {"Allow", "Deny"}:
        raise PolicyError(f"Effect is {effect!r}, neither Allow nor Deny")
    sid = content.get("Sid")
    if sid is not None and not isinstance(sid, str):
        raise PolicyError("Sid is not a string")
    actions, not_actions = _one_of(content, "Action", "NotAction")
    for action in actions + not_actions:
        if not _ACTION.fullmatch(action):
            raise PolicyError(f"{action!r} is not an action: service:Name")
    resources, not_resources = _resources(content, actions, version)
    return Statement(
        policy=policy,
        version=version,
        number=number,
        sid=sid or None,
        effect="Allow" if effect == "Allow" else "Deny",
        principals=_principals(content["Principal"]) if "Principal" in content else None,
        actions=actions,
        not_actions=not_actions,
        resources=resources,
        not_resources=not_resources,
        conditions=_conditions(content.get("Condition", {}), version),
    )


def _resources(
    content: Mapping[str, object], actions: tuple[str, ...], version: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    trust = "Principal" in content and all(action.lower().startswith("sts:") for action in actions)
    if trust and actions and not {"Resource", "NotResource"} & set(content):
        return (), ()
    resources, not_resources = _one_of(content, "Resource", "NotResource")
    for resource in resources + not_resources:
        if not _RESOURCE.fullmatch(resource):
            raise PolicyError(f"{resource!r} is neither * nor an ARN with a service")
        if "${" in resource:
            if version != VERSION:
                raise PolicyError(f"{resource!r} has a variable, which needs Version {VERSION}")
            template(resource, variables=True)
            if "${" in ":".join(resource.split(":", 5)[:5]):
                raise PolicyError(f"{resource!r} has a variable before the fifth colon")
    return resources, not_resources


def _principals(content: object) -> tuple[NamedPrincipal, ...]:
    if content == "*":
        return (NamedPrincipal("any", "*"),)
    if not isinstance(content, Mapping) or not content:
        raise PolicyError(f"Principal is {content!r}, neither * nor an object")
    _only(content, {"AWS", "Service"})
    named = []
    for value in _texts(content.get("AWS", []), "Principal"):
        arn = _PRINCIPAL_ARN.fullmatch(value)
        if value == "*":
            named.append(NamedPrincipal("any", value))
        elif _ACCOUNT.fullmatch(value):
            named.append(NamedPrincipal("account", value))
        elif arn is None:
            raise PolicyError(f"{value!r} is not a principal that the evaluator knows")
        else:
            named.append(
                NamedPrincipal("account", arn[1]) if arn[2] else NamedPrincipal("arn", value)
            )
    for value in _texts(content.get("Service", []), "Principal"):
        if not _SERVICE.fullmatch(value):
            raise PolicyError(f"{value!r} is not a service principal")
        named.append(NamedPrincipal("service", value))
    if not named:
        raise PolicyError("Principal is empty")
    return tuple(named)


def _conditions(content: object, version: str) -> tuple[Condition, ...]:
    if not isinstance(content, Mapping):
        raise PolicyError("Condition is not an object")
    conditions: list[Condition] = []
    for operator, keys in content.items():
        if not isinstance(keys, Mapping) or not keys:
            raise PolicyError(f"{operator}: not an object with a condition key")
        conditions.extend(
            Condition(operator, key, _values(values, f"{operator} {key}"), version)
            for key, values in keys.items()
        )
    return tuple(conditions)


def _values(content: object, where: str) -> tuple[str, ...]:
    values = content if isinstance(content, list | tuple) else [content]
    return _texts(
        [json.dumps(value) if isinstance(value, bool | int | float) else value for value in values],
        where,
    )


def _one_of(
    content: Mapping[str, object], positive: str, negative: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if (positive in content) == (negative in content):
        raise PolicyError(f"needs either {positive} or {negative}")
    values = _texts(content.get(positive, content.get(negative)), positive)
    if not values:
        raise PolicyError(f"{positive if positive in content else negative} is empty")
    return (values, ()) if positive in content else ((), values)


def _texts(content: object, where: str) -> tuple[str, ...]:
    values = content if isinstance(content, list | tuple) else [content]
    texts = tuple(value for value in values if isinstance(value, str))
    if len(texts) != len(values):
        raise PolicyError(f"{where} has a value that is not a string")
    return texts


def _only(content: Iterable[str], known: set[str]) -> None:
    if unknown := sorted(set(content) - known):
        raise PolicyError(f"has unknown elements: {unknown}")


def _anything(_text: str, _context: Context) -> bool:
    return True
