"""``pipeline resume``: start a consumer again."""

import time
from collections.abc import Callable
from dataclasses import replace

import typer

from circuit_state import CircuitState, Record, milliseconds
from event_pipelines.operations import switch
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.discovery import Consumer
from event_pipelines.operations.options import ConsumerName, Json, Yes
from event_pipelines.operations.session import Session
from event_pipelines.operations.switch import ENABLED, Switched


def command(
    context: typer.Context, consumer: ConsumerName, *, yes: Yes = False, json: Json = False
) -> None:
    """Start a consumer again."""
    session: Session = context.obj
    (chosen,) = session.pipeline.chosen([consumer])
    session.confirm(f"Start {consumer} again?", yes=yes)
    with session.waiting(f"Starting {consumer}"):
        switched = resume(chosen, session.aws)
    session.tell(switched, switched.texts, json=json)


def resume(
    consumer: Consumer, aws: Aws, *, sleep: Callable[[float], None] = time.sleep
) -> Switched:
    """Start a consumer, whoever stopped it; an open circuit is closed.

    Raises
    ------
    WrongUseError
        It has no event source mapping.
    OperationError
        Lambda did not enable the mapping in time.
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
    notes = ("its circuit was open and is now closed",) if was_open else ()
    return Switched(consumer.name, ENABLED, notes)
