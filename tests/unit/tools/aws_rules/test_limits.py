"""The table of limits: each has a guard that knows it, and tests from below and from above."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.terraform.refusals import REFUSALS
from tools.aws_rules import limits

ROOT = Path(__file__).resolve().parents[4]
LIMITS = limits.load()

ROW = """
[limits.queue_name]
value = 80
unit = "characters"
reached_by = "name"
guard = "modules/queue-with-dlq/variables.tf"
outcome = "refused at plan"
below = "a::b"
above = "a::c"
source = "https://docs.aws.amazon.com/sqs"
checked = 2026-11-21
"""


@cache
def text_of(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


@cache
def names_in(file: str) -> frozenset[str]:
    if file == "tests/terraform/refusals.py":
        return frozenset(refusal.name for refusal in REFUSALS)
    pattern = r'^run "(\w+)"' if file.endswith(".tftest.hcl") else r"^\s*def (test_\w+)"
    return frozenset(re.findall(pattern, text_of(file), re.MULTILINE))


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_tested_from_below_and_from_above(name: str) -> None:
    for test in (LIMITS[name].below, LIMITS[name].above):
        file, _, run = test.partition("::")

        assert run in names_in(file), f"{name}: there is no {test}"


@pytest.mark.parametrize("name", LIMITS)
def test_the_guard_of_a_limit_knows_it(name: str) -> None:
    limit = LIMITS[name]
    spellings = {re.escape(limit.written), re.escape(f"{limit.value:_}")}
    pattern = rf"(?<![\d_])({'|'.join(spellings)})(?![\d_])"

    assert re.search(pattern, text_of(limit.guard)), f"{limit.guard} has no {limit.written}"


def test_a_table_is_read() -> None:
    (limit,) = limits.parse(ROW).values()

    assert (limit.name, limit.value, limit.written) == ("queue_name", 80, "80")
    assert limit.checked.isoformat() == "2026-11-21"


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("value = 80", "", "value must be given, as int"),
        ("value = 80", "value = true", "value must be given, as int"),
        ('unit = "characters"', 'unit = ""', "unit must be given, as str"),
        ("checked = 2026-11-21", "checked = 2026-11-21T12:00:00Z", "as date"),
        ("value = 80", "value = 80\nvalues = 81", "values means nothing"),
        ("https://docs.aws.amazon.com/sqs", "https://example.com", "a page of AWS"),
    ],
)
def test_a_row_that_lacks_something_is_refused(right: str, wrong: str, message: str) -> None:
    with pytest.raises(limits.LimitsError, match=f"queue_name: .*{message}"):
        limits.parse(ROW.replace(right, wrong))
