"""What several commands take: options, and how the texts of some are read."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from operations.errors import WrongUseError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
ConsumerName = Annotated[str, typer.Argument(metavar="CONSUMER", help="The consumer's name.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")]
Limit = Annotated[
    int, typer.Option(min=1, help="How many messages of a dead-letter queue are looked at.")
]

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def moment(option: str, text: str | None) -> datetime | None:
    """Read a time, or a span before now.

    Raises
    ------
    WrongUseError
        It is neither.
    """
    if text is None:
        return None
    if span := re.fullmatch(r"(\d+)([mhd])", text):
        return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUseError(
            f"{option} {text}: expected a time like 2026-01-31T12:00Z, or a span like 30m, 6h or 3d"
        ) from None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
