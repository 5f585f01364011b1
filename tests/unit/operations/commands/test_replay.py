"""Replays: which objects, as which messages, how fast, and going on after a break."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from event_pipelines.operations import ledger, queues
from event_pipelines.operations.commands import replay
from event_pipelines.operations.commands.replay import Pace, Selection
from event_pipelines.operations.errors import OperationError, WrongUseError
from object_consumer import envelopes
from object_consumer.filters import ObjectFilter
from object_consumer.ledger import ObjectState
from tests.unit.operations.command_line import Run
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
    assert ledger.entries(world.consumer, [uri], world.aws)[uri].state is ObjectState.SUCCEEDED
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

    with pytest.raises(WrongUseError, match="the filter of load is s3:ObjectRemoved"):
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


def test_a_replay_goes_on_where_it_was_interrupted(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world.upload(*(f"in/{number:03}" for number in range(110)))
    bookmark = tmp_path / "replay.json"
    command = ["replay", "--prefix", "in/", "--rate", "1e9", "--resume", str(bookmark), "--yes"]
    send, chunks = replay.send, 0

    def interrupted(*arguments: Any) -> int:
        nonlocal chunks
        chunks += 1
        if chunks == 2:
            raise KeyboardInterrupt
        return send(*arguments)

    monkeypatch.setattr(replay, "send", interrupted)
    stopped = run(*command)
    assert stopped.code == 130
    assert "Stopped after 100 of 110 messages" in stopped.errors
    assert str(bookmark) in stopped.errors.replace("\n", "")
    monkeypatch.setattr(replay, "send", send)
    told = run(*command, "--json")

    assert json.loads(told.output) == {"matching": {"load": 10}, "sent": 10, "sent_before": 100}
    assert not bookmark.exists()
    assert queues.read(str(world.consumer.queue_url), world.aws).waiting == 110
