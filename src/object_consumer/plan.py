"""The plan of one invocation: which objects, for which messages, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from object_consumer import envelopes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from object_consumer.errors import MessageFormatError
    from object_consumer.events import ObjectEvent
    from object_consumer.messages import Message
    from object_consumer.outcomes import Acknowledge, Outcome, Retry, SendAgain


class Task(msgspec.Struct, eq=False):
    """One object to process, for all messages with its event.

    Attributes
    ----------
    event
        The object.
    deliveries
        The messages that wait for the outcome.
    outcome
        The outcome; None until the object is finished.
    duration
        Duration of the consumer's function in seconds.
    age
        Seconds from the event to the outcome.
    """

    event: ObjectEvent
    deliveries: list[Delivery] = msgspec.field(default_factory=list)
    outcome: Outcome | None = None
    duration: float = 0.0
    age: float = 0.0


class Delivery(msgspec.Struct, eq=False):
    """One message with its objects.

    Attributes
    ----------
    message
        The message.
    tasks
        Its objects, in its order.
    errors
        One for each part of the message that is not an object event.
    unfinished
        The number of its objects without an outcome.
    settling
        Whether a thread has begun to settle the message, which happens once.
    settlement
        The settlement; None until the message is settled.
    """

    message: Message
    tasks: list[Task] = msgspec.field(default_factory=list)
    errors: tuple[MessageFormatError, ...] = ()
    unfinished: int = 0
    settling: bool = False
    settlement: Acknowledge | Retry | SendAgain | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every object of the message has an outcome."""
        return not self.unfinished


class Plan(msgspec.Struct, frozen=True):
    """The plan of one invocation.

    Attributes
    ----------
    deliveries
        Every message, in the batch's order.
    unordered
        Objects that may be processed in any order, in parallel.
    empty
        Messages without objects, which only need to be settled.
    groups
        Messages to be processed one after the other: a list for each FIFO group.
    """

    deliveries: list[Delivery]
    unordered: list[Task]
    empty: list[Delivery]
    groups: list[list[Delivery]]


def make_plan(messages: Iterable[Message]) -> Plan:
    """Create the plan of an invocation.

    Two messages with the same object version share one task, except in FIFO groups, where each
    keeps its place in the order.
    """
    deliveries: list[Delivery] = []
    shared: dict[ObjectEvent, Task] = {}
    empty: list[Delivery] = []
    groups: dict[str, list[Delivery]] = {}
    for message in messages:
        contents = envelopes.decode(message.body)
        delivery = Delivery(message, errors=contents.errors)
        deliveries.append(delivery)
        for event in contents.events:
            ordered = message.group is not None
            # Without a sequencer, a repeated delivery looks like a second event.
            alone = ordered or event.sequencer is None
            task = Task(event) if alone else shared.setdefault(event, Task(event))
            # If a message has the same object twice, this is already the last delivery.
            if not task.deliveries or task.deliveries[-1] is not delivery:
                task.deliveries.append(delivery)
                delivery.tasks.append(task)
        delivery.unfinished = len(delivery.tasks)
        if message.group is not None:
            groups.setdefault(message.group, []).append(delivery)
        elif not delivery.tasks:
            empty.append(delivery)
    unordered = [
        task
        for delivery in deliveries
        for task in delivery.tasks
        if delivery.message.group is None and task.deliveries[0] is delivery
    ]
    return Plan(deliveries, unordered, empty, list(groups.values()))
