"""What is a fault in what checkov's scan prints."""

from typing import Any

from tools.checkout import ROOT
from tools.security.terraform_checks import PLANTED_CHECK, counted, faults_in

TITLE = "Ensure the S3 bucket has access logging enabled"
PLANTED = "/tmp/planted.tf"  # noqa: S108 (a name in a document, no file)


def result(
    check: str, outcome: str, *, reason: str | None = None, file: str = ""
) -> dict[str, Any]:
    return {
        "check": check,
        "file": file or str(ROOT / "modules" / "bucket" / "main.tf"),
        "line": 1,
        "reason": reason,
        "resource": "aws_s3_bucket.this",
        "result": outcome,
        "title": TITLE,
    }


FOUND = result(PLANTED_CHECK, "FAILED", file=PLANTED)


def document(*results: dict[str, Any], unparsed: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"results": [FOUND, *results], "unparsed": list(unparsed)}


def test_nothing_is_wrong_where_checks_pass_or_are_skipped_with_a_reason() -> None:
    scanned = document(
        result("CKV_AWS_21", "PASSED"), result("CKV_AWS_18", "SKIPPED", reason="the account's")
    )

    assert list(faults_in(scanned, PLANTED)) == []
    assert counted(scanned, PLANTED) == "1 passed, 1 skipped"


def test_a_check_that_fails_is_told_with_its_place() -> None:
    (fault,) = faults_in(document(result("CKV_AWS_18", "FAILED")), PLANTED)

    assert fault == f"modules/bucket/main.tf:1: aws_s3_bucket.this: CKV_AWS_18: {TITLE}"


def test_a_check_is_not_skipped_without_a_reason() -> None:
    for reason in (None, "", "No comment provided"):
        (fault,) = faults_in(document(result("CKV_AWS_18", "SKIPPED", reason=reason)), PLANTED)

        assert "CKV_AWS_18 is skipped without a reason" in fault


def test_a_file_that_cannot_be_parsed_is_a_fault() -> None:
    (fault,) = faults_in(document(unparsed=(str(ROOT / "main.tf"),)), PLANTED)

    assert fault.startswith("main.tf: checkov can't parse this file")


def test_a_scan_that_does_not_find_what_was_planted_is_a_fault() -> None:
    for results in ([], [result(PLANTED_CHECK, "PASSED", file=PLANTED)]):
        (fault,) = faults_in({"results": results, "unparsed": []}, PLANTED)

        assert "no longer finds CKV_AWS_24" in fault
