"""The table of limits: each has a guard that knows it, and tests from below and from above."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from aws_rules import limits
from tests.terraform.refusals import REFUSALS

ROOT = Path(__file__).resolve().parents[3]
LIMITS = limits.load()
GUARDED = [name for name, limit in LIMITS.items() if not limit.unguarded]

# Upper bounds in a validation or precondition that are decisions of ours, or no sizes.
NOT_AWS = {
    "modules/circuit-breaker/variables.tf": {10, 30, 100, 840, 86400},
    "modules/consumer-alarms/variables.tf": {900},
    "modules/pipeline-dashboard/variables.tf": {900, 10240, 86400},
    "variables.tf": {30},
}
_CHECK = re.compile(r"condition\s*=\s*(.*?)\n\s*error_message", re.DOTALL)
_UPPER = re.compile(r"<=?\s*(\d[\d_]*)|\{\d+,(\d+)\}")
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


@pytest.mark.parametrize("name", GUARDED)
def test_a_limit_is_tested_from_below_and_from_above(name: str) -> None:
    for test in (LIMITS[name].below, LIMITS[name].above):
        file, _, run = test.partition("::")

        assert run in names_in(file), f"{name}: there is no {test}"


@pytest.mark.parametrize("name", GUARDED)
def test_the_guard_of_a_limit_knows_it(name: str) -> None:
    limit = LIMITS[name]
    spellings = {re.escape(limit.written), re.escape(f"{limit.value:_}")}
    pattern = rf"(?<![\d_])({'|'.join(spellings)})(?![\d_])"

    assert re.search(pattern, text_of(limit.guard)), f"{limit.guard} has no {limit.written}"


def test_limits_that_no_page_showed_are_named_where_open_questions_are() -> None:
    page = text_of("docs/first-apply.md")
    rows = re.search(r"^\| .* `limits\.toml`.*$", page, re.MULTILINE)

    assert rows, "docs/first-apply.md has no row about limits.toml"
    named = set(re.findall(r"`(\w+)`", rows[0]))
    assert named == {name for name, limit in LIMITS.items() if not limit.seen}


def upper_bounds() -> Iterator[tuple[str, int]]:
    """Find the upper bounds in the checks of the root and of the modules."""
    for path in sorted([*ROOT.glob("*.tf"), *ROOT.glob("modules/*/*.tf")]):
        file = str(path.relative_to(ROOT))
        for check in _CHECK.findall(text_of(file)):
            for match in _UPPER.finditer(check):
                yield file, int((match[1] or match[2]).replace("_", ""))


def test_an_upper_bound_in_a_check_is_a_limit_of_the_table_or_a_decision_of_ours() -> None:
    known = {
        (limit.guard, int(number))
        for limit in LIMITS.values()
        for number in re.findall(r"\d+", f"{limit.value} {limit.written}")
    }
    ours = {(file, number) for file, numbers in NOT_AWS.items() for number in numbers}
    found = {bound for bound in upper_bounds() if bound[1] > 2}

    assert len(found) > 30
    unknown = sorted(found - known - ours)
    assert not unknown, f"give these a row in src/aws_rules/limits.toml: {unknown}"
    assert ours <= found, f"these are no bounds any more: {sorted(ours - found)}"


def test_a_table_is_read() -> None:
    (limit,) = limits.parse(ROW).values()

    assert (limit.name, limit.value, limit.written) == ("queue_name", 80, "80")
    assert limit.checked.isoformat() == "2026-11-21"
    assert limit.seen


def test_a_row_without_a_guard_says_why() -> None:
    without = re.sub(r"(?m)^(guard|below|above) = .*\n", "", ROW)

    with pytest.raises(limits.LimitsError, match="must be given"):
        limits.parse(without)
    (limit,) = limits.parse(f'{without}unguarded = "no plan knows it"\n').values()
    assert (limit.unguarded, limit.guard) == ("no plan knows it", "")


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("value = 80", "", "value must be given, as int"),
        ("value = 80", "value = true", "value must be given, as int"),
        ('unit = "characters"', 'unit = ""', "unit must be given, as str"),
        ("checked = 2026-11-21", "checked = 2026-11-21T12:00:00Z", "as date"),
        ("value = 80", "value = 80\nvalues = 81", "unknown keys values"),
        ("value = 80", "value = 80\nunguarded = 'it is not'", "unknown keys"),
        ("value = 80", "value = 80\nseen = 'yes'", "seen must be a bool"),
        ("https://docs.aws.amazon.com/sqs", "https://example.com", "an AWS page"),
    ],
)
def test_a_row_that_lacks_something_is_refused(right: str, wrong: str, message: str) -> None:
    with pytest.raises(limits.LimitsError, match=f"queue_name: .*{message}"):
        limits.parse(ROW.replace(right, wrong))
