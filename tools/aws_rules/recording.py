"""Read what the embedded LocalStack's access guard decided."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.aws_rules.policies import Policy, Principal, Request, Verdict, evaluate, parse


@dataclass(frozen=True, slots=True)
class Decision:
    """One request, and what came of it.

    Attributes
    ----------
    request
        Who asked for what, with the context that AWS sends.
    identity
        The policies of the caller's role.
    resource
        The policy of the resource, key or role.
    allowed
        Whether it was carried out.
    """

    request: Request
    identity: tuple[Policy, ...]
    resource: Policy | None
    allowed: bool

    def with_policy(self, before: Policy, after: Policy) -> "Decision":
        """Give the same request, held against another policy instead of one of these."""
        return replace(
            self,
            identity=tuple(after if policy is before else policy for policy in self.identity),
            resource=after if self.resource is before else self.resource,
        )

    def again(self) -> bool:
        """Decide again, now without LocalStack."""
        return decide(self.request, self.identity, self.resource).allowed


def decide(request: Request, identity: Sequence[Policy], resource: Policy | None) -> Verdict:
    """Decide as the access guard does: a key and a role let nobody in but by their own policy."""
    return evaluate(
        request,
        identity=identity,
        resource=resource,
        resource_policy_must_allow=resource is not None
        and request.action.startswith(("kms:", "sts:")),
    )


def read(file: Path) -> list[Decision]:
    """Read a recording, in the order in which it was written."""
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
