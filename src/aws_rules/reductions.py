"""Remove single parts of a policy, to prove that each part is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from aws_rules.documents import Policy, Statement

type Kind = Literal["statement", "action", "resource", "principal", "condition value", "condition"]


@dataclass(frozen=True, slots=True)
class Reduction:
    """A policy with one part removed.

    Attributes
    ----------
    policy
        The policy without the part.
    kind
        The kind of the part.
    statement
        The statement as it was.
    removed
        A description of the part.
    widens
        Whether the policy can allow more without the part; otherwise it can only allow less. A
        request that is denied without the part proves that it is needed, or, if it widens, a
        request that is allowed.
    """

    policy: Policy
    kind: Kind
    statement: Statement
    removed: str
    widens: bool


def reductions(policy: Policy) -> Iterator[Reduction]:
    """Yield this policy with each of its parts removed in turn.

    The only action, resource, principal or value is not removed: without it, the statement or the
    condition would be invalid.
    """
    for index, statement in enumerate(policy.statements):
        before, after = policy.statements[:index], policy.statements[index + 1 :]
        deny = statement.effect == "Deny"
        yield Reduction(
            Policy(policy.name, before + after), "statement", statement, str(statement), deny
        )
        for kind, removed, reduced, restricts in _parts(statement):
            yield Reduction(
                Policy(policy.name, (*before, reduced, *after)),
                kind,
                statement,
                f"{statement}: {removed}",
                deny is not restricts,
            )


def _parts(statement: Statement) -> Iterator[tuple[Kind, str, Statement, bool]]:
    """Yield kind, description, statement without the part, and whether the part restricts it."""
    for actions in _without(statement.actions):
        yield "action", actions[0], replace(statement, actions=actions[1]), False
    for actions in _without(statement.not_actions):
        yield "action", f"not {actions[0]}", replace(statement, not_actions=actions[1]), True
    for resources in _without(statement.resources):
        yield "resource", resources[0], replace(statement, resources=resources[1]), False
    for resources in _without(statement.not_resources):
        words = f"not {resources[0]}"
        yield "resource", words, replace(statement, not_resources=resources[1]), True
    for principal, principals in _without(statement.principals or ()):
        reduced = replace(statement, principals=principals)
        yield "principal", principal.value, reduced, False
    for index, condition in enumerate(statement.conditions):
        before, after = statement.conditions[:index], statement.conditions[index + 1 :]
        yield "condition", str(condition), replace(statement, conditions=before + after), True
        for value, values in _without(condition.values):
            conditions = (*before, replace(condition, values=values), *after)
            reduced = replace(statement, conditions=conditions)
            yield "condition value", f"{condition} {value}", reduced, condition.negated


def _without[T](items: tuple[T, ...]) -> Iterator[tuple[T, tuple[T, ...]]]:
    if len(items) > 1:
        for index, item in enumerate(items):
            yield item, items[:index] + items[index + 1 :]
