"""Condition operators, by the examples and tables of IAM's pages."""

from __future__ import annotations

from typing import Any

import pytest

from aws_rules.conditions import Condition
from aws_rules.patterns import PolicyError

KEYS = ("aws:PrincipalTag/team", "aws:PrincipalTag/role")


def holds(operator: str, key: str, values: str | list[str], context: dict[str, Any]) -> bool:
    stated = (values,) if isinstance(values, str) else tuple(values)
    sent = {
        name.lower(): (value,) if isinstance(value, str) else value
        for name, value in context.items()
    }
    return Condition(operator, key, stated, "2012-10-17").matches(sent)


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
# An operator with a value of the policy, a value that matches it and one that doesn't.
POSITIVE: list[tuple[str, str, str, str, str]] = [
    ("StringEquals", "aws:username", "john", "john", "John"),
    ("StringEquals", "s3:prefix", "home/*", "home/*", "home/a"),
    ("StringEqualsIgnoreCase", "aws:username", "john", "JOHN", "johan"),
    ("StringLike", "s3:prefix", "home/*", "home/a/b", "Home/a"),
    ("StringLike", "s3:prefix", "home/?", "home/a", "home/ab"),
    ("StringLike", "s3:prefix", "a.b", "a.b", "a-b"),
    ("ArnEquals", "aws:SourceArn", "arn:aws:s3:::a*", "arn:aws:s3:::ab", "arn:aws:s3:::b"),
    ("ArnLike", "aws:SourceArn", "arn:aws:s3:*:*:a", "arn:aws:s3:::a", "arn:aws:s3:::A"),
    ("ArnLike", "aws:SourceArn", "arn:aws:sns:?:1:a", "arn:aws:sns:x:1:a", "arn:aws:sns::1:a"),
    ("Bool", "aws:SecureTransport", "false", "false", "true"),
    ("NumericEquals", "s3:max-keys", "10", "10.0", "11"),
    ("NumericLessThan", "s3:max-keys", "10", "9", "10"),
    ("NumericLessThanEquals", "s3:max-keys", "10", "10", "11"),
    ("NumericGreaterThan", "s3:max-keys", "10", "100", "10"),
    ("NumericGreaterThanEquals", "s3:max-keys", "10", "10", "9"),
    ("DateEquals", "aws:CurrentTime", "2020-01-01T00:00:00Z", "1577836800", "1577836801"),
    ("DateEquals", "aws:CurrentTime", "2020", "2020-01-01", "2020-02"),
    ("DateLessThan", "aws:CurrentTime", "2020-01-02", "2020-01-01T23:59:59Z", "2020-01-02"),
    ("DateLessThanEquals", "aws:CurrentTime", "2020-01-02", "2020-01-02", "2020-01-03"),
    ("DateGreaterThan", "aws:TokenIssueTime", "2020-01-01T00:00:01Z", "2021-01-01", "2019-01-01"),
    ("DateGreaterThanEquals", "aws:CurrentTime", "2020-01-02", "2020-01-02", "2020-01-01"),
    ("BinaryEquals", "aws:userid", "QmluYXJ5", "QmluYXJ5", "YmluYXJ5"),
    ("IpAddress", "aws:SourceIp", "203.0.113.0/24", "203.0.113.9", "203.0.114.9"),
    ("IpAddress", "aws:SourceIp", "203.0.113.9", "203.0.113.9", "203.0.113.8"),
    ("IpAddress", "aws:SourceIp", "2001:DB8:1234:5678::/64", "2001:db8:1234:5678::1", "::1"),
    ("IpAddress", "aws:SourceIp", "203.0.113.0/24", "203.0.113.9", "2001:db8::1"),
]
NEGATIONS = {
    "StringEquals": "StringNotEquals",
    "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase",
    "StringLike": "StringNotLike",
    "ArnEquals": "ArnNotEquals",
    "ArnLike": "ArnNotLike",
    "NumericEquals": "NumericNotEquals",
    "DateEquals": "DateNotEquals",
    "IpAddress": "NotIpAddress",
}


@pytest.mark.parametrize(("operator", "key", "stated", "match", "other"), POSITIVE)
def test_operators(operator: str, key: str, stated: str, match: str, other: str) -> None:
    assert holds(operator, key, stated, {key: match})
    assert not holds(operator, key, stated, {key: other})
    assert not holds(operator, key, stated, {}), "an absent key doesn't match"
    assert holds(f"{operator}IfExists", key, stated, {})
    assert holds(f"{operator}IfExists", key, stated, {key: match})
    assert not holds(f"{operator}IfExists", key, stated, {key: other})


