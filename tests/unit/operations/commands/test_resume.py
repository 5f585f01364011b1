"""`pipeline resume`: it closes a circuit that is open."""

from circuit_state import CircuitState, Record
from event_pipelines.operations import switch
from tests.unit.operations.mapping import Mapping, guarded, resume
from tests.unit.operations.world import World


def test_resuming_closes_an_open_circuit(world: World, mapping: Mapping) -> None:
    world = guarded(world)
    mapping.state = "Disabled"
    world.remember_circuit(Record(state=CircuitState.OPEN, reason="down", changed_at=1, retry_at=2))

    switched = resume(world)

    closed = switch.record(world.consumer, world.aws)
    assert closed is not None
    assert (closed.state, closed.settled) == (CircuitState.CLOSED, True)
    # The alarm that opened it is from before.
    assert closed.changed_at > 1
    assert "its circuit was open" in switched.notes[0]
