"""Statements are read from planned policies, written on a page, and held against parliament."""

import json
from typing import Any

import pytest

from tools.security import page, policy_checks
from tools.security.planned import Resource, lacking
from tools.security.statements import Statement, statements_in

QUEUE = "arn:aws:sqs:eu-west-1:111122223333:orders-audit"
UNKNOWN = {"issue": "UNKNOWN_ACTION", "detail": "Unknown action sqs:SendLetter"}
STAR = {"issue": "RESOURCE_STAR", "detail": "['ec2:CreateNetworkInterface']"}


def planned(kind: str, **values: object) -> Resource:
    return Resource("pipeline", f"{kind}.this", kind, values)


def policy(**statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


ROLE_POLICY = planned(
    "aws_iam_role_policy",
    name="function",
    role="orders-audit",
    policy=policy(
        Sid="ReceiveMessages", Effect="Allow", Action="sqs:ReceiveMessage", Resource=[QUEUE]
    ),
)
QUEUE_POLICY = planned(
    "aws_sqs_queue",
    name="orders-audit",
    policy=policy(
        Sid="AllowTopics",
        Effect="Allow",
        Principal={"Service": "sns.amazonaws.com"},
        Action="sqs:SendMessage",
        Resource=QUEUE,
        Condition={"ArnEquals": {"aws:SourceArn": ["arn:aws:sns:eu-west-1:111122223333:orders"]}},
    ),
)
TLS = planned(
    "aws_s3_bucket_policy",
    bucket="example-orders",
    policy=policy(
        Sid="DenyWithoutTLS",
        Effect="Deny",
        Principal="*",
        Action="s3:*",
        Resource=["arn:aws:s3:::example-orders"],
        Condition={"Bool": {"aws:SecureTransport": "false"}},
    ),
)
PERMISSION = planned(
    "aws_lambda_permission",
    function_name="orders-audit",
    action="lambda:InvokeFunction",
    principal="s3.amazonaws.com",
    source_arn="arn:aws:s3:::example-orders",
    source_account="111122223333",
)


def test_a_roles_statement_is_about_the_role() -> None:
    (statement,) = statements_in([ROLE_POLICY])

    assert (statement.principals, statement.actions) == (("orders-audit",), ("sqs:ReceiveMessage",))


def test_a_permission_is_a_statement_too() -> None:
    (statement,) = statements_in([PERMISSION])

    assert statement.principals == ("s3.amazonaws.com",)
    assert statement.conditions == {
        "ArnLike": {"aws:SourceArn": ("arn:aws:s3:::example-orders",)},
        "StringEquals": {"aws:SourceAccount": ("111122223333",)},
    }


def test_the_page_says_who_may_do_what_under_which_condition_and_what_for() -> None:
    written = page.page(list(statements_in([ROLE_POLICY, QUEUE_POLICY, TLS, PERMISSION])))

    assert "| everybody | `s3:*` | `aws:SecureTransport` is `false` | each bucket |" in written
    assert "| `orders-audit` | `sqs:ReceiveMessage` | `queue orders-audit` | - | Lambda" in written
    (row,) = [line for line in written.splitlines() if "`aws:SourceArn` is `topic orders`" in line]
    assert row.startswith("| `orders-audit` | `sns.amazonaws.com` | `sqs:SendMessage` |")
    assert "[source](https://docs.aws.amazon.com/sns/" in row


def test_a_statement_of_which_nobody_said_what_it_is_for_has_no_page() -> None:
    unknown = planned(
        "aws_sqs_queue",
        name="q",
        policy=policy(
            Sid="AllowEverybody", Effect="Allow", Principal="*", Action="sqs:*", Resource=QUEUE
        ),
    )

    with pytest.raises(page.PageError, match="AllowEverybody"):
        page.page(list(statements_in([unknown])))


@pytest.mark.parametrize(
    ("sid", "known"),
    [
        ("AllowLogs", "AllowLogs"),
        ("AllowLogsOfOrdersAudit", "AllowLogs"),
        ("AllowTopicsToOrders", "AllowTopics"),
        ("AllowTopicsToo", None),
    ],
)
def test_a_statement_is_known_by_the_beginning_of_its_id(sid: str, known: str | None) -> None:
    assert page.purpose(sid) == (page.PURPOSES[known] if known else None)


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        (QUEUE, "queue orders-audit"),
        ("arn:aws:s3:::example-orders/incoming/*", "s3://example-orders/incoming/*"),
        (
            "arn:aws:iam::444455556666:root",
            "any principal that its account allows of account 444455556666",
        ),
        ("arn:*:cloudwatch:*:*:alarm:orders-*", "alarm orders-* of any account"),
        ("*", "*"),
    ],
)
def test_a_resource_is_named_as_people_do(arn: str, name: str) -> None:
    assert page.short(arn) == name


def faults(findings: list[dict[str, str]], accepted: str = "", **options: Any) -> list[str]:
    found = [(("pipeline: a_role", "ManageNetworkInterfaces"), findings)]
    planted = options.get("planted", [UNKNOWN])
    return list(policy_checks.faults_in(planted, found, policy_checks.accepted_in([accepted])))


def test_a_finding_is_told_with_its_statement() -> None:
    (fault,) = faults([UNKNOWN])

    assert fault == (
        "pipeline: a_role: ManageNetworkInterfaces: UNKNOWN_ACTION: Unknown action sqs:SendLetter"
    )


def test_a_finding_is_accepted_with_a_reason_only() -> None:
    assert faults([STAR], "# parliament:skip=RESOURCE_STAR:Manage*:they have no ARN yet") == []
    assert len(faults([STAR], "# parliament:skip=RESOURCE_STAR:Manage*:")) == 1


def test_an_acceptance_of_nothing_is_a_fault() -> None:
    (fault,) = faults([], "# parliament:skip=RESOURCE_STAR:Manage*:they have no ARN yet")

    assert "no longer accepts a finding" in fault


def test_a_linter_that_does_not_find_what_was_planted_is_a_fault() -> None:
    (fault,) = faults([], planted=[])

    assert "no longer finds UNKNOWN_ACTION" in fault


def test_no_statement_is_left_out() -> None:
    statements: list[Statement] = list(statements_in([QUEUE_POLICY, TLS]))

    assert [one.sid for one in statements] == ["AllowTopics", "DenyWithoutTLS"]


@pytest.mark.parametrize(
    "version", ["Terraform v1.11.0\non linux_amd64\n", "Terraform v2.0.0-rc1\n"]
)
def test_a_terraform_that_overrides_during_a_plan_lacks_nothing(version: str) -> None:
    assert lacking(version) == ""


@pytest.mark.parametrize("version", ["Terraform v1.10.5", "Terraform v1.9.0", "OpenTofu v1.11.2"])
def test_of_an_older_terraform_and_of_opentofu_is_said_what_they_lack(version: str) -> None:
    assert lacking(f"{version}\non linux_amd64\n") == (
        f"override_during needs Terraform 1.11, this is {version}"
    )
