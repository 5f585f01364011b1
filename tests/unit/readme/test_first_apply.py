"""The page on the first apply names every row of the deliveries that no page of AWS settles."""

import re
from pathlib import Path

from aws_rules import deliveries

PAGE = Path(__file__).resolve().parents[3] / "docs" / "first-apply.md"
QUESTIONS = "## Open questions"


def rows_named() -> set[str]:
    _, _, questions = PAGE.read_text(encoding="utf-8").partition(QUESTIONS)
    return set(re.findall(r"`(\w+_to_\w+)`", questions))


def test_what_is_open_of_a_delivery_is_on_the_page_and_nothing_else() -> None:
    unsettled = {
        name
        for name, row in deliveries.load().items()
        if row.open or row.status is not deliveries.Status.DOCUMENTED
    }

    assert rows_named() == unsettled
