"""`pipeline status`: a row for each consumer, and what is wrong."""

import json
import time

import pytest

from tests.unit.operations.command_line import Run
from tests.unit.operations.world import World


def test_a_quiet_pipeline_is_told_as_such(run: Run) -> None:
    told = run("status")

    assert told.code == 0
    assert "All is well." in told.output


def test_what_is_wrong_is_told_with_the_command_that_goes_on(world: World, run: Run) -> None:
    world.dead_letter("in/a.json", "FormatError", "line 3")
    world.remember("in/a.json", "FAILED")

    told = run("status", "--json")

    assert told.code == 1
    document = json.loads(told.output)
    assert document["troubles"]["load"] == ["1 message was dead-lettered: pipeline failures load"]
    assert document["consumers"][0]["ledger"]["FAILED"] == 1


def test_the_breakers_item_is_no_object(world: World, run: Run) -> None:
    world.aws.dynamodb.put_item(
        TableName="orders-ledger",
        Item={
            "consumer": {"S": "orders/load"},
            "object": {"S": "#circuit-breaker"},
            "state": {"S": "OPEN"},
            "paused": {"BOOL": False},
            "settled": {"BOOL": True},
            "reason": {"S": "down"},
            "changed_at": {"N": "1"},
            "retry_at": {"N": "2"},
            "revision": {"N": "3"},
        },
    )

    told = run("status", "--json")

    (load,) = json.loads(told.output)["consumers"]
    assert load["breaker"] == "OPEN"
    assert sum(load["ledger"].values()) == 0
    assert told.code == 1


def test_watching_looks_again_until_it_is_interrupted(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def interrupt(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)

    told = run("status", "--watch")

    assert (told.code, looks) == (0, 3)
    assert "Pipeline orders" in told.output
