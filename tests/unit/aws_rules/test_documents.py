"""Policy documents: what they cover, and which are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aws_rules.documents import NamedPrincipal, Policy, parse
from aws_rules.patterns import PolicyError

STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def document(*statements: object, **elements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **elements}


def only(**elements: Any) -> Policy:
    statement = {key: value for key, value in (STATEMENT | elements).items() if value is not None}
    return parse(document(statement), name="policy")


def covers(policy: Policy, action: str, resource: str, **context: tuple[str, ...]) -> bool:
    return policy.statements[0].covers(action, resource, context)


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
@pytest.mark.parametrize(
    ("stated", "action", "expected"),
    [
        ("*", "sqs:SendMessage", True),
        ("SQS:sendmessage", "sqs:SendMessage", True),
        ("iam:*AccessKey*", "iam:CreateAccessKey", True),
        ("iam:*AccessKey*", "iam:UpdateAccessKeyLastUsed", True),
        ("iam:*AccessKey*", "iam:CreateUser", False),
        ("s3:*", "s3:GetObject", True),
        ("s3:*", "s3express:CreateSession", False),
        ("s3:Get?bject", "s3:GetObject", True),
        ("s3:GetObject", "s3:GetObjectVersion", False),
    ],
)
def test_actions(stated: str, action: str, expected: bool) -> None:
    assert covers(only(Action=stated), action, "*") is expected


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
BUCKET = "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*"


@pytest.mark.parametrize(
    ("stated", "resource", "expected"),
    [
        ("arn:aws:iam::1:user/accounting/*", "arn:aws:iam::1:user/accounting/anna", True),
        ("arn:aws:iam::1:user/Bob", "arn:aws:iam::1:user/bob", False),
        (BUCKET, "arn:aws:s3:::amzn-s3-demo-bucket/1/test/object.jpg", True),
        (BUCKET, "arn:aws:s3:::amzn-s3-demo-bucket/1/2/test/3/object.jpg", True),
        (BUCKET, "arn:aws:s3:::amzn-s3-demo-bucket/1///test///object.jpg", True),
        (BUCKET, "arn:aws:s3:::amzn-s3-demo-bucket//test/object.jpg", True),
        (BUCKET, "arn:aws:s3:::amzn-s3-demo-bucket/1/test/", True),
        (BUCKET, "arn:aws:s3:::amzn-s3-demo-bucket/1-test/object.jpg", False),
        (BUCKET, "arn:aws:s3:::amzn-s3-demo-bucket/test/object.jpg", False),
        # "If the * wildcard is the last character of a resource ARN segment, it can expand to
        # match beyond the colon boundaries."
        ("arn:aws:sqs:*", "arn:aws:sqs:eu-central-1:1:orders", True),
        ("arn:aws:sqs:*:orders", "arn:aws:sqs:eu-central-1:1:orders", True),
        ("arn:aws:sqs:eu*1:1:orders", "arn:aws:sqs:eu-central-1:1:orders", True),
        ("arn:aws:sqs:eu*1:orders", "arn:aws:sqs:eu-central-1:1:orders", False),
        ("arn:aws:sqs:?:1:orders", "arn:aws:sqs::1:orders", False),
        ("arn:aws:logs:r:1:log-group:a-*:*", "arn:aws:logs:r:1:log-group:a-b:log-stream:c", True),
        ("arn:aws:s3:::b/in*.csv", "arn:aws:s3:::b/incoming/12:30.csv", True),
        ("arn:aws:s3:::b/in.csv", "arn:aws:s3:::b/in-csv", False),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/two\nlines", True),
        ("arn:aws:s3:::b/${*}.csv", "arn:aws:s3:::b/*.csv", True),
        ("arn:aws:s3:::b/${*}.csv", "arn:aws:s3:::b/a.csv", False),
        ("arn:aws:s3:::b/*", "*", False),
        ("*", "*", True),
    ],
)
def test_resources(stated: str, resource: str, expected: bool) -> None:
    assert covers(only(Resource=stated), "s3:GetObject", resource) is expected


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
def test_variables_in_a_resource() -> None:
    policy = only(
        Resource=[
            "arn:aws:s3:::b/home/${aws:username}/*",
            "arn:aws:s3:::b/team/${aws:PrincipalTag/team, 'company-wide'}/*",
        ]
    )
    sent = {"aws:username": ("anna",)}
    assert covers(policy, "s3:GetObject", "arn:aws:s3:::b/home/anna/a", **sent)
    assert covers(policy, "s3:GetObject", "arn:aws:s3:::b/team/company-wide/a", **sent)
    assert not covers(policy, "s3:GetObject", "arn:aws:s3:::b/home/bert/a", **sent)
    with pytest.raises(PolicyError, match="policy, statement 1: the request has no aws:username"):
        covers(policy, "s3:GetObject", "arn:aws:s3:::b/home/anna/a")


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notresource.html
def test_not_action_and_not_resource() -> None:
    policy = only(
        Action=None, Resource=None, NotAction=["iam:*", "s3:Get*"], NotResource="arn:aws:s3:::a/*"
    )
    assert covers(policy, "s3:PutObject", "arn:aws:s3:::b/c")
    assert not covers(policy, "s3:GetObject", "arn:aws:s3:::b/c")
    assert not covers(policy, "s3:PutObject", "arn:aws:s3:::a/c")


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
@pytest.mark.parametrize(
    ("team", "address", "expected"),
    [("hr", "::1", True), ("hr", "::2", False), ("it", "::1", False)],
)
def test_all_conditions_have_to_hold(team: str, address: str, expected: bool) -> None:
    policy = only(
        Condition={
            "StringEquals": {"aws:PrincipalTag/team": ["hr", "law"]},
            "IpAddress": {"aws:SourceIp": "::1"},
        }
    )
    sent = {"aws:principaltag/team": (team,), "aws:sourceip": (address,)}
    assert covers(policy, "s3:GetObject", "*", **sent) is expected


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("*", [("any", "*")]),
        ({"AWS": "*"}, [("any", "*")]),
        ({"AWS": "111122223333"}, [("account", "111122223333")]),
        ({"AWS": "arn:aws:iam::111122223333:root"}, [("account", "111122223333")]),
        (
            {"AWS": ["arn:aws:iam::111122223333:role/path/a"], "Service": "s3.amazonaws.com"},
            [("arn", "arn:aws:iam::111122223333:role/path/a"), ("service", "s3.amazonaws.com")],
        ),
        (
            {"AWS": "arn:aws-cn:sts::111122223333:assumed-role/a/b"},
            [("arn", "arn:aws-cn:sts::111122223333:assumed-role/a/b")],
        ),
        (
            {"Service": "logs.cn-north-1.amazonaws.com.cn"},
            [("service", "logs.cn-north-1.amazonaws.com.cn")],
        ),
    ],
)
def test_principals(content: object, named: list[tuple[Any, str]]) -> None:
    policy = only(Principal=content)
    assert policy.statements[0].principals == tuple(NamedPrincipal(*each) for each in named)


def test_the_text_and_what_it_reads_as_are_alike() -> None:
    content = document(STATEMENT | {"Condition": {"Bool": {"aws:SecureTransport": True}}})
    assert parse(json.dumps(content), name="policy") == parse(content, name="policy")


def test_a_text_is_read_once() -> None:
    text = json.dumps(document(STATEMENT))
    assert parse(text, name="policy") is parse(text, name="policy")


def test_a_single_statement_needs_no_list() -> None:
    policy = parse({"Version": "2012-10-17", "Statement": STATEMENT}, name="policy")
    assert len(policy.statements) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "policy: not JSON"),
        ("[]", "policy: not a JSON object"),
        ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "occurs twice"),
        (document(), "has no Statement"),
        (document("a"), "statement 1: not a JSON object"),
        (document(STATEMENT, Version="2012-10-18"), "Version '2012-10-18'"),
        (document(STATEMENT, Remark="a"), r"has unknown elements: \['Remark'\]"),
        (document(STATEMENT | {"Sid": "a"}, STATEMENT | {"Sid": "a"}), "a Sid occurs twice"),
    ],
)
def test_documents_that_are_refused(content: Any, words: str) -> None:
    with pytest.raises(PolicyError, match=words) as refused:
        parse(content, name="policy")
    assert str(refused.value).startswith("policy")


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"Effect": "allow"}, "neither Allow nor Deny"),
        ({"Sid": 1}, "Sid is not a string"),
        ({"Remark": "a"}, r"has unknown elements: \['Remark'\]"),
        ({"NotPrincipal": {"AWS": "111122223333"}}, "NotPrincipal isn't supported"),
        ({"Action": None}, "needs either Action or NotAction"),
        ({"NotAction": "s3:GetObject"}, "needs either Action or NotAction"),
        ({"Action": []}, "Action is empty"),
        ({"Action": "GetObject"}, "not an action"),
        ({"Action": "s3:${aws:username}"}, "not an action"),
        ({"Action": [1]}, "a value that is not a string"),
        ({"Resource": None}, "needs either Resource or NotResource"),
        ({"Resource": "bucket"}, "neither [*] nor an ARN"),
        ({"Resource": "arn:aws:*:::bucket"}, "an ARN with a service"),
        ({"Resource": "arn:aws:s3::${aws:PrincipalAccount}:a"}, "before the fifth colon"),
        ({"Resource": "arn:aws:s3:::${aws:usernam}"}, "doesn't know this condition key"),
        ({"Principal": "111122223333"}, "neither [*] nor an object"),
        ({"Principal": {}}, "neither [*] nor an object"),
        ({"Principal": {"AWS": []}}, "Principal is empty"),
        ({"Principal": {"Federated": "a"}}, r"has unknown elements: \['Federated'\]"),
        ({"Principal": {"AWS": "AROAEXAMPLE"}}, "is not a principal that the evaluator knows"),
        ({"Principal": {"AWS": "arn:aws:iam::111122223333:role/*"}}, "is not a principal"),
        (
            {"Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/a/*"}},
            "is not a principal",
        ),
        ({"Principal": {"Service": "*"}}, "is not a service principal"),
        ({"Condition": []}, "Condition is not an object"),
        ({"Condition": {"StringEquals": "a"}}, "not an object with a condition key"),
        (
            {"Condition": {"StringEquals": {"aws:SourceAn": "a"}}},
            "StringEquals aws:SourceAn: the evaluator doesn't know",
        ),
        ({"Condition": {"StringEquals": {"aws:SourceArn": [None]}}}, "not a string"),
    ],
)
def test_statements_that_are_refused(elements: dict[str, Any], words: str) -> None:
    with pytest.raises(PolicyError, match=f"policy, statement .*{words}"):
        only(**elements)


def test_a_variable_in_a_resource_needs_the_newer_version() -> None:
    statement = STATEMENT | {"Resource": "arn:aws:s3:::a/${aws:username}"}
    with pytest.raises(PolicyError, match=r"policy, statement 1: .* needs Version 2012-10-17"):
        parse({"Statement": statement}, name="policy")
