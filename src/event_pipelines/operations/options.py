"""Options of several commands, and their parsers."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from event_pipelines.operations.errors import WrongUseError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")]
ConsumerName = Annotated[str, typer.Argument(metavar="CONSUMER", help="The consumer's name.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
Limit = Annotated[
    int, typer.Option(min=1, help="Maximum messages to read from a dead-letter queue.")
]
Reason = Annotated[
    str | None,
    typer.Option(help="Only messages with this error type, or with this text in the reason."),
]

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def moment(option: str, text: str | None) -> datetime | None:
    """Parse a time, or a duration before now.

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
            f"{option} {text}: must be a time like 2026-01-31T12:00Z, or a duration like 6h or 3d"
        ) from None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
