"""What is a fault in checkov's results for planned policies."""

import json
from typing import Any

import pytest

from tools.security import planned_policies
from tools.security.planned import Resource
from tools.security.planned_policies import CHECKS, faults_in, skipped_in

QUEUE = Resource("pipeline", 'module.queues["load"].aws_sqs_queue.this', "aws_sqs_queue", {})
ROLE = Resource("pipeline", "module.a.aws_iam_role_policy.this[0]", "aws_iam_role_policy", {})


def results(number: int, kind: str, outcome: str = "PASSED", left_out: str = "") -> list[Any]:
    return [
        {"resource": f"{kind}.planned_{number}", "check": one, "result": outcome, "title": "Title"}
        for one in CHECKS[kind]
        if one != left_out
    ]


def test_nothing_is_wrong_where_every_check_passed() -> None:
    found = results(0, "aws_sqs_queue") + results(1, "aws_iam_role_policy")

    assert list(faults_in(found, [QUEUE, ROLE], set())) == []


def test_a_check_without_a_result_is_a_fault() -> None:
    found = results(0, "aws_iam_role_policy", left_out="CKV_AWS_290")

    assert list(faults_in(found, [ROLE], {("aws_iam_role_policy.this", "CKV_AWS_290")})) == [
        f"pipeline: {ROLE.address}: CKV_AWS_290: checkov didn't evaluate this policy"
    ]


def test_a_check_that_fails_is_a_fault_unless_the_code_skips_it() -> None:
    found = results(0, "aws_sqs_queue", "FAILED")

    assert list(faults_in(found, [QUEUE], set())) == [
        f"pipeline: {QUEUE.address}: CKV_AWS_168: Title"
    ]
    assert list(faults_in(found, [QUEUE], {("aws_sqs_queue.this", "CKV_AWS_168")})) == []
    assert list(faults_in(found, [QUEUE], {("aws_sqs_queue.dead_letter", "CKV_AWS_168")}))


def test_a_type_of_which_no_checks_are_known_is_a_fault() -> None:
    other = Resource("pipeline", "aws_glacier_vault.this", "aws_glacier_vault", {})

    (fault,) = faults_in([], [other], set())

    assert "no checks are listed for policies of aws_glacier_vault" in fault


def test_a_check_is_skipped_by_a_comment_with_a_reason_in_its_resource() -> None:
    code = """
resource "aws_sqs_queue" "this" {
  # checkov:skip=CKV_AWS_168:a reason
  name = "a"
}

resource "aws_sqs_queue" "other" {
  # checkov:skip=CKV_AWS_27:
  name = "b"
}
"""

    assert skipped_in([code]) == {("aws_sqs_queue.this", "CKV_AWS_168")}


def test_policies_are_scanned_as_they_are_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = json.dumps({"Statement": [{"Resource": "arn:aws:s3:::a/${aws:username}/%{b}"}]})
    written: list[str] = []

    def run(files: list[str]) -> Any:
        with open(files[0], encoding="utf-8") as file:  # noqa: PTH123
            written.append(file.read())
        return {"results": results(0, "aws_kms_key"), "unparsed": []}

    monkeypatch.setattr(planned_policies, "run", run)
    key = Resource("pipeline", "output.keys", "aws_kms_key_policy", {"policy": policy})
    topic = Resource("pipeline", "aws_sns_topic.this", "aws_sns_topic", {"policy": policy})

    assert planned_policies.check([key, topic], []) == ([], "1 planned policies")
    escaped = json.dumps(policy).replace("${", "$${").replace("%{", "%%{")
    assert written == [f'resource "aws_kms_key" "planned_0" {{\n  policy = {escaped}\n}}\n']
