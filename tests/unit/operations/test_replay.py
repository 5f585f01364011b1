"""Replays: which objects, as which messages, how fast, and going on after a break."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from object_consumer import envelopes
from object_consumer.filters import ObjectFilter
from object_consumer.ledger import State
from operations import ledger, replay
from operations.errors import OperationError, WrongUseError
from operations.replay import Bookmark, Pace, Selection
from tests.unit.operations.world import BUCKET, World


def selection(**fields: object) -> Selection:
    return replace(Selection(bucket=BUCKET, prefix="", consumers=("load",)), **fields)  # type: ignore[arg-type]


def keys(world: World, wanted: Selection, after: str = "") -> list[str]:
    chunks = replay.chunks(wanted, [world.consumer], world.aws, after=after)
    bodies = [body for chunk in chunks for body in chunk.messages["load"]]
    return [event.key for body in bodies for event in envelopes.decode(body).events]


def test_objects_under_the_prefix_that_the_consumer_wants_are_replayed(world: World) -> None:
    world.upload("in/a.json", "in/b/c.json", "other/d.json", "in/z.json")

    assert keys(world, selection()) == ["in/a.json", "in/b/c.json", "in/z.json"]
    assert keys(world, selection(prefix="in/b")) == ["in/b/c.json"]
    assert keys(world, selection(), after="in/b/c.json") == ["in/z.json"]


@pytest.mark.parametrize("key", ["in/a b+c.json", "in/ü/日本.json", "in/100%.json", 'in/"q".json'])
def test_a_message_names_the_object_as_s3_does(world: World, key: str) -> None:
    world.upload(key)

    (chunk,) = replay.chunks(selection(), [world.consumer], world.aws)
    (event,) = envelopes.decode(chunk.messages["load"][0]).events

    assert event.key == key
    assert event.event_name == "ObjectCreated:Put"
    assert event.size == 3
    assert event.etag
    # The ledger takes it for no duplicate of what S3 told before.
    assert event.sequencer is None


def test_objects_are_chosen_by_their_time(world: World) -> None:
    world.upload("in/a.json")
    now = datetime.now(UTC)

    assert keys(world, selection(since=now - timedelta(hours=1))) == ["in/a.json"]
    assert keys(world, selection(since=now + timedelta(hours=1))) == []
    assert keys(world, selection(until=now - timedelta(hours=1))) == []


def test_objects_are_chosen_by_what_the_ledger_says(world: World) -> None:
    world.upload("in/done.json", "in/failed.json", "in/unknown.json")
    world.remember("in/done.json", "SUCCEEDED")
    world.remember("in/failed.json", "FAILED")

    assert keys(world, selection(states=("FAILED",))) == ["in/failed.json"]
    assert keys(world, selection(states=("MISSING",))) == ["in/unknown.json"]
    assert keys(world, selection(states=("FAILED", "MISSING"))) == [
        "in/failed.json",
        "in/unknown.json",
    ]


@pytest.mark.parametrize("length", [1024 - len(f"s3://{BUCKET}/"), 1024])
def test_objects_with_long_keys_are_found_in_the_ledger(world: World, length: int) -> None:
    done, failed = (f"in/{name}".ljust(length, "k") for name in ("done", "failed"))
    world.upload(done, failed)
    world.remember(done, "SUCCEEDED")
    world.remember(failed, "FAILED")

    assert keys(world, selection(states=("FAILED",))) == [failed]
    uri = f"s3://{BUCKET}/{done}"
    assert ledger.entries(world.consumer, [uri], world.aws)[uri].state is State.SUCCEEDED
    counts = ledger.count(world.consumer, world.aws)
    assert counts is not None
    assert (counts.by_state["FAILED"], counts.by_state["SUCCEEDED"]) == (1, 1)


def test_more_objects_than_one_page_are_all_replayed(world: World) -> None:
    world.upload(*(f"in/{number:03}" for number in range(230)))

    assert len(keys(world, selection(states=("MISSING",)))) == 230


def test_states_need_a_ledger(world: World) -> None:
    consumer = replace(world.consumer, ledger_table=None)

    with pytest.raises(WrongUseError, match="load has no ledger"):
        replay.check(selection(states=("FAILED",)), [consumer])
    replay.check(selection(), [consumer])


def test_a_consumer_of_deletions_has_nothing_to_replay(world: World) -> None:
    deletions = replace(world.consumer, wanted=ObjectFilter(events=("s3:ObjectRemoved:*",)))
    copies = replace(world.consumer, wanted=ObjectFilter(events=("s3:ObjectCreated:Copy",)))

    with pytest.raises(WrongUseError, match="wants only s3:ObjectRemoved"):
        replay.check(selection(), [deletions])
    replay.check(selection(), [copies])
    assert copies.creation == "ObjectCreated:Copy"


def test_what_is_sent_arrives(world: World) -> None:
    world.upload(*(f"in/{number}" for number in range(23)))
    (chunk,) = replay.chunks(selection(), [world.consumer], world.aws)

    assert replay.send(chunk, [world.consumer], world.aws, Pace(1e6)) == 23
    assert len(world.messages()) == 23


def test_messages_that_sqs_refuses_are_an_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.upload("in/a")
    refusal = {"Failed": [{"Id": "0", "Code": "InternalError", "Message": "try later"}]}
    monkeypatch.setattr(world.aws.sqs, "send_message_batch", lambda **_: refusal)
    (chunk,) = replay.chunks(selection(), [world.consumer], world.aws)

    with pytest.raises(OperationError, match="1 of 1 messages for load: InternalError: try later"):
        replay.send(chunk, [world.consumer], world.aws, Pace(1e6))


def test_the_pace_is_kept() -> None:
    now, waited = 100.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        waited.append(seconds)
        now += seconds

    pace = Pace(rate=5, clock=lambda: now, sleep=sleep)
    for _ in range(4):
        pace.wait(10)

    assert waited == pytest.approx([2, 2, 2])


def test_a_bookmark_is_where_the_replay_goes_on(tmp_path: Path) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    bookmark = Bookmark(tmp_path / "replay.json", selection(since=since))

    assert bookmark.read() == ("", 0)
    bookmark.write("in/k", 17)
    assert Bookmark(bookmark.file, selection(since=since)).read() == ("in/k", 17)
    bookmark.remove()
    assert not bookmark.file.exists()


def test_a_bookmark_of_another_replay_is_refused(tmp_path: Path) -> None:
    Bookmark(tmp_path / "replay.json", selection(prefix="in/")).write("in/k", 1)
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")

    with pytest.raises(WrongUseError, match="was another one"):
        Bookmark(tmp_path / "replay.json", selection(prefix="out/")).read()
    with pytest.raises(WrongUseError, match="no file of a replay"):
        Bookmark(tmp_path / "other.json", selection()).read()
