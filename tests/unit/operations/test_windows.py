"""Which parts of a log are read for a file."""

from datetime import UTC, datetime, timedelta

from event_pipelines.operations import windows
from event_pipelines.operations.ledger import LedgerEntry
from event_pipelines.operations.story import Version
from event_pipelines.operations.windows import Window
from object_consumer.ledger import ObjectState

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def version(minutes: float) -> Version:
    return Version(version_id="v", etag="tag", at=at(minutes), size=3)


def test_the_last_attempt_and_the_versions_are_read_newest_first() -> None:
    entry = LedgerEntry(state=ObjectState.SUCCEEDED, started_at=at(500), finished_at=at(501))

    found = windows.pointed_at([version(0), version(100)], entry, [])

    assert found == [
        Window(at(499.5), at(501.5)),
        Window(at(95), at(115)),
        Window(at(-5), at(15)),
    ]


def test_what_overlaps_is_read_once() -> None:
    entry = LedgerEntry(state=ObjectState.PROCESSING, started_at=at(101), lease_until=at(120))

    found = windows.pointed_at([version(85), version(100)], entry, [])

    assert found == [Window(at(80), at(120.5))]


def test_of_a_file_that_is_overwritten_all_the_time_the_last_versions_are_read() -> None:
    found = windows.pointed_at([version(100 * number) for number in range(50)], None, [])

    assert [window.begin for window in found] == [at(100 * n - 5) for n in (49, 48, 47, 46, 45)]


def test_what_was_not_done_soon_is_looked_for_up_to_now() -> None:
    found = list(windows.beyond([version(0)], now=at(120)))

    assert found == [Window(at(15), at(60)), Window(at(60), at(360))]
    assert list(windows.beyond([version(0)], now=at(10))) == []


def test_no_part_between_the_version_and_now_is_left_out() -> None:
    found = list(windows.beyond([version(0)], now=at(30 * 24 * 60)))

    assert [window.begin for window in found[1:]] == [window.end for window in found[:-1]]
    assert (found[0].begin, found[-1].end) == (at(15), at(31 * 24 * 60))


def test_a_file_that_is_gone_is_looked_for_backwards() -> None:
    found = list(windows.beyond([], now=at(0)))

    assert [window.begin for window in found[:-1]] == [window.end for window in found[1:]]
    assert found[-1].begin == START - timedelta(days=14)
