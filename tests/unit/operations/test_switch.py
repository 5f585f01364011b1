"""A mapping is enabled and disabled, and waited for."""

import pytest

from event_pipelines.operations.errors import OperationError
from tests.unit.operations.mapping import Mapping, guarded, pause, resume
from tests.unit.operations.world import World


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
