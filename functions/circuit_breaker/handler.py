"""The Lambda handler: checks one consumer, on a schedule and when its alarm changes.

The event is the input of the EventBridge rule, which `modules/circuit-breaker` defines: the
consumer with its alarm, function, queue and event source mapping.
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

# The time of a trial in addition to the function's timeout.
_TRIAL_MARGIN_SECONDS = 60
# SNS accepts a subject of fewer than 100 printable ASCII characters.
_MAX_SUBJECT = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One consumer, from the rule's input.

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
    """Check the consumer once.

    Raises
    ------
    TypeError
        The event is not the input of a rule.
    """
    circuit = Circuit(**event)
    try:
        record = _breaker(circuit).look()
    except (RevisionError, MappingBusyError) as error:
        _log("INFO", "the next check continues", consumer=circuit.consumer, reason=str(error))
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
    # The client waits for an invocation as long as the function may run, and never repeats it.
    read_timeout, attempts = (900, 1) if service == "lambda" else (10, 3)
    config = Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]


def _tell(subject: str, text: str) -> None:
    """Publish a notification; if that fails, the change of the circuit remains valid.

    A topic's policy or key may refuse, as with a key that the breaker's role has no permission for:
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    try:
        _client("sns").publish(
            TopicArn=os.environ["ALERTS_TOPIC_ARN"], Subject=_subject(subject), Message=text
        )
    except (BotoCoreError, ClientError) as error:
        _log("ERROR", "notification not sent", subject=subject, text=text, reason=str(error))


def _subject(text: str) -> str:
    """Build a valid subject: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:_MAX_SUBJECT]


def _log(level: str, message: str, **fields: object) -> None:
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"timestamp": moment, "level": level, "message": message, **fields}
    sys.stdout.write(json.dumps(line, default=str) + "\n")
