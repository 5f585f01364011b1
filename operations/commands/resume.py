"""``pipeline resume``: let a consumer go on."""

import time
from collections.abc import Callable
from dataclasses import replace

import typer

from circuit_state import CircuitState, Record, milliseconds
from operations import switch
from operations.aws import Aws
from operations.discovery import Consumer
from operations.options import ConsumerName, Json, Yes
from operations.session import Session
from operations.switch import ENABLED, Switched


def command(
    context: typer.Context, consumer: ConsumerName, *, yes: Yes = False, json: Json = False
) -> None:
    """Let a consumer go on."""
    session: Session = context.obj
    (chosen,) = session.pipeline.chosen([consumer])
    session.confirm(f"Let {consumer} go on?", yes=yes)
    with session.waiting(f"Starting {consumer}"):
        switched = resume(chosen, session.aws)
    session.tell(switched, switched.texts, json=json)


def resume(
    consumer: Consumer, aws: Aws, *, sleep: Callable[[float], None] = time.sleep
) -> Switched:
    """Let a consumer go on, whoever stopped it; a circuit that was open is closed.

    Raises
    ------
    WrongUseError
        It has no mapping.
    OperationError
        Lambda did not start it in time.
    """
    mapping = switch.mapping_of(consumer)
    before = switch.record(consumer, aws)

    def closed(seen: Record) -> Record:
        return replace(
            seen,
            state=CircuitState.CLOSED,
            paused=False,
            settled=True,
            reason="resumed by an operator",
            changed_at=milliseconds(),
        )

    switch.tell_breaker(consumer, aws, closed)
    switch.turn(mapping, aws, wanted=ENABLED, sleep=sleep)
    was_open = before is not None and before.state is not CircuitState.CLOSED
    notes = ("its circuit was open, and is closed now",) if was_open else ()
    return Switched(consumer.name, ENABLED, notes)
