"""``pipeline pause``: stop a consumer."""

import time
from collections.abc import Callable
from dataclasses import replace

import typer

from event_pipelines.operations import notifications, switch
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.discovery import Consumer, Pipeline
from event_pipelines.operations.options import ConsumerName, Json, Yes
from event_pipelines.operations.session import Session
from event_pipelines.operations.switch import DISABLED, Switched


def command(
    context: typer.Context, consumer: ConsumerName, *, yes: Yes = False, json: Json = False
) -> None:
    """Stop a consumer: its files wait in its queue."""
    session: Session = context.obj
    (chosen,) = session.pipeline.chosen([consumer])
    session.confirm(f"Stop {consumer}? Its files wait in its queue.", yes=yes)
    with session.waiting(f"Stopping {consumer}"):
        switched = pause(session.pipeline, chosen, session.aws)
    session.tell(switched, switched.texts, json=json)


def pause(
    pipeline: Pipeline, consumer: Consumer, aws: Aws, *, sleep: Callable[[float], None] = time.sleep
) -> Switched:
    """Stop a consumer: its files wait in the queue, and its circuit breaker doesn't start it.

    Raises
    ------
    WrongUseError
        It has no event source mapping.
    OperationError
        Lambda did not disable the mapping in time.
    """
    mapping = switch.mapping_of(consumer)
    switch.tell_breaker(consumer, aws, lambda seen: replace(seen, paused=True))
    switch.turn(mapping, aws, wanted=DISABLED, sleep=sleep)
    notes = ["`terraform apply` starts it again, unless the configuration has enabled = false"]
    if notifications.read(pipeline.bucket, aws).invokes(consumer.function):
        notes.append(
            f"S3 invokes {consumer.function} directly (route function), not through its queue: new "
            "files are still processed. To stop that, apply enabled = false"
        )
    return Switched(consumer.name, DISABLED, tuple(notes))