@pytest.mark.parametrize(
    ("operator", "key", "stated", "match", "other"),
    [(NEGATIONS[row[0]], *row[1:]) for row in POSITIVE if row[0] in NEGATIONS],
)
def test_negated_operators(operator: str, key: str, stated: str, match: str, other: str) -> None:
    assert not holds(operator, key, stated, {key: match})
    assert holds(operator, key, stated, {key: other})
    assert holds(operator, key, stated, {}), "an absent key is no match either"
    assert holds(f"{operator}IfExists", key, stated, {})


# The example of the same page's section on ARN operators.
def test_an_arn_operator_compares_part_by_part() -> None:
    stated = "arn:aws:someservice:*:111122223333:finance/*"
    sent = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"
    assert holds("StringLike", "aws:SourceArn", stated, {"aws:SourceArn": sent})
    assert not holds("ArnLike", "aws:SourceArn", stated, {"aws:SourceArn": sent})


def test_the_last_part_of_an_arn_may_have_colons() -> None:
    key, stated = "kms:EncryptionContext:aws:logs:arn", "arn:aws:logs:r:1:log-group:/aws/lambda/a-*"
    assert holds("ArnLike", key, stated, {key: "arn:aws:logs:r:1:log-group:/aws/lambda/a-b:*"})
    assert not holds("ArnEquals", key, stated, {key: "not an ARN"})
    assert holds("ArnNotEquals", key, stated, {key: "not an ARN"})


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Null
@pytest.mark.parametrize(
    ("stated", "context", "expected"),
    [
        ("true", {}, True),
        ("true", {"aws:TokenIssueTime": "2020-01-01"}, False),
        ("false", {}, False),
        ("false", {"aws:TokenIssueTime": "2020-01-01"}, True),
    ],
)
def test_null(stated: str, context: dict[str, Any], expected: bool) -> None:
    assert holds("Null", "aws:TokenIssueTime", stated, context) is expected


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
# The requests of the page's tables, on the attributes of the table Thread.
@pytest.mark.parametrize(
    ("operator", "stated", "sent", "expected"),
    [
        ("ForAllValues:StringEquals", ["ID", "Message", "Tags"], ("Message", "Tags"), True),
        ("ForAllValues:StringEquals", ["ID", "Message", "Tags"], ("ID", "UserName"), False),
        (
            "ForAllValues:StringEquals",
            ["PostDateTime", "Message", "Tags"],
            ("PostDateTime", "UserName"),
            False,
        ),
        (
            "ForAnyValue:StringEquals",
            ["ID", "PostDateTime"],
            ("UserName", "Message", "PostDateTime"),
            True,
        ),
        ("ForAnyValue:StringEquals", ["ID", "PostDateTime"], ("UserName",), False),
        ("ForAllValues:StringLike", ["Post*"], ("PostDateTime", "PostId"), True),
        ("ForAnyValue:StringLike", ["Post*"], ("ID", "PostId"), True),
        # A negated operator: no value of the request, or at least one, is outside of the list.
        ("ForAllValues:StringNotEquals", ["ID", "Tags"], ("Message", "UserName"), True),
        ("ForAllValues:StringNotEquals", ["ID", "Tags"], ("Message", "ID"), False),
        ("ForAnyValue:StringNotEquals", ["ID", "Tags"], ("Message", "ID"), True),
        ("ForAnyValue:StringNotEquals", ["ID", "Tags"], ("Tags", "ID"), False),
        # No key, no value and an empty text are alike.
        ("ForAllValues:StringEquals", ["ID"], (), True),
        ("ForAllValues:StringEquals", ["ID"], ("",), True),
        ("ForAllValues:StringNotEquals", ["ID"], (), True),
        ("ForAnyValue:StringEquals", ["ID"], (), False),
        ("ForAnyValue:StringLike", ["*"], ("",), False),
        ("ForAnyValue:StringNotEquals", ["ID"], (), False),
        ("ForAllValues:StringEqualsIfExists", ["ID"], (), True),
    ],
)
def test_set_operators(
    operator: str, stated: list[str], sent: tuple[str, ...], expected: bool
) -> None:
    assert holds(operator, "dynamodb:Attributes", stated, {"dynamodb:Attributes": sent}) is expected
    if not sent:
        assert holds(operator, "dynamodb:Attributes", stated, {}) is expected


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
@pytest.mark.parametrize(
    ("operator", "team", "expected"),
    [
        ("StringEquals", "finance", True),
        ("StringEquals", "hr", True),
        ("StringEquals", "it", False),
        ("StringNotEquals", "finance", False),
        ("StringNotEquals", "hr", False),
        ("StringNotEquals", "it", True),
    ],
)
def test_several_values_are_or_and_nor_if_negated(operator: str, team: str, expected: bool) -> None:
    assert holds(operator, KEYS[0], ["finance", "hr"], {KEYS[0]: team}) is expected


