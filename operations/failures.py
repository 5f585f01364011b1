"""What was set aside, grouped by reason: a hundred files of one mistake are one line."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from operations.dead_letters import DeadLetter


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The messages that one consumer set aside for one reason.

    Attributes
    ----------
    consumer, kind
        Who, and whether it was the file's fault (``permanent``), no try was left (``exhausted``) or
        SQS moved it (``moved``).
    reason
        The reason, without what differs from message to message.
    count
        How many.
    first, last
        From when to when they were set aside, or else sent.
    times
        Which of the two: SQS doesn't tell when it moved a message.
    example
        The object of the newest.
    example_reason
        Its reason, in full.
    """

    consumer: str
    kind: str
    reason: str
    count: int
    first: datetime
    last: datetime
    times: Literal["set aside", "sent"]
    example: str
    example_reason: str


def group(letters: Iterable[DeadLetter]) -> list[Failure]:
    """Group messages by consumer and reason, the most frequent first."""
    groups: dict[tuple[str, str, str], list[DeadLetter]] = {}
    for letter in letters:
        groups.setdefault((letter.consumer, letter.kind, letter.general_reason), []).append(letter)
    failures = []
    for (consumer, kind, reason), members in groups.items():
        newest = max(members, key=lambda letter: letter.sent_at)
        failures.append(
            Failure(
                consumer=consumer,
                kind=kind,
                reason=reason,
                count=len(members),
                first=min(letter.sent_at for letter in members),
                last=newest.sent_at,
                times="sent" if any(one.set_aside_at is None for one in members) else "set aside",
                example=newest.events[0].uri if newest.events else f"message {newest.message_id}",
                example_reason=newest.reason,
            )
        )
    return sorted(failures, key=lambda failure: (-failure.count, failure.consumer, failure.reason))
