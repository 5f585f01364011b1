"""`pipeline pause`: what it tells the circuit breaker, and what it does not stop."""

import pytest

from circuit_state import Record
from event_pipelines.operations import switch
from tests.unit.operations.command_line import Run
from tests.unit.operations.mapping import Mapping, guarded, pause, resume
from tests.unit.operations.world import World


def test_without_a_breaker_nothing_is_written(world: World, mapping: Mapping) -> None:
    world = guarded(world)
    pause(world)

    assert switch.record(world.consumer, world.aws) is None


def test_the_breaker_is_told_of_a_pause_and_of_its_end(world: World, mapping: Mapping) -> None:
    world = guarded(world)
    world.remember_circuit(Record())

    pause(world)
    paused = switch.record(world.consumer, world.aws)
    resume(world)
    resumed = switch.record(world.consumer, world.aws)

    assert paused is not None
    assert resumed is not None
    assert (paused.paused, resumed.paused) == (True, False)


@pytest.mark.parametrize(("function", "warns"), [("orders-load", True), ("orders-other", False)])
def test_where_s3_invokes_the_function_a_pause_is_not_all(
    world: World,
    mapping: Mapping,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    warns: bool,
) -> None:
    arn = f"arn:aws:lambda:eu-west-1:111122223333:function:{function}"
    entry = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    told = {"LambdaFunctionConfigurations": [entry]}
    monkeypatch.setattr(world.aws.s3, "get_bucket_notification_configuration", lambda **_: told)

    notes = pause(guarded(world)).notes

    assert any("not through its queue" in note for note in notes) is warns


def test_a_consumer_without_a_mapping_can_not_be_paused(run: Run) -> None:
    told = run("pause", "load", "--yes")

    assert told.code == 2
    assert "orders-load is invoked directly" in told.errors
