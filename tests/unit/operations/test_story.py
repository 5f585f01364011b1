"""What became of a file, judged by whatever there is to go by."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from event_pipelines.operations.dead_letters import DeadLetter
from event_pipelines.operations.ledger import LedgerEntry
from event_pipelines.operations.story import Verdict, Version, verdict_on
from object_consumer.events import ObjectEvent
from object_consumer.ledger import ObjectState

START = datetime(2026, 1, 1, tzinfo=UTC)
NEWEST = Version(version_id="v2", etag="tag2", at=START, size=3)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def line(outcome: str, seconds: float, version: str | None = "v2", **fields: Any) -> dict[str, Any]:
    moment = at(seconds).isoformat()
    return {"outcome": outcome, "timestamp": moment, "version_id": version, **fields}


def letter(seconds: float, version: str | None = "v2", etag: str = "tag2") -> DeadLetter:
    event = ObjectEvent(
        bucket="b",
        key="k",
        event_name="ObjectCreated:Put",
        event_time=START,
        version_id=version,
        etag=etag,
    )
    return DeadLetter(
        consumer="load",
        message_id="m",
        body="",
        sent_at=at(seconds),
        kind="permanent",
        error_type="FormatError",
        error_message="line 3",
        events=(event,),
    )


def verdict(
    *lines: dict[str, Any],
    letters: tuple[DeadLetter, ...] = (),
    entry: LedgerEntry | None = None,
    newest: Version | None = NEWEST,
    wanted: bool = True,
) -> Verdict:
    return verdict_on(newest, lines, letters, entry, now=at(100), wanted=wanted)[0]


def test_what_was_done_is_done() -> None:
    assert verdict(line("done", 1)) is Verdict.DONE
    assert verdict(line("retry", 1), line("done", 2)) is Verdict.DONE
    assert verdict(line("done", 1), line("skipped", 2, reason="duplicate")) is Verdict.DONE


def test_the_ledger_remembers_when_the_log_has_forgotten() -> None:
    assert verdict(entry=LedgerEntry(state=ObjectState.SUCCEEDED, version="v2")) is Verdict.DONE
    assert verdict(entry=LedgerEntry(state=ObjectState.SUCCEEDED, version="tag2")) is Verdict.DONE


def test_an_older_version_that_was_done_says_nothing_of_the_newest() -> None:
    assert verdict(line("done", 1, "v1")) is Verdict.NOT_HEARD_OF
    assert (
        verdict(entry=LedgerEntry(state=ObjectState.SUCCEEDED, version="v1"))
        is Verdict.NOT_HEARD_OF
    )
    assert verdict(letters=(letter(1, "v1"),)) is Verdict.NOT_HEARD_OF


def test_what_lies_in_the_dead_letter_queue_is_dead_lettered() -> None:
    said = verdict_on(NEWEST, [line("permanent", 1)], [letter(2)], None, now=at(9), wanted=True)

    assert said == (Verdict.DEAD_LETTERED, "FormatError: line 3")


def test_a_message_that_sqs_moved_is_no_newer_than_one_that_was_dead_lettered() -> None:
    moved = replace(letter(5), kind="moved", error_type="", error_message="no reason given")

    for letters in ([moved, letter(2)], [letter(2), moved]):
        said = verdict_on(NEWEST, [line("permanent", 1)], letters, None, now=at(9), wanted=True)
        assert said == (Verdict.DEAD_LETTERED, "FormatError: line 3")
    assert verdict(letters=(moved,)) is Verdict.DEAD_LETTERED


def test_a_file_that_was_dead_lettered_and_replayed_since_is_done() -> None:
    assert verdict(line("done", 5), letters=(letter(2),)) is Verdict.DONE
    assert verdict(line("done", 1), letters=(letter(2),)) is Verdict.DEAD_LETTERED


def test_a_replay_names_no_version_and_counts_for_the_newest() -> None:
    assert verdict(line("done", 5, None)) is Verdict.DONE
    assert verdict(line("done", -5, None)) is Verdict.NOT_HEARD_OF
    assert verdict(letters=(letter(2, None),)) is Verdict.DEAD_LETTERED
    assert verdict(letters=(letter(2, None, "tag1"),)) is Verdict.NOT_HEARD_OF


def test_a_valid_claim_means_that_it_is_being_processed() -> None:
    held = LedgerEntry(state=ObjectState.PROCESSING, version="v2", lease_until=at(200))
    lapsed = LedgerEntry(state=ObjectState.PROCESSING, version="v2", lease_until=at(50))

    assert verdict(line("retry", 1), entry=held) is Verdict.PROCESSING
    assert verdict(entry=lapsed) is Verdict.RETRIED


def test_what_is_suspended_goes_on_in_another_invocation() -> None:
    suspended = LedgerEntry(
        state=ObjectState.PROCESSING,
        version="v2",
        continuations=2,
        progress="1,200,000 of 3,000,000 records",
        continued_at=at(50),
    )
    held = replace(suspended, lease_until=at(200), request_id="r")
    failed = replace(suspended, state=ObjectState.FAILED)
    how_far = "continued 2 times, 1,200,000 of 3,000,000 records; last at 2026-01-01 00:00:50"

    def said(entry: LedgerEntry | None, *lines: dict[str, Any]) -> tuple[Verdict, str]:
        return verdict_on(NEWEST, lines, [], entry, now=at(100), wanted=True)

    first = line("continued", 1, progress="600,000 of 3,000,000 records")
    assert said(suspended, first) == (Verdict.CONTINUED, how_far)
    assert said(held, first) == (Verdict.PROCESSING, f"claimed by r; {how_far}")
    assert said(failed, first, line("retry", 2, error_type="E"))[0] is Verdict.RETRIED
    assert said(None, first) == (Verdict.CONTINUED, "600,000 of 3,000,000 records")
    assert said(None, first, line("done", 2))[0] is Verdict.DONE


def test_what_failed_and_lies_nowhere_comes_again() -> None:
    assert verdict(line("retry", 1)) is Verdict.RETRIED
    assert (
        verdict(entry=LedgerEntry(state=ObjectState.FAILED, version="v2", error_type="E"))
        is Verdict.RETRIED
    )


def test_what_was_dead_lettered_stays_so_while_its_message_is_out_of_sight() -> None:
    said = verdict_on(NEWEST, [line("permanent", 1)], [], None, now=at(9), wanted=True)

    assert said[0] is Verdict.DEAD_LETTERED
    assert "redriven, deleted, or somebody else" in said[1]


def test_what_the_function_did_not_want_is_skipped() -> None:
    assert verdict(line("skipped", 1, reason="filtered")) is Verdict.SKIPPED


def test_a_file_outside_the_filter_is_not_missed() -> None:
    assert verdict(wanted=False) is Verdict.NOT_WANTED
    assert verdict(wanted=True) is Verdict.NOT_HEARD_OF


def test_a_file_that_is_gone_has_a_story_all_the_same() -> None:
    assert verdict(line("done", 1), newest=None) is Verdict.DONE
    assert verdict(newest=None) is Verdict.NOT_HEARD_OF
