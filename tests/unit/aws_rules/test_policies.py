"""IAM's decisions, by the worked examples of its own pages and KMS's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aws_rules.policies import (
    Policy,
    PolicyError,
    Principal,
    Request,
    Verdict,
    evaluate,
    message,
    parse,
)

OWN, OTHER = "111122223333", "444455556666"
ROLE = Principal.role(f"arn:aws:iam::{OWN}:role/service/orders", "session")
FOREIGN = Principal.role(f"arn:aws:iam::{OTHER}:role/orders", "session")
ROOT = Principal.root(OWN)
SNS = Principal.of_service("sns.amazonaws.com")
QUEUE = f"arn:aws:sqs:eu-central-1:{OWN}:orders"
KEY = f"arn:aws:kms:eu-central-1:{OWN}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def statement(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*", **elements}


def policy(*statements: dict[str, Any], name: str = "policy") -> Policy:
    return parse({"Version": "2012-10-17", "Statement": list(statements)}, name=name)


def request(principal: Principal = ROLE, **changes: Any) -> Request:
    settings: dict[str, Any] = {
        "action": "sqs:SendMessage",
        "resource": QUEUE,
        "account": OWN,
        "context": {},
    }
    return Request(principal, **(settings | changes))


def sends(principal: Principal, **policies: Any) -> Verdict:
    return evaluate(request(principal), **policies)


ALLOW = policy(statement(), name="role")
DENY = policy(statement(Effect="Deny"), name="role")


def queue(principal: Any, **elements: Any) -> Policy:
    return policy(statement(Principal=principal, **elements), name="queue")


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
def test_nothing_is_allowed_by_default() -> None:
    verdict = sends(ROLE)
    assert (verdict.allowed, verdict.explicit_deny, verdict.deciding) == (False, False, ())


def test_the_root_user_may_do_everything_in_the_own_account() -> None:
    assert sends(ROOT).allowed
    assert not sends(Principal.root(OTHER)).allowed


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-id-rdp.html
@pytest.mark.parametrize(
    ("identity", "resource", "allowed"),
    [
        ([ALLOW], None, True),
        ([], queue({"AWS": ROLE.arn}), True),
        ([ALLOW], queue({"AWS": ROLE.arn}), True),
        ([], None, False),
    ],
)
def test_within_an_account_either_policy_allows(
    identity: list[Policy], resource: Policy | None, allowed: bool
) -> None:
    assert sends(ROLE, identity=identity, resource=resource).allowed is allowed


@pytest.mark.parametrize(
    "denied",
    [
        {"identity": [ALLOW, DENY]},
        {"identity": [ALLOW], "resource": queue("*", Effect="Deny")},
        {"identity": [ALLOW], "resource": queue({"AWS": ROLE.arn}, Effect="Deny")},
        {"identity": [ALLOW], "resource": queue({"AWS": ROLE.session}, Effect="Deny")},
        {"identity": [ALLOW], "resource": queue({"AWS": OWN}, Effect="Deny")},
        {"identity": [DENY], "resource": queue({"AWS": ROLE.arn})},
    ],
)
def test_an_explicit_deny_overrides_every_allow(denied: dict[str, Any]) -> None:
    verdict = sends(ROLE, **denied)
    assert not verdict.allowed
    assert verdict.explicit_deny
    assert [each.effect for each in verdict.deciding] == ["Deny"]


def test_the_root_user_is_denied_too() -> None:
    assert sends(ROOT, resource=queue("*", Effect="Deny")).explicit_deny


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
@pytest.mark.parametrize(
    ("named", "by_itself"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ROLE.arn}, True),
        ({"AWS": ROLE.session}, True),
        ({"AWS": [f"arn:aws:iam::{OTHER}:role/orders", ROLE.arn]}, True),
        ({"AWS": f"arn:aws:iam::{OWN}:root"}, False),
        ({"AWS": OWN}, False),
        ({"AWS": f"arn:aws:iam::{OWN}:role/orders"}, False),
        ({"AWS": FOREIGN.arn}, False),
        ({"Service": "sns.amazonaws.com"}, False),
    ],
)
def test_a_statement_that_names_the_account_leaves_it_to_identity_policies(
    named: Any, by_itself: bool
) -> None:
    assert sends(ROLE, resource=queue(named)).allowed is by_itself
    assert sends(ROLE, identity=[ALLOW], resource=queue(named)).allowed


@pytest.mark.parametrize(
    ("named", "allowed"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"Service": "sns.amazonaws.com"}, True),
        ({"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]}, True),
        ({"Service": "s3.amazonaws.com"}, False),
        ({"AWS": OWN}, False),
    ],
)
def test_a_service_needs_the_resources_policy(named: Any, allowed: bool) -> None:
    assert sends(SNS, resource=queue(named)).allowed is allowed
    assert not sends(SNS).allowed


@pytest.mark.parametrize(("named", "allowed"), [("*", True), ({"AWS": OWN}, False)])
def test_an_anonymous_request_needs_a_policy_for_everybody(named: Any, allowed: bool) -> None:
    assert sends(Principal.anonymous(), resource=queue(named)).allowed is allowed


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
@pytest.mark.parametrize("named", ["*", {"AWS": OTHER}, {"AWS": FOREIGN.arn}])
def test_across_accounts_both_policies_have_to_allow(named: Any) -> None:
    allowed = [
        sends(FOREIGN, identity=identity, resource=resource).allowed
        for identity in ([], [ALLOW])
        for resource in (None, queue(named))
    ]
    assert allowed == [False, False, False, True]


# Of the same page: Carlos, his bucket Production and the logs that he may not have.
CARLOS = Principal.user("arn:aws:iam::111111111111:user/carlossalazar")
CARLOS_POLICY = policy(
    {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"},
    {"Effect": "Allow", "Action": "s3:*Object*", "Resource": "arn:aws:s3:::Production/*"},
    {
        "Effect": "Deny",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::*log*", "arn:aws:s3:::*log*/*"],
    },
)
PRODUCTION = policy(
    {
        "Effect": "Allow",
        "Action": ["s3:GetObject*", "s3:PutObject*", "s3:ReplicateObject", "s3:RestoreObject"],
        "Principal": {"AWS": "arn:aws:iam::111111111111:user/carlossalazar"},
        "Resource": "arn:aws:s3:::Production/*",
    }
)


@pytest.mark.parametrize(
    ("action", "resource", "bucket_policy", "allowed", "explicit"),
    [
        ("s3:PutObject", "arn:aws:s3:::Production-logs/a", None, False, True),
        ("s3:PutObject", "arn:aws:s3:::Production/a", PRODUCTION, True, False),
        ("s3:DeleteObject", "arn:aws:s3:::Production/a", PRODUCTION, False, False),
        ("s3:PutBucketPolicy", "arn:aws:s3:::Production", PRODUCTION, False, False),
    ],
)
def test_carlos(
    action: str, resource: str, bucket_policy: Policy | None, allowed: bool, explicit: bool
) -> None:
    verdict = evaluate(
        Request(CARLOS, action, resource, "222222222222", {}),
        identity=[CARLOS_POLICY],
        resource=bucket_policy,
    )
    assert (verdict.allowed, verdict.explicit_deny) == (allowed, explicit)


# https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
DEFAULT_KEY_POLICY = parse(
    json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Enable IAM policies",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{OWN}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ],
        }
    ),
    name="key",
)
KEY_USERS = policy(
    {
        "Sid": "Allow use of the key",
        "Effect": "Allow",
        "Principal": {"AWS": ROLE.arn},
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
    },
    name="key",
)
DECRYPT = policy({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY}, name="role")


@pytest.mark.parametrize(
    ("principal", "identity", "key", "allowed"),
    [
        (ROLE, [], DEFAULT_KEY_POLICY, False),
        (ROLE, [DECRYPT], DEFAULT_KEY_POLICY, True),
        (ROLE, [DECRYPT], None, False),
        (ROLE, [], KEY_USERS, True),
        (ROOT, [], DEFAULT_KEY_POLICY, True),
        (ROOT, [], KEY_USERS, False),
        (FOREIGN, [DECRYPT], DEFAULT_KEY_POLICY, False),
        (SNS, [], DEFAULT_KEY_POLICY, False),
    ],
)
def test_a_keys_policy_must_allow(
    principal: Principal, identity: list[Policy], key: Policy | None, allowed: bool
) -> None:
    asked = Request(principal, "kms:Decrypt", KEY, OWN, {})
    verdict = evaluate(asked, identity=identity, resource=key, resource_policy_must_allow=True)
    assert verdict.allowed is allowed


# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
@pytest.mark.parametrize(
    ("principal", "policies", "end"),
    [
        (ROLE, {}, "because no identity-based policy allows the sqs:SendMessage action"),
        (ROLE, {"identity": [DENY]}, "with an explicit deny in an identity-based policy"),
        (
            ROLE,
            {"resource": queue("*", Effect="Deny")},
            "with an explicit deny in a resource-based policy",
        ),
        (
            FOREIGN,
            {"identity": [ALLOW]},
            "because no resource-based policy allows the sqs:SendMessage action",
        ),
        (SNS, {}, "because no resource-based policy allows the sqs:SendMessage action"),
    ],
)
def test_denials_are_worded_as_by_aws(
    principal: Principal, policies: dict[str, Any], end: str
) -> None:
    asked = request(principal)
    assert message(asked, evaluate(asked, **policies)) == (
        f"User: {principal} is not authorized to perform: sqs:SendMessage"
        f" on resource: {QUEUE} {end}"
    )


def test_the_user_of_a_message_is_the_session() -> None:
    assert str(ROLE) == f"arn:aws:sts::{OWN}:assumed-role/orders/session"


def test_an_allowed_request_has_no_message() -> None:
    asked = request()
    with pytest.raises(ValueError, match="allowed request"):
        message(asked, evaluate(asked, identity=[ALLOW]))


# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_update-role-trust-policy.html
def test_a_trust_policy_is_the_roles_own() -> None:
    trust = policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    )
    asked = Request(Principal.of_service("lambda.amazonaws.com"), "sts:AssumeRole", "*", OWN, {})
    assert evaluate(asked, resource=trust, resource_policy_must_allow=True).allowed
    refused = Request(ROLE, "sts:AssumeRole", "*", OWN, {})
    verdict = evaluate(refused, resource=trust, resource_policy_must_allow=True)
    assert verdict.reason == "because no role trust policy allows the sts:AssumeRole action"


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principal-properties
@pytest.mark.parametrize(
    ("principal", "key", "value"),
    [
        (ROLE, "aws:PrincipalArn", ROLE.arn),
        (ROLE, "aws:PrincipalAccount", OWN),
        (ROLE, "aws:PrincipalType", "AssumedRole"),
        (ROLE, "aws:PrincipalIsAWSService", "false"),
        (ROOT, "aws:PrincipalType", "Account"),
        (CARLOS, "aws:PrincipalType", "User"),
        (CARLOS, "aws:username", "carlossalazar"),
        (SNS, "aws:PrincipalIsAWSService", "true"),
        (SNS, "aws:PrincipalServiceName", "sns.amazonaws.com"),
        (Principal.anonymous(), "aws:PrincipalType", "Anonymous"),
    ],
)
def test_keys_that_follow_from_the_principal(principal: Principal, key: str, value: str) -> None:
    assert principal.context[key] == value


# Whether they are sent is the delivery's business: KMS isn't told of everything by other services.
def test_no_key_is_added_to_a_request() -> None:
    told = queue("*", Condition={"Bool": {"aws:PrincipalIsAWSService": "true"}})
    assert not evaluate(request(SNS), resource=told).allowed
    assert evaluate(request(SNS, context=SNS.context), resource=told).allowed


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"aws:SourceAn": "a"}, "not a key that the evaluator knows"),
        ({"aws:SourceArn": ("a", "b")}, "2 values of the single-valued aws:SourceArn"),
        ({"aws:SourceArn": ()}, "0 values of the single-valued aws:SourceArn"),
    ],
)
def test_requests_that_are_refused(context: Any, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        evaluate(request(context=context))


def test_policies_that_are_of_the_wrong_sort_are_refused() -> None:
    with pytest.raises(PolicyError, match="role, statement 1: a resource-based policy needs"):
        sends(ROLE, resource=ALLOW)
    with pytest.raises(PolicyError, match="queue, statement 1: an identity-based policy has no"):
        sends(ROLE, identity=[queue("*")])
    with pytest.raises(PolicyError, match=r"sns\.amazonaws\.com has no identity-based policies"):
        sends(SNS, identity=[ALLOW])


@pytest.mark.parametrize("arn", ["orders", f"arn:aws:iam::{OWN}:user/orders", ROLE.session])
def test_what_is_no_role(arn: str) -> None:
    with pytest.raises(PolicyError, match="not the ARN of a role"):
        Principal.role(arn, "session")


def test_what_is_no_user() -> None:
    with pytest.raises(PolicyError, match="not the ARN of a user"):
        Principal.user(f"arn:aws:iam::{OWN}:role/orders")
