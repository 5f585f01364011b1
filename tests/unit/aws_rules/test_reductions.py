"""Policies with one part less, and what holds of every policy and request."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aws_rules.policies import Policy, Principal, Request, evaluate, parse
from aws_rules.reductions import reductions

OWN, OTHER = "111122223333", "444455556666"
ROLE = Principal.role(f"arn:aws:iam::{OWN}:role/orders", "session")
PRINCIPALS = [
    ROLE,
    Principal.root(OWN),
    Principal.role(f"arn:aws:iam::{OTHER}:role/orders", "session"),
    Principal.of_service("sns.amazonaws.com"),
    Principal.anonymous(),
]
QUEUES = [f"arn:aws:sqs:eu-central-1:{OWN}:{name}" for name in ("orders", "orders-failed", "bills")]

ACTIONS = ["sqs:*", "sqs:SendMessage", "sqs:Send*", "sqs:ReceiveMessage"]
RESOURCES = ["*", *QUEUES, f"arn:aws:sqs:eu-central-1:{OWN}:orders*"]
NAMED = ["*", OWN, OTHER, ROLE.arn, ROLE.session]
CONDITIONS = [
    ("StringEquals", "aws:SourceAccount", [OWN, OTHER]),
    ("StringNotEquals", "aws:SourceAccount", [OWN, OTHER]),
    ("StringLikeIfExists", "aws:SourceAccount", ["1*", "4*"]),
    ("Bool", "aws:SecureTransport", ["true"]),
    ("Null", "aws:SourceAccount", ["true"]),
    ("ForAllValues:StringEquals", "aws:TagKeys", ["a", "b"]),
    ("ForAnyValue:StringNotEquals", "aws:TagKeys", ["a", "b"]),
]


def some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


@st.composite
def statements(draw: st.DrawFn, *, resource_policy: bool) -> dict[str, Any]:
    negated = draw(st.booleans()), draw(st.booleans())
    condition: dict[str, dict[str, Any]] = {}
    for operator, key, values in draw(
        st.lists(st.sampled_from(CONDITIONS), max_size=2, unique_by=lambda each: each[0])
    ):
        condition[operator] = {key: draw(some(values))}
    statement: dict[str, Any] = {
        "Effect": draw(st.sampled_from(["Allow", "Deny"])),
        "NotAction" if negated[0] else "Action": draw(some(ACTIONS)),
        "NotResource" if negated[1] else "Resource": draw(some(RESOURCES)),
        "Condition": condition,
    }
    if resource_policy:
        statement["Principal"] = {"AWS": draw(some(NAMED))}
        if draw(st.booleans()):
            statement["Principal"]["Service"] = "sns.amazonaws.com"
    return statement


def policies(*, resource_policy: bool) -> st.SearchStrategy[Policy]:
    return st.lists(statements(resource_policy=resource_policy), min_size=1, max_size=3).map(
        lambda drawn: parse({"Version": "2012-10-17", "Statement": drawn}, name="policy")
    )


@st.composite
def requests(draw: st.DrawFn, principals: list[Principal] = PRINCIPALS) -> Request:
    context: dict[str, Any] = {"aws:SecureTransport": draw(st.booleans())}
    if draw(st.booleans()):
        context["aws:SourceAccount"] = draw(st.sampled_from([OWN, OTHER, "777788889999"]))
    if draw(st.booleans()):
        context["aws:TagKeys"] = tuple(draw(st.lists(st.sampled_from("abc"), unique=True)))
    return Request(
        draw(st.sampled_from(principals)),
        draw(st.sampled_from(["sqs:SendMessage", "sqs:ReceiveMessage"])),
        draw(st.sampled_from(QUEUES)),
        OWN,
        context,
    )


def allowed(request: Request, resource: Policy, *, must: bool = False) -> bool:
    return evaluate(request, resource=resource, resource_policy_must_allow=must).allowed


def joined(policy: Policy, effect: str) -> Policy:
    """Add a statement for everybody and everything."""
    everything = {"Effect": effect, "Principal": "*", "Action": "*", "Resource": "*"}
    added = parse({"Version": "2012-10-17", "Statement": [everything]}, name="added")
    return Policy(policy.name, policy.statements + added.statements)


@settings(max_examples=30)
@given(requests(), policies(resource_policy=True), st.booleans())
def test_a_deny_always_wins(request: Request, policy: Policy, must: bool) -> None:
    verdict = evaluate(request, resource=joined(policy, "Deny"), resource_policy_must_allow=must)
    assert not verdict.allowed
    assert verdict.explicit_deny


@settings(max_examples=30)
@given(requests(), policies(resource_policy=True), st.booleans())
def test_one_more_allow_takes_nothing_away(request: Request, policy: Policy, must: bool) -> None:
    if allowed(request, policy, must=must):
        assert allowed(request, joined(policy, "Allow"), must=must)


@settings(max_examples=30)
@given(requests([ROLE]), policies(resource_policy=False))
def test_statements_may_stand_in_any_order_and_in_several_policies(
    request: Request, policy: Policy
) -> None:
    apart = [Policy(policy.name, (each,)) for each in reversed(policy.statements)]
    one, several = (evaluate(request, identity=each) for each in ([policy], apart))
    assert one.allowed is several.allowed
    assert set(one.deciding) == set(several.deciding)


@settings(max_examples=30)
@given(requests(), policies(resource_policy=True), st.booleans())
def test_a_reduction_only_goes_one_way(request: Request, policy: Policy, must: bool) -> None:
    before = allowed(request, policy, must=must)
    for reduction in reductions(policy):
        after = allowed(request, reduction.policy, must=must)
        assert after <= before if not reduction.widens else after >= before, reduction.removed


def test_every_part_is_taken_once() -> None:
    policy = parse(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Send",
                    "Effect": "Allow",
                    "Principal": {"AWS": [OWN, OTHER]},
                    "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"],
                    "Resource": QUEUES[:2],
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": [OWN, OTHER]},
                        "Bool": {"aws:SecureTransport": "true"},
                    },
                },
                {"Effect": "Deny", "Principal": "*", "NotAction": "sqs:*", "Resource": "*"},
            ],
        },
        name="queue",
    )
    found = [(each.kind, each.removed, each.widens) for each in reductions(policy)]
    assert found == [
        ("statement", "queue, statement Send", False),
        ("action", "queue, statement Send: sqs:SendMessage", False),
        ("action", "queue, statement Send: sqs:GetQueueUrl", False),
        ("resource", f"queue, statement Send: {QUEUES[0]}", False),
        ("resource", f"queue, statement Send: {QUEUES[1]}", False),
        ("principal", f"queue, statement Send: {OWN}", False),
        ("principal", f"queue, statement Send: {OTHER}", False),
        ("condition", "queue, statement Send: StringEquals aws:SourceAccount", True),
        ("condition value", f"queue, statement Send: StringEquals aws:SourceAccount {OWN}", False),
        (
            "condition value",
            f"queue, statement Send: StringEquals aws:SourceAccount {OTHER}",
            False,
        ),
        ("condition", "queue, statement Send: Bool aws:SecureTransport", True),
        ("statement", "queue, statement 2", True),
    ]


def test_a_reduced_policy_is_evaluated_without_its_part() -> None:
    policy = parse(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Action": ["sqs:SendMessage", "sqs:ReceiveMessage"],
                "Resource": "*",
            },
        },
        name="role",
    )
    asked = Request(ROLE, "sqs:SendMessage", QUEUES[0], OWN, {})
    allowed = {
        each.removed: evaluate(asked, identity=[each.policy]).allowed for each in reductions(policy)
    }
    assert allowed == {
        "role, statement 1": False,
        "role, statement 1: sqs:SendMessage": False,
        "role, statement 1: sqs:ReceiveMessage": True,
    }
