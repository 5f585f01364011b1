"""The Lambda handler: one look at one consumer, on a schedule and whenever its alarm changes.

The event is the input of the rule that invokes it, as `modules/circuit-breaker` writes it: which
consumer, with which alarm, function, queue and mapping.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from circuit_breaker.breaker import Breaker, MappingBusyError, Settings
from circuit_breaker.services import CloudWatchAlarm, LambdaMapping, QueueTrial
from circuit_state import DynamoDBRecords, RevisionError

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a trial takes beside the function's own time.
_TRIAL_MARGIN_SECONDS = 60
# SNS takes a subject of fewer than 100 printable ASCII characters.
_MAX_SUBJECT = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One consumer, as its rule's input names it.

    Attributes
    ----------
    consumer
        The pipeline and the consumer: ``orders/transform``.
    alarm, function
        Their names.
    mapping
        The UUID of the event source mapping.
    queue_arn, queue_url
        The queue.
    timeout_seconds
        The function's timeout.
    """

    consumer: str
    alarm: str
    function: str
    mapping: str
    queue_arn: str
    queue_url: str
    timeout_seconds: int


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 (Lambda's)
    """Look once.

    Raises
    ------
    TypeError
        The event is no rule's input.
    """
    circuit = Circuit(**event)
    try:
        record = _breaker(circuit).look()
    except (RevisionError, MappingBusyError) as error:
        _log("INFO", "the next look goes on", consumer=circuit.consumer, reason=str(error))
        return {"consumer": circuit.consumer}
    told = asdict(record)
    _log("INFO", f"circuit {record.state}", consumer=circuit.consumer, **told)
    return {"consumer": circuit.consumer, **told}


def _breaker(circuit: Circuit) -> Breaker:
    settings = Settings(
        cool_down_seconds=float(os.environ["COOL_DOWN_SECONDS"]),
        trial_seconds=circuit.timeout_seconds + _TRIAL_MARGIN_SECONDS,
        error_rate_percent=float(os.environ["ERROR_RATE_PERCENT"]),
    )
    trial = QueueTrial(
        function=circuit.function,
        queue_url=circuit.queue_url,
        queue_arn=circuit.queue_arn,
        region=os.environ["AWS_REGION"],
        messages=int(os.environ["TRIAL_MESSAGES"]),
        visibility_timeout=int(settings.trial_seconds),
        lambda_client=_client("lambda"),
        sqs_client=_client("sqs"),
    )
    return Breaker(
        circuit.consumer,
        records=DynamoDBRecords(os.environ["LEDGER_TABLE"], circuit.consumer, _client("dynamodb")),
        alarm=CloudWatchAlarm(circuit.alarm, _client("cloudwatch")),
        mapping=LambdaMapping(circuit.mapping, _client("lambda")),
        trial=trial,
        settings=settings,
        tell=_tell,
        clock=time.time,
    )


@cache
def _client(service: str) -> Any:
    # An invocation is waited for as long as the function may run, and never made twice.
    read_timeout, attempts = (900, 1) if service == "lambda" else (10, 3)
    config = Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]


def _tell(subject: str, text: str) -> None:
    """Tell people; what the circuit has done holds whether they can be told or not.

    A topic's policy or key may refuse, as with a key that the breaker's role has no permission for:
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    try:
        _client("sns").publish(
            TopicArn=os.environ["ALERTS_TOPIC_ARN"], Subject=_subject(subject), Message=text
        )
    except (BotoCoreError, ClientError) as error:
        _log("ERROR", "people could not be told", subject=subject, text=text, reason=str(error))


def _subject(text: str) -> str:
    """Make a text fit for a subject: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:_MAX_SUBJECT]


def _log(level: str, message: str, **fields: object) -> None:
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"timestamp": moment, "level": level, "message": message, **fields}
    sys.stdout.write(json.dumps(line, default=str) + "\n")
