"""The breaker's requests to AWS: alarm, event source mapping, function and queue."""

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
# Characters of a function's error message, which may be longer than a DynamoDB item.
_MAX_REASON = 1000
# The period of metric math expressions without their own period.
_PERIOD_SECONDS = 60
# Long polling queries all of SQS's servers; otherwise a queue may seem empty although it isn't.
WAIT_SECONDS = 1


class CloudWatchAlarm:
    """A CloudWatch alarm; see `circuit_breaker.breaker.Alarm`."""

    def __init__(self, name: str, client: CloudWatchClient) -> None:
        self._name = name
        self._client = client

    def ringing(self) -> Ringing | None:
        """Ask CloudWatch; an alarm that doesn't exist is not in ALARM.

        `StateUpdatedTimestamp` changes with `EvaluationState` too, so it counts only if the
        time of the state's change isn't told:
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
        """
        for alarm in self._client.describe_alarms(AlarmNames=[self._name])["MetricAlarms"]:
            if alarm["StateValue"] == "ALARM":
                since = alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"]
                return Ringing(int(since.timestamp() * 1000), _memory(alarm))
        return None


def _memory(alarm: MetricAlarmTypeDef) -> float:
    """Return the evaluation range of an alarm in seconds: all its periods."""
    periods = [
        query["MetricStat"]["Period"] for query in alarm.get("Metrics", []) if "MetricStat" in query
    ]
    return alarm.get("EvaluationPeriods", 1) * max(
        periods, default=alarm.get("Period", _PERIOD_SECONDS)
    )


class LambdaMapping:
    """A Lambda event source mapping; see `circuit_breaker.breaker.Mapping`."""

    def __init__(self, uuid: str, client: LambdaClient) -> None:
        self._uuid = uuid
        self._client = client

    def is_enabled(self) -> bool:
        """Ask Lambda."""
        return self._client.get_event_source_mapping(UUID=self._uuid)["State"] in _ALIVE

    def switch(self, *, enabled: bool) -> None:
        """Request the change; Lambda applies it within about a minute."""
        try:
            self._client.update_event_source_mapping(UUID=self._uuid, Enabled=enabled)
        except (
            self._client.exceptions.ResourceInUseException,
            self._client.exceptions.ResourceConflictException,
        ) as error:
            raise MappingBusyError(f"mapping {self._uuid}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Answer:
    """The result of a batch: the ids of the messages that failed, and the reason."""

    failed: frozenset[str]
    reason: str = ""


class QueueTrial:
    """A trial with messages of a queue; see `circuit_breaker.breaker.Trial`.

    The function receives them in the form that Lambda uses, two batches at a time. A failed message
    is sent to the queue as a new message before the old one is deleted. Trials thus don't increase
    its receive count, and don't bring it closer to the dead-letter queue. For the same reason, the
    function gets a receive count of 0, which is never the last.

    Parameters
    ----------
    function, queue_url, queue_arn, region
        The function, and the queue of the messages.
    messages
        Number of messages, at most 10.
    visibility_timeout
        Seconds for which they are invisible.
    lambda_client, sqs_client
        The clients; Lambda's must not retry a request.
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
        """Process some messages."""
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
            # A message that could not be sent again becomes visible again.
            self._delete(finished)
        reason = next(filter(None, reasons), "")
        return Result(len(messages), len(failed), reason[:_MAX_REASON])

    def _receive(self) -> list[MessageTypeDef]:
        """Receive up to the requested number of messages: SQS may return fewer at a time."""
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
        except Exception as error:  # noqa: BLE001 (on any error, the messages are not processed)
            return _Answer(everything, f"{type(error).__name__}: {error}")
        said = said if isinstance(said, dict) else {}
        if "FunctionError" in answer:
            return _Answer(everything, f"{said.get('errorType')}: {said.get('errorMessage')}")
        failures = said.get("batchItemFailures") or []
        ids = {failure["itemIdentifier"] for failure in failures}
        # As in Lambda, an unknown or missing id fails the batch.
        failed = frozenset(ids) if ids <= everything else everything
        return _Answer(failed, "see the function's log" if failed else "")

    def _record(self, message: MessageTypeDef) -> dict[str, Any]:
        """Build a record in Lambda's form: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""
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
        """Delete messages that are processed or sent again; if that fails, they come twice."""
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
