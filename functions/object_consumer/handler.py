"""The decorator that turns a consumer's function into a Lambda handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from object_consumer.store import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from object_consumer.events import ObjectEvent

    type Function = Callable[[ObjectEvent, ObjectStore], Mapping[str, object] | None]


class ConsumerHandler:
    """A Lambda handler around a consumer's function.

    Attributes
    ----------
    function
        The undecorated function, for unit tests.
    """

    def __init__(self, function: Function) -> None:
        self.function = function

    def __call__(self, event: object, context: object) -> dict[str, object]:
        """Handle one Lambda invocation."""
        raise NotImplementedError


@overload
def object_consumer(function: Function, /) -> ConsumerHandler: ...
@overload
def object_consumer(
    *,
    max_object_bytes: int | None = None,
    max_concurrency: int | None = None,
    max_bytes_in_flight: int | None = None,
) -> Callable[[Function], ConsumerHandler]: ...
def object_consumer(
    function: Function | None = None,
    /,
    *,
    max_object_bytes: int | None = None,
    max_concurrency: int | None = None,
    max_bytes_in_flight: int | None = None,
) -> ConsumerHandler | Callable[[Function], ConsumerHandler]:
    """Turn a function for one object into a Lambda handler for batches of events."""

    def decorate(function: Function) -> ConsumerHandler:
        return ConsumerHandler(function)

    return decorate if function is None else decorate(function)
