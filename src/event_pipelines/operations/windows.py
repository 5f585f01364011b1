"""Which parts of a log to read for a file: those that ledger, messages and versions point to.

A consumer may log millions of lines a day, and a search through all of them takes minutes. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from event_pipelines.operations.dead_letters import DeadLetter
from event_pipelines.operations.ledger import LedgerEntry
from event_pipelines.operations.story import Version

# Most files are done by then.
_SOON = timedelta(minutes=15)
# The ends of the parts after that, up to now: a message is retried for days.
_LATER = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 72))
# How far back to search for a file that no longer exists.
_LOOK_BACK = timedelta(days=14)
# The tolerance between the clocks of S3 or SQS and that of the function, and for the time that the
# function's own clock and its log may differ.
_MARGIN, _OWN_MARGIN = timedelta(minutes=5), timedelta(seconds=30)
# The operator's clock may be behind: the last part has no end but this.
_AHEAD = timedelta(days=1)
# Of a file that is overwritten again and again, the last versions.
_VERSIONS = 5


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A part of a log.

    Attributes
    ----------
    begin, end
        Its first and last time.
    """

    begin: datetime
    end: datetime


def since(begin: datetime, now: datetime) -> Window:
    """Return the part that somebody asked for."""
    return Window(begin - _MARGIN, now + _AHEAD)


def pointed_at(
    versions: Sequence[Version],
    entry: LedgerEntry | None,
    letters: Iterable[DeadLetter],
) -> list[Window]:
    """Return the parts to read in any case, the most promising first.

    Parameters
    ----------
    versions
        The versions of the file, oldest first.
    entry
        What the ledger holds: when the function began and ended its last attempt.
    letters
        The messages about it in the dead-letter queue.
    """
    found = []
    if entry is not None and entry.started_at is not None:
        end = entry.finished_at or entry.lease_until or entry.continued_at or entry.started_at
        found.append(Window(entry.started_at - _OWN_MARGIN, end + _OWN_MARGIN))
    newest_first = versions[: -_VERSIONS - 1 : -1]
    found += [Window(version.at - _MARGIN, version.at + _SOON) for version in newest_first]
    found += [
        Window(letter.dead_lettered_at - _MARGIN, letter.dead_lettered_at + _MARGIN)
        for letter in letters
        if letter.dead_lettered_at is not None
    ]
    return _apart(found)


def beyond(versions: Sequence[Version], now: datetime) -> Iterator[Window]:
    """Yield the parts to read until the outcome is known.

    They begin with the newest version; for a file that no longer exists they go back from now.
    """
    if versions:
        begin = versions[-1].at + _SOON
        for after in _LATER:
            if begin >= now:
                return
            end = versions[-1].at + after
            yield Window(begin, end)
            begin = end
        if begin < now:
            yield Window(begin, now + _AHEAD)
        return
    end = now + _AHEAD
    for before in (*_LATER, _LOOK_BACK):
        yield Window(now - before, end)
        end = now - before


def _apart(windows: Iterable[Window]) -> list[Window]:
    """Merge windows that overlap; each takes the place of its first part."""
    found: list[Window] = []
    for window in windows:
        parts = [one for one in found if one.begin <= window.end and window.begin <= one.end]
        place = found.index(parts[0]) if parts else len(found)
        rest = [one for one in found if one not in parts]
        parts.append(window)
        rest.insert(place, Window(min(one.begin for one in parts), max(one.end for one in parts)))
        found = rest
    return found
