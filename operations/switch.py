"""Stopping a consumer and letting it go on: its event source mapping, and its circuit breaker."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from botocore.exceptions import ClientError

from circuit_state import DynamoDBRecords, Record, RevisionError, State, milliseconds
from operations.aws import Aws
from operations.discovery import Consumer, Pipeline
from operations.errors import OperationError, WrongUseError

_POLL_SECONDS = 1.0
_PATIENCE_SECONDS = 180.0
_ENABLED, _DISABLED = "Enabled", "Disabled"


@dataclass(frozen=True, slots=True)
class Switched:
    """What came of it.

    Attributes
    ----------
    consumer
        Its name.
    mapping
        The state of its mapping.
    notes
        What the operator should know.
    """

    consumer: str
    mapping: str
    notes: tuple[str, ...] = ()


def records(consumer: Consumer, aws: Aws) -> DynamoDBRecords | None:
    """Give the circuit breaker's record of a consumer; None without a ledger's table."""
    if consumer.ledger_table is None:
        return None
    return DynamoDBRecords(consumer.ledger_table, consumer.ledger_key, aws.dynamodb)


def record(consumer: Consumer, aws: Aws) -> Record | None:
    """Read the circuit breaker's record; None where there is no breaker."""
    kept = records(consumer, aws)
    found = kept.read() if kept else None
    return found if found and found.revision else None


def state(consumer: Consumer, aws: Aws) -> str | None:
    """Give the state of a consumer's mapping, such as ``Enabled``; None without a queue."""
    if consumer.mapping is None:
        return None
    return aws.lambda_.get_event_source_mapping(UUID=consumer.mapping)["State"]


def pause(
    pipeline: Pipeline, consumer: Consumer, aws: Aws, *, sleep: Callable[[float], None] = time.sleep
) -> Switched:
    """Stop a consumer: its files wait in the queue, and no circuit breaker lets them out.

    Raises
    ------
    WrongUseError
        It has no mapping to stop.
    OperationError
        Lambda did not stop it in time.
    """
    mapping = _mapping(consumer)
    _tell_breaker(consumer, aws, lambda seen: replace(seen, paused=True))
    _switch(mapping, aws, wanted=_DISABLED, sleep=sleep)
    notes = ["`terraform apply` lets it go on, unless it has enabled = false there"]
    if _is_invoked_directly(pipeline, consumer, aws):
        notes.append(
            f"S3 invokes {consumer.function} directly (route function), past its queue: new files "
            "are still processed. To hold them back apply enabled = false"
        )
    return Switched(consumer.name, _DISABLED, tuple(notes))


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
    mapping = _mapping(consumer)
    before = record(consumer, aws)

    def closed(seen: Record) -> Record:
        return replace(
            seen,
            state=State.CLOSED,
            paused=False,
            settled=True,
            reason="resumed by an operator",
            changed_at=milliseconds(),
        )

    _tell_breaker(consumer, aws, closed)
    _switch(mapping, aws, wanted=_ENABLED, sleep=sleep)
    was_open = before is not None and before.state is not State.CLOSED
    notes = ("its circuit was open, and is closed now",) if was_open else ()
    return Switched(consumer.name, _ENABLED, notes)


def _mapping(consumer: Consumer) -> str:
    if consumer.mapping is None:
        raise WrongUseError(
            f"{consumer.name} has no queue: {consumer.function} is invoked directly, and there is "
            "no event source mapping to pause"
        )
    return consumer.mapping


def _tell_breaker(consumer: Consumer, aws: Aws, change: Callable[[Record], Record]) -> None:
    """Change the breaker's record, where there is a breaker: it writes one in its first minute."""
    kept = records(consumer, aws)
    while kept is not None and (seen := kept.read()).revision:
        try:
            kept.write(change(seen))
        except RevisionError:
            continue
        return


def _switch(mapping: str, aws: Aws, *, wanted: str, sleep: Callable[[float], None]) -> None:
    asked = False
    waited = 0.0
    while (now := aws.lambda_.get_event_source_mapping(UUID=mapping)["State"]) != wanted:
        if waited >= _PATIENCE_SECONDS:
            raise OperationError(
                f"mapping {mapping} is still {now} after {waited:.0f} s: look again later"
            )
        if not asked and not now.endswith("ing"):
            try:
                aws.lambda_.update_event_source_mapping(UUID=mapping, Enabled=wanted == _ENABLED)
                asked = True
            except ClientError as error:
                # Lambda is still at work on an earlier change.
                if error.response["Error"]["Code"] != "ResourceInUseException":
                    raise
        sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS


def _is_invoked_directly(pipeline: Pipeline, consumer: Consumer, aws: Aws) -> bool:
    try:
        told = aws.s3.get_bucket_notification_configuration(Bucket=pipeline.bucket)
    except ClientError:
        return False
    targets = told.get("LambdaFunctionConfigurations", [])
    return any(target["LambdaFunctionArn"].split(":")[6] == consumer.function for target in targets)
