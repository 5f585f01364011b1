"""Pausing and resuming: the mapping, and what the circuit breaker is told of it."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from circuit_state import Record, State
from operations import switch
from operations.errors import OperationError
from tests.unit.operations.world import World


@dataclass
class Mapping:
    """An event source mapping that takes two looks to change."""

    state: str = "Enabled"
    busy: int = 0
    requests: list[bool] = field(default_factory=list)
    _wanted: str = "Enabled"
    _looks: int = 0

    def get_event_source_mapping(self, **_: str) -> dict[str, str]:
        self._looks += 1
        if self.state.endswith("ing") and self._looks >= 2:
            self.state = self._wanted
        return {"State": self.state}

    def update_event_source_mapping(self, *, Enabled: bool, **_: str) -> None:  # noqa: N803
        if self.busy:
            self.busy -= 1
            code: Any = {"Error": {"Code": "ResourceInUseException", "Message": "in use"}}
            raise ClientError(code, "UpdateEventSourceMapping")
        self.requests.append(Enabled)
        self._wanted, self._looks = ("Enabled" if Enabled else "Disabled"), 0
        self.state = "Enabling" if Enabled else "Disabling"


@pytest.fixture
def mapping(world: World) -> Mapping:
    """The consumer's mapping, in place of Lambda."""
    made = Mapping()
    world.aws._made["lambda"] = made
    return made


def guarded(world: World) -> World:
    """Give the consumer its mapping."""
    return World(world.aws, replace(world.consumer, mapping="mapping"))


def pause(world: World) -> switch.Switched:
    return switch.pause(world.pipeline, world.consumer, world.aws, sleep=lambda _: None)


def resume(world: World) -> switch.Switched:
    return switch.resume(world.consumer, world.aws, sleep=lambda _: None)


def remember(world: World, record: Record) -> None:
    records = switch.records(world.consumer, world.aws)
    assert records is not None
    records.write(record)


def test_a_mapping_is_switched_off_and_on(world: World, mapping: Mapping) -> None:
    world = guarded(world)

    assert pause(world).mapping == "Disabled"
    assert mapping.state == "Disabled"
    assert resume(world).mapping == "Enabled"
    assert mapping.requests == [False, True]


def test_what_is_so_already_is_not_asked_for(world: World, mapping: Mapping) -> None:
    assert resume(guarded(world)).mapping == "Enabled"
    assert mapping.requests == []


def test_lambda_at_work_on_an_earlier_change_is_waited_for(world: World, mapping: Mapping) -> None:
    mapping.busy = 3

    assert pause(guarded(world)).mapping == "Disabled"


def test_a_mapping_that_does_not_change_is_an_error(world: World, mapping: Mapping) -> None:
    mapping.busy = 10_000

    with pytest.raises(OperationError, match="still Enabled after 180 s"):
        pause(guarded(world))


def test_without_a_breaker_nothing_is_written(world: World, mapping: Mapping) -> None:
    world = guarded(world)
    pause(world)

    assert switch.record(world.consumer, world.aws) is None


def test_the_breaker_is_told_of_a_pause_and_of_its_end(world: World, mapping: Mapping) -> None:
    world = guarded(world)
    remember(world, Record())

    pause(world)
    paused = switch.record(world.consumer, world.aws)
    resume(world)
    resumed = switch.record(world.consumer, world.aws)

    assert paused is not None
    assert resumed is not None
    assert (paused.paused, resumed.paused) == (True, False)


def test_resuming_closes_an_open_circuit(world: World, mapping: Mapping) -> None:
    world = guarded(world)
    mapping.state = "Disabled"
    remember(world, Record(state=State.OPEN, reason="down", changed_at=1, retry_at=2))

    switched = resume(world)

    closed = switch.record(world.consumer, world.aws)
    assert closed is not None
    assert (closed.state, closed.settled) == (State.CLOSED, True)
    # The alarm that opened it is from before.
    assert closed.changed_at > 1
    assert "its circuit was open" in switched.notes[0]


@pytest.mark.parametrize(("function", "warns"), [("orders-load", True), ("orders-other", False)])
def test_where_s3_invokes_the_function_a_pause_is_not_all(
    world: World,
    mapping: Mapping,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    warns: bool,
) -> None:
    arn = f"arn:aws:lambda:eu-west-1:111122223333:function:{function}"
    told = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn}]}
    monkeypatch.setattr(world.aws.s3, "get_bucket_notification_configuration", lambda **_: told)

    notes = pause(guarded(world)).notes

    assert any("past its queue" in note for note in notes) is warns
