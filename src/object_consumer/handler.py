"""The decorator that turns a function for one object into a Lambda handler."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NoReturn, Protocol, TypedDict, overload

from object_consumer import configuration
from object_consumer.batch import Batch, Deadline, Limits, count
from object_consumer.dynamodb_ledger import DynamoDBLedger
from object_consumer.environment import ExecutionEnvironment
from object_consumer.errors import SettingError
from object_consumer.log import Log, emit
from object_consumer.messages import InvocationError, received
from object_consumer.outcomes import Retry, Status
from object_consumer.plan import make_plan
from object_consumer.queue import Queue, SqsQueue
from object_consumer.s3 import S3Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from object_consumer.batch import Function
    from object_consumer.configuration import Configuration
    from object_consumer.ledger import Ledger
    from object_consumer.plan import Delivery
    from object_consumer.transport import Transport

_CONCURRENCY = 64
# The maximum length of an error message; Lambda's limit for responses is 6 MB.
_MAX_REASON = 8_000


class LambdaContext(Protocol):
    """The attributes of Lambda's context that the runtime uses.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    @property
    def aws_request_id(self) -> str:
        """The invocation's id."""
        ...

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


class BatchItemFailure(TypedDict):
    """The identifier of a failed message."""

    itemIdentifier: str


class PartialBatchResponse(TypedDict):
    """The failed messages; Lambda deletes the others from the queue.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """

    batchItemFailures: list[BatchItemFailure]


class ConsumerHandler:
    """A Lambda handler for a consumer's function; created by `object_consumer`.

    Attributes
    ----------
    function
        The undecorated function, for unit tests.
    """

    def __init__(
        self,
        function: Function,
        *,
        configuration: Configuration,
        limits: Limits,
        transport: Transport,
        queue: Queue,
        ledger: Ledger | None = None,
        environment: ExecutionEnvironment | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self._configuration = configuration
        self._limits = limits
        self._transport = transport
        self._queue = queue
        self._ledger = ledger
        self._environment = environment or ExecutionEnvironment(
            max(limits.bytes_in_flight, configuration.memory // 8)
        )

    def __call__(self, event: object, context: LambdaContext) -> PartialBatchResponse:
        """Handle one Lambda invocation.

        Returns
        -------
        PartialBatchResponse
            The messages to be delivered again.

        Raises
        ------
        InvocationError
            The batch has a message without ID. Or an event that did not come through a queue could
            not be processed: Lambda retries it, and then sends it to the function's on-failure
            destination. Or hung functions have exhausted the execution environment, which then
            ends; see `object_consumer.environment`.
        """
        config = self._configuration
        deadline = Deadline(lambda: context.get_remaining_time_in_millis() / 1000)
        log = Log(
            {
                "pipeline": config.pipeline,
                "consumer": config.consumer,
                "request_id": context.aws_request_id,
            }
        )
        plan = make_plan(received(event))
        batch = Batch(
            plan,
            function=self.function,
            transport=self._transport,
            queue=self._queue,
            ledger=self._ledger,
            configuration=config,
            limits=self._limits,
            deadline=deadline,
            log=log,
            request_id=context.aws_request_id,
            environment=self._environment,
        )
        if self._environment.is_exhausted():
            self._give_up(batch, log)
        batch.run()
        if config.metrics_namespace is not None:
            for document in count(plan).documents(config, log.clock()):
                emit(document)
        return _answer(plan.deliveries)

    def _give_up(self, batch: Batch, log: Log) -> NoReturn:
        """End the execution environment before the batch is started."""
        reason = "functions of earlier invocations hang"
        log.write(
            "ERROR",
            f"execution environment given up: {reason}",
            {
                "hung_threads": self._environment.hung_threads(),
                "hung_bytes": self._environment.hung_bytes(),
            },
        )
        batch.hand_back()
        self._environment.end()
        raise InvocationError(f"the execution environment is given up: {reason}")


def _answer(deliveries: list[Delivery]) -> PartialBatchResponse:
    failed = [delivery for delivery in deliveries if isinstance(delivery.settlement, Retry)]
    for delivery in failed:
        if delivery.message.id is None:
            raise InvocationError(_reasons(delivery))
    return {
        "batchItemFailures": [
            {"itemIdentifier": delivery.message.id} for delivery in failed if delivery.message.id
        ]
    }


def _reasons(delivery: Delivery) -> str:
    reasons = [f"{type(error).__name__}: {error}" for error in delivery.errors]
    reasons += [
        f"{task.event.uri}: {task.outcome.error_type}: {task.outcome.error_message}"
        for task in delivery.tasks
        if task.outcome and task.outcome.status in {Status.RETRY, Status.PERMANENT}
    ]
    return "; ".join(reasons)[:_MAX_REASON]


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
    """Turn a function for one object into a Lambda handler for batches of events.

    Use it as ``@object_consumer`` or ``@object_consumer(max_concurrency=8)``. The function is
    called in a separate thread for each object, so state shared between calls must be thread-safe.

    Parameters
    ----------
    function
        Called with an `ObjectEvent` and an `ObjectStore`. A mapping it returns becomes fields of
        the object's log line. If it returns a `Continue`, it is called again in another invocation.
        An exception determines the object's outcome, see `object_consumer.errors`.
    max_object_bytes
        The largest object `ObjectStore.read` accepts; a larger one is a permanent error. By
        default half of the function's memory.
    max_concurrency
        Objects processed at the same time; by default 64. Use 1 for a function that is not
        thread-safe.
    max_bytes_in_flight
        Bytes of objects in memory at the same time; by default an eighth of the function's memory.
        A larger object is read alone.

    Raises
    ------
    SettingError
        An environment variable that the Terraform modules set has an invalid value, or a limit is
        less than 1.
    """
    config = configuration.from_environment()
    limits = Limits(
        concurrency=_positive("max_concurrency", max_concurrency, _CONCURRENCY),
        bytes_in_flight=_positive("max_bytes_in_flight", max_bytes_in_flight, config.memory // 8),
        object_bytes=_positive("max_object_bytes", max_object_bytes, config.memory // 2),
    )

    def decorate(function: Function) -> ConsumerHandler:
        return ConsumerHandler(
            function,
            configuration=config,
            limits=limits,
            transport=S3Transport(),
            queue=SqsQueue(config.queue_url or "", config.dead_letter_queue_url or ""),
            ledger=_ledger(config),
        )

    return decorate if function is None else decorate(function)


def _ledger(config: Configuration) -> Ledger | None:
    if config.ledger_table is None:
        return None
    consumer = f"{config.pipeline}/{config.consumer}" if config.pipeline else config.consumer
    return DynamoDBLedger(config.ledger_table, consumer, days=config.ledger_days)


def _positive(name: str, value: int | None, default: int) -> int:
    if value is None:
        return default
    if value < 1:
        raise SettingError(f"{name} is {value}; accepted: a whole number of at least 1")
    return value
