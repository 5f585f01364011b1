"""Read the decisions of the embedded LocalStack's access guard."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aws_rules.policies import Policy, Principal, Request, Verdict, evaluate, parse


@dataclass(frozen=True, slots=True)
class Decision:
    """One request and its outcome.

    Attributes
    ----------
    request
        The principal, the action, the resource, and the context that AWS sends.
    identity
        The identity-based policies of the caller's role.
    resource
        The resource-based policy.
    allowed
        Whether it was allowed.
    """

    request: Request
    identity: tuple[Policy, ...]
    resource: Policy | None
    allowed: bool

    def with_policy(self, before: Policy, after: Policy) -> "Decision":
        """Return the same request with one policy replaced."""
        return replace(
            self,
            identity=tuple(after if policy is before else policy for policy in self.identity),
            resource=after if self.resource is before else self.resource,
        )

    def again(self) -> bool:
        """Evaluate the request again, without LocalStack."""
        return decide(self.request, self.identity, self.resource).allowed


def decide(request: Request, identity: Sequence[Policy], resource: Policy | None) -> Verdict:
    """Evaluate as the access guard does: keys and roles need an allow in their own policy."""
    return evaluate(
        request,
        identity=identity,
        resource=resource,
        resource_policy_must_allow=resource is not None
        and request.action.startswith(("kms:", "sts:")),
    )


def read(file: Path) -> list[Decision]:
    """Read a recording, in the original order."""
    documents: list[Policy] = []
    decisions = []
    for line in file.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "policy" in entry:
            documents.append(parse(entry["document"], name=entry["policy"]))
        else:
            decisions.append(_decision(entry, documents))
    return decisions


def _decision(entry: dict[str, Any], documents: list[Policy]) -> Decision:
    asked = entry["request"]
    context = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in asked["context"].items()
    }
    request = Request(**{**asked, "principal": Principal(**asked["principal"]), "context": context})
    return Decision(
        request,
        tuple(documents[number] for number in entry["identity"]),
        None if entry["resource"] is None else documents[entry["resource"]],
        bool(entry["allowed"]),
    )
