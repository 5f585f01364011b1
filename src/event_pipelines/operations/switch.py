"""Stop and start a consumer: its event source mapping, and its circuit breaker's record."""

from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import ClientError

from circuit_state import DynamoDBRecords, Record, RevisionError
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.discovery import Consumer
from event_pipelines.operations.errors import OperationError, WrongUseError

_POLL_SECONDS = 1.0
_PATIENCE_SECONDS = 180.0
ENABLED, DISABLED = "Enabled", "Disabled"


@dataclass(frozen=True, slots=True)
class Switched:
    """The result of a switch.

    Attributes
    ----------
    consumer
        The consumer's name.
    mapping
        The state of its event source mapping.
    notes
        Notes for the operator.
    """

    consumer: str
    mapping: str
    notes: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """The result as text."""
        state = f"{self.consumer} is {self.mapping.lower()}."
        return [state, *(f"Note: {note}." for note in self.notes)]


def records(consumer: Consumer, aws: Aws) -> DynamoDBRecords | None:
    """Return the circuit breaker's record of a consumer; None without a ledger's table."""
    if consumer.ledger_table is None:
        return None
    return DynamoDBRecords(consumer.ledger_table, consumer.ledger_key, aws.dynamodb)


def record(consumer: Consumer, aws: Aws) -> Record | None:
    """Read the circuit breaker's record; None if there is no circuit breaker."""
    kept = records(consumer, aws)
    found = kept.read() if kept else None
    return found if found and found.revision else None


def state(consumer: Consumer, aws: Aws) -> str | None:
    """Return the state of a consumer's mapping, such as ``Enabled``; None without a queue."""
    if consumer.mapping is None:
        return None
    return aws.lambda_.get_event_source_mapping(UUID=consumer.mapping)["State"]


def mapping_of(consumer: Consumer) -> str:
    """Return a consumer's mapping.

    Raises
    ------
    WrongUseError
        It has none.
    """
    if consumer.mapping is None:
        raise WrongUseError(
            f"{consumer.name} has no queue: {consumer.function} is invoked directly and has no "
            "event source mapping to pause"
        )
    return consumer.mapping


def tell_breaker(consumer: Consumer, aws: Aws, change: Callable[[Record], Record]) -> None:
    """Change the breaker's record, if there is one: a breaker creates it in its first minute."""
    kept = records(consumer, aws)
    while kept is not None and (seen := kept.read()).revision:
        try:
            kept.write(change(seen))
        except RevisionError:
            continue
        return


def turn(mapping: str, aws: Aws, *, wanted: str, sleep: Callable[[float], None]) -> None:
    """Enable or disable an event source mapping, and wait until Lambda has applied the change.

    Raises
    ------
    OperationError
        Lambda did not apply the change in time.
    """
    asked = False
    waited = 0.0
    while (now := aws.lambda_.get_event_source_mapping(UUID=mapping)["State"]) != wanted:
        if waited >= _PATIENCE_SECONDS:
            raise OperationError(
                f"mapping {mapping} is still {now} after {waited:.0f} s: check it later"
            )
        if not asked and not now.endswith("ing"):
            try:
                aws.lambda_.update_event_source_mapping(UUID=mapping, Enabled=wanted == ENABLED)
                asked = True
            except ClientError as error:
                # Lambda is still applying an earlier change.
                if error.response["Error"]["Code"] != "ResourceInUseException":
                    raise
        sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS
