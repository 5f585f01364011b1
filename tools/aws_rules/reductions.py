"""A policy with one part less, to prove that each part is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tools.aws_rules.documents import Policy, Statement

type Kind = Literal["statement", "action", "resource", "principal", "condition value", "condition"]


@dataclass(frozen=True, slots=True)
class Reduction:
    """A policy that lacks one part.

    Attributes
    ----------
    policy
        Without the part.
    kind
        What sort of part it is.
    statement
        The statement as it was.
    removed
        The part, in words.
    widens
        Whether the policy can allow more without the part; otherwise it can only allow less. So a
        part is proved needed by a request that is denied without it, or, if it widens, by one
        that is allowed.
    """

    policy: Policy
    kind: Kind
    statement: Statement
    removed: str
    widens: bool


def reductions(policy: Policy) -> Iterator[Reduction]:
    """Give every policy that lacks one part of this one.

    The only action, resource, principal or value is not taken by itself: without it the statement,
    or the condition, is none.
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
    """Give kind, words, the statement without the part, and whether the part restricts it."""
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