def test_key_names_are_not_case_sensitive() -> None:
    assert holds("StringEquals", "AWS:SourceIP", "::1", {"aws:SourceIp": "::1"})


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
@pytest.mark.parametrize(
    ("operator", "stated", "sent", "expected"),
    [
        ("StringEquals", "home/${aws:username}", "home/anna", True),
        ("StringEquals", "home/${aws:USERNAME}", "home/anna", True),
        ("StringEquals", "home/${aws:username}", "home/bert", False),
        ("StringLike", "home/${aws:username}/*", "home/anna/file", True),
        ("StringLike", "home/${*}", "home/*", True),
        ("StringLike", "home/${*}", "home/anna", False),
        ("StringLike", "home/${?}", "home/a", False),
        ("StringEquals", "${$}{a}", "${a}", True),
        ("StringEquals", "${aws:PrincipalTag/team, 'company-wide'}", "company-wide", True),
        ("StringEquals", "${aws:PrincipalTag/team, ''}", "", True),
        ("StringNotEquals", "home/${aws:username}", "home/bert", True),
    ],
)
def test_variables(operator: str, stated: str, sent: str, expected: bool) -> None:
    context = {"s3:prefix": sent, "aws:username": "anna"}
    assert holds(operator, "s3:prefix", stated, context) is expected


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"s3:prefix": "a"}, "the request has no aws:username"),
        ({"s3:prefix": "a", "aws:username": "a*"}, "can't replace the policy variable"),
    ],
)
def test_variables_that_are_not_resolved_are_not_guessed(
    context: dict[str, Any], words: str
) -> None:
    with pytest.raises(PolicyError, match=words):
        holds("StringEquals", "s3:prefix", "${aws:username}", context)


@pytest.mark.parametrize(
    ("operator", "key", "values", "words"),
    [
        ("StringMatches", "aws:SourceArn", ["a"], "the evaluator doesn't support this operator"),
        ("stringequals", "aws:SourceArn", ["a"], "the evaluator doesn't support this operator"),
        ("ForSomeValues:StringEquals", "aws:TagKeys", ["a"], "doesn't support this operator"),
        ("StringEquals", "aws:SourceAn", ["a"], "the evaluator doesn't know this condition key"),
        ("StringEquals", "aws:PrincipalTag/", ["a"], "doesn't know this condition key"),
        ("StringEquals", "aws:SourceArn", [], "has no value"),
        ("StringEquals", "dynamodb:LeadingKeys", ["a"], "needs ForAllValues or ForAnyValue"),
        ("ForAnyValue:StringEqualsIfExists", "aws:TagKeys", ["a"], "AWS doesn't document"),
        ("ForAllValues:Null", "aws:TagKeys", ["true"], "neither a set operator nor IfExists"),
        ("NullIfExists", "aws:SourceArn", ["true"], "neither a set operator nor IfExists"),
        ("Null", "aws:SourceArn", ["yes"], "must be true or false"),
        ("Bool", "aws:SecureTransport", ["no"], "neither true nor false"),
        ("ArnEquals", "aws:SourceArn", ["*"], "not an ARN"),
        ("NumericEquals", "s3:max-keys", ["ten"], "a value is invalid"),
        ("NumericEquals", "s3:max-keys", ["NaN"], "a value is invalid"),
        ("NumericEquals", "s3:max-keys", ["${aws:username}"], "can't have a policy variable"),
        ("DateEquals", "aws:CurrentTime", ["soon"], "a value is invalid"),
        ("IpAddress", "aws:SourceIp", ["300.0.0.0/8"], "a value is invalid"),
        ("BinaryEquals", "aws:userid", ["a"], "a value is invalid"),
        ("StringEquals", "aws:SourceArn", ["${aws:username"], "without an end"),
        ("StringEquals", "aws:SourceArn", ["${aws:username, a}"], "malformed policy variable"),
        ("StringEquals", "aws:SourceArn", ["${aws:usernam}"], "doesn't know this condition key"),
        ("StringEquals", "aws:SourceArn", ["${aws:TagKeys}"], "can have several values"),
    ],
)
def test_refusals(operator: str, key: str, values: list[str], words: str) -> None:
    with pytest.raises(PolicyError, match=words) as refused:
        Condition(operator, key, tuple(values), "2012-10-17")
    assert str(refused.value).startswith(f"{operator} {key}: ")


def test_a_variable_needs_the_newer_version() -> None:
    with pytest.raises(PolicyError, match="needs Version 2012-10-17"):
        Condition("StringEquals", "s3:prefix", ("${aws:username}",), "2008-10-17")


def test_a_value_of_the_request_that_cannot_be_read() -> None:
    with pytest.raises(PolicyError, match="the request's value is invalid"):
        holds("NumericEquals", "s3:max-keys", "1", {"s3:max-keys": "one"})
