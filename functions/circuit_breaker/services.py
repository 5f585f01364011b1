"""The breaker's hands: its alarm in CloudWatch, its mapping and function in Lambda, its queue."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circuit_breaker.breaker import MappingBusyError, Result, Ringing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_ALIVE = {"Creating", "Enabled", "Enabling", "Updating"}
_BATCHES_AT_ONCE = 2
# Of a function's error message, which may be longer than an item of the record's table may be.
_MAX_REASON = 1000
# Of metrics that are computed from others without a period of their own.
_PERIOD_SECONDS = 60
# Asks all of SQS's servers; without it a queue that isn't empty may seem so.
WAIT_SECONDS = 1


class CloudWatchAlarm:
    """An alarm of CloudWatch; see `circuit_breaker.breaker.Alarm`."""

    def __init__(self, name: str, client: CloudWatchClient) -> None:
        self._name = name
        self._client = client

    def ringing(self) -> Ringing | None:
        """Ask CloudWatch; an alarm that doesn't exist doesn't ring.

        `StateUpdatedTimestamp` moves with `EvaluationState` as well, so it counts only where the
        time of the state's change isn't told:
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
        """
        for alarm in self._client.describe_alarms(AlarmNames=[self._name])["MetricAlarms"]:
            if alarm["StateValue"] == "ALARM":
                since = alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"]
                return Ringing(int(since.timestamp() * 1000), _memory(alarm))
        return None


def _memory(alarm: MetricAlarmTypeDef) -> float:
    """Give the seconds that an alarm looks back: its periods, however many of them breach."""
    periods = [
        query["MetricStat"]["Period"] for query in alarm.get("Metrics", []) if "MetricStat" in query
    ]
    return alarm.get("EvaluationPeriods", 1) * max(
        periods, default=alarm.get("Period", _PERIOD_SECONDS)
    )


class LambdaMapping:
    """An event source mapping of Lambda; see `circuit_breaker.breaker.Mapping`."""

    def __init__(self, uuid: str, client: LambdaClient) -> None:
        self._uuid = uuid
        self._client = client

    def is_enabled(self) -> bool:
        """Ask Lambda."""
        return self._client.get_event_source_mapping(UUID=self._uuid)["State"] in _ALIVE

    def switch(self, *, enabled: bool) -> None:
        """Ask Lambda to; it does so within a minute or so."""
        try:
            self._client.update_event_source_mapping(UUID=self._uuid, Enabled=enabled)
        except (
            self._client.exceptions.ResourceInUseException,
            self._client.exceptions.ResourceConflictException,
        ) as error:
            raise MappingBusyError(f"mapping {self._uuid}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the function made of a batch: the ids of the messages that failed, and why."""

    failed: frozenset[str]
    reason: str = ""


class QueueTrial:
    """A trial with messages of a queue; see `circuit_breaker.breaker.Trial`.

    The function gets them as Lambda would hand them over, two batches at once. A message that
    fails is sent to the queue anew before it is deleted: its receives are then what they were
    before, and however long the downstream is down no trial brings it nearer to the dead-letter
    queue. For the same reason the function is told a receive count of 0, which is never the last.

    Parameters
    ----------
    function, queue_url, queue_arn, region
        Whose messages go where.
    messages
        How many, at most 10.
    visibility_timeout
        Seconds for which they are taken out of the queue.
    lambda_client, sqs_client
        The APIs; Lambda's must not repeat a request.
    """

    def __init__(
        self,
        *,
        function: str,
        queue_url: str,
        queue_arn: str,
        region: str,
        messages: int,
        visibility_timeout: int,
        lambda_client: LambdaClient,
        sqs_client: SQSClient,
    ) -> None:
        self._function = function
        self._queue_url = queue_url
        self._queue_arn = queue_arn
        self._region = region
        self._messages = messages
        self._visibility_timeout = visibility_timeout
        self._lambda = lambda_client
        self._sqs = sqs_client

    def run(self) -> Result:
        """Try some messages."""
        messages = self._receive()
        batches = [messages[n::_BATCHES_AT_ONCE] for n in range(_BATCHES_AT_ONCE)]
        failed: set[str] = set()
        reasons = []
        with ThreadPoolExecutor(_BATCHES_AT_ONCE) as pool:
            for answer in pool.map(self._invoke, filter(None, batches)):
                failed |= answer.failed
                reasons.append(answer.reason)
        finished = []
        try:
            for message in messages:
                if message["MessageId"] in failed:
                    self._send_anew(message)
                finished.append(message)
        finally:
            # What could not be sent anew shows up again by itself.
            self._delete(finished)
        reason = next(filter(None, reasons), "")
        return Result(len(messages), len(failed), reason[:_MAX_REASON])

    def _receive(self) -> list[MessageTypeDef]:
        """Take as many as are wanted, or as there are: SQS may give fewer at a time."""
        messages: list[MessageTypeDef] = []
        while len(messages) < self._messages:
            received = self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=self._messages - len(messages),
                VisibilityTimeout=self._visibility_timeout,
                WaitTimeSeconds=WAIT_SECONDS,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            ).get("Messages")
            if not received:
                break
            messages += received
        return messages

    def _invoke(self, messages: Sequence[MessageTypeDef]) -> _Answer:
        everything = frozenset(message["MessageId"] for message in messages)
        event = {"Records": [self._record(message) for message in messages]}
        try:
            answer = self._lambda.invoke(
                FunctionName=self._function, Payload=json.dumps(event).encode()
            )
            said: Any = json.loads(answer["Payload"].read() or b"null")
        except Exception as error:  # noqa: BLE001 (whatever it is, the messages are not processed)
            return _Answer(everything, f"{type(error).__name__}: {error}")
        said = said if isinstance(said, dict) else {}
        if "FunctionError" in answer:
            return _Answer(everything, f"{said.get('errorType')}: {said.get('errorMessage')}")
        failures = said.get("batchItemFailures") or []
        ids = {failure["itemIdentifier"] for failure in failures}
        # As Lambda takes it: an id it didn't hand over, or none, fails the batch.
        failed = frozenset(ids) if ids <= everything else everything
        return _Answer(failed, "the function's log tells why" if failed else "")

    def _record(self, message: MessageTypeDef) -> dict[str, Any]:
        """Write a message as Lambda does: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""
        system: Mapping[Any, str] = message.get("Attributes", {})
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "md5OfBody": message.get("MD5OfBody", ""),
            "attributes": {**system, "ApproximateReceiveCount": "0"},
            "messageAttributes": {
                name: _attribute(value)
                for name, value in message.get("MessageAttributes", {}).items()
            },
            "eventSource": "aws:sqs",
            "eventSourceARN": self._queue_arn,
            "awsRegion": self._region,
        }

    def _send_anew(self, message: MessageTypeDef) -> None:
        attributes: Any = {
            name: {part: kept for part, kept in value.items() if not part.endswith("ListValues")}
            for name, value in message.get("MessageAttributes", {}).items()
        }
        self._sqs.send_message(
            QueueUrl=self._queue_url, MessageBody=message["Body"], MessageAttributes=attributes
        )

    def _delete(self, messages: Sequence[MessageTypeDef]) -> None:
        """Delete what is processed or sent anew; what SQS fails to delete comes a second time."""
        if messages:
            self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                    for n, message in enumerate(messages)
                ],
            )


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    written = {
        "dataType": value["DataType"],
        "stringListValues": [],
        "binaryListValues": [],
    }
    if "StringValue" in value:
        written["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        written["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return written
