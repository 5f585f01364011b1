"""A trial with messages of a queue, and an alarm that rings, against moto."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_sqs import SQSClient
from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

from circuit_breaker import services
from circuit_breaker.breaker import Ringing
from circuit_breaker.services import CloudWatchAlarm, QueueTrial
from object_consumer.messages import received


@dataclass
class Function:
    """The consumer's function, as Lambda answers for it."""

    answer: Callable[[list[str]], object] = lambda _ids: None
    error: bool = False
    batches: list[Any] = field(default_factory=list)

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "orders-load"
        event = json.loads(Payload)
        self.batches.append(event)
        ids = [record["messageId"] for record in event["Records"]]
        answer = {"Payload": io.BytesIO(json.dumps(self.answer(ids)).encode())}
        return answer | ({"FunctionError": "Unhandled"} if self.error else {})


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[SQSClient]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(services, "WAIT_SECONDS", 0)
    with mock_aws():
        yield boto3.client("sqs")


def fill(sqs: SQSClient, number: int) -> str:
    url = sqs.create_queue(QueueName="orders-load")["QueueUrl"]
    for n in range(number):
        attribute: MessageAttributeValueTypeDef = {
            "DataType": "String",
            "StringValue": f"trace-{n}",
        }
        sqs.send_message(
            QueueUrl=url, MessageBody=f"body {n}", MessageAttributes={"Trace": attribute}
        )
    return url


def trial(sqs: SQSClient, url: str, function: Function, messages: int = 10) -> QueueTrial:
    return QueueTrial(
        function="orders-load",
        queue_url=url,
        queue_arn="arn:aws:sqs:eu-west-1:123456789012:orders-load",
        region="eu-west-1",
        messages=messages,
        visibility_timeout=90,
        lambda_client=cast("Any", function),
        sqs_client=sqs,
    )


def left(sqs: SQSClient, url: str) -> dict[str, int]:
    """The bodies that can be received now, and how often each has been."""
    found = {}
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        for message in messages:
            count = int(message["Attributes"]["ApproximateReceiveCount"])
            assert message["Body"] not in found
            found[message["Body"]] = count
    return found


def failed(ids: list[str]) -> object:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in ids]}


def test_messages_that_succeed_are_gone_and_the_others_untouched(sqs: SQSClient) -> None:
    url, function = fill(sqs, 7), Function()

    result = trial(sqs, url, function, messages=4).run()

    assert (result.tried, result.failed) == (4, 0)
    assert len(function.batches) == 2
    assert list(left(sqs, url).values()) == [1, 1, 1]


def test_messages_that_fail_are_in_the_queue_as_if_never_received(sqs: SQSClient) -> None:
    url, function = fill(sqs, 3), Function(failed)

    results = [trial(sqs, url, function).run() for _ in range(5)]

    assert {(result.tried, result.failed) for result in results} == {(3, 3)}
    assert left(sqs, url) == {"body 0": 1, "body 1": 1, "body 2": 1}


def test_only_those_that_fail_are_put_back(sqs: SQSClient) -> None:
    url = fill(sqs, 4)

    result = trial(sqs, url, Function(lambda ids: failed(ids[:1]))).run()

    assert (result.tried, result.failed) == (4, 2)
    assert len(left(sqs, url)) == 2


def test_a_function_that_fails_as_a_whole_fails_the_trial_and_says_why(sqs: SQSClient) -> None:
    url = fill(sqs, 2)
    function = Function(lambda _: {"errorType": "Timeout", "errorMessage": "30 s"}, error=True)

    result = trial(sqs, url, function).run()

    assert (result.failed, result.reason) == (2, "Timeout: 30 s")
    assert len(left(sqs, url)) == 2


@pytest.mark.parametrize("length", [999, 1000, 1001, 500_000])
def test_a_reason_fits_into_the_record(sqs: SQSClient, length: int) -> None:
    url = fill(sqs, 1)
    answer = {"errorType": "E", "errorMessage": "x" * (length - len("E: "))}

    result = trial(sqs, url, Function(lambda _: answer, error=True)).run()

    assert len(result.reason) == min(length, 1000)


@pytest.mark.parametrize("identifier", ["unknown", ""])
def test_an_answer_about_other_messages_fails_the_batch(sqs: SQSClient, identifier: str) -> None:
    url, answer = fill(sqs, 1), failed([identifier])

    assert trial(sqs, url, Function(lambda _: answer)).run().failed == 1
    assert len(left(sqs, url)) == 1


def test_a_function_that_is_not_to_be_invoked_fails_the_trial(sqs: SQSClient) -> None:
    def refuse(_ids: list[str]) -> object:
        raise PermissionError("not authorized")

    url = fill(sqs, 2)
    result = trial(sqs, url, Function(refuse)).run()

    assert (result.failed, result.reason) == (2, "PermissionError: not authorized")


def test_what_can_not_be_put_back_is_not_lost(
    sqs: SQSClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fill(sqs, 4)
    send, sent = sqs.send_message, 0

    def send_two(**request: Any) -> Any:
        nonlocal sent
        sent += 1
        if sent > 2:
            raise ConnectionError("SQS is gone")
        return send(**request)

    monkeypatch.setattr(sqs, "send_message", send_two)

    with pytest.raises(ConnectionError):
        trial(sqs, url, Function(failed)).run()

    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert told["ApproximateNumberOfMessages"] == "2"
    assert told["ApproximateNumberOfMessagesNotVisible"] == "2"


def test_an_empty_queue_is_no_failure(sqs: SQSClient) -> None:
    function = Function()

    assert trial(sqs, fill(sqs, 0), function).run().tried == 0
    assert function.batches == []


def test_the_function_gets_what_lambda_would_hand_over(sqs: SQSClient) -> None:
    url, function = fill(sqs, 1), Function()

    trial(sqs, url, function).run()

    (message,) = received(function.batches[0])
    assert message.body == "body 0"
    assert message.attributes["Trace"]["stringValue"] == "trace-0"
    # Never the last receive: no trial sets a message aside for want of tries.
    assert message.receive_count == 0


class Alarms:
    """CloudWatch with one alarm."""

    def __init__(self, **alarm: Any) -> None:
        self._alarm = {"StateValue": "ALARM", "StateUpdatedTimestamp": at(200), **alarm}

    def describe_alarms(self, AlarmNames: list[str]) -> dict[str, Any]:  # noqa: N803
        assert AlarmNames == ["orders-load-error-rate"]
        return {"MetricAlarms": [self._alarm]}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def ringing(**alarm: Any) -> Ringing | None:
    client = cast("Any", Alarms(**alarm))
    return CloudWatchAlarm("orders-load-error-rate", client).ringing()


def test_an_alarm_rings_since_its_state_changed() -> None:
    # Its evaluation's state has changed since.
    assert ringing(StateTransitionedTimestamp=at(100), EvaluationState="PARTIAL_DATA") == Ringing(
        100_000, 60
    )
    assert ringing() == Ringing(200_000, 60)
    assert ringing(StateValue="OK") is None


def test_an_alarm_remembers_all_the_periods_that_it_evaluates() -> None:
    queries = [
        {"Id": "rate", "Expression": "100 * retried / done"},
        {"Id": "done", "MetricStat": {"Period": 60, "Stat": "Sum"}},
        {"Id": "retried", "MetricStat": {"Period": 120, "Stat": "Sum"}},
    ]

    of_expression = ringing(EvaluationPeriods=7, DatapointsToAlarm=1, Metrics=queries)
    of_metric = ringing(EvaluationPeriods=3, Period=300)

    assert of_expression == Ringing(200_000, 840)
    assert of_metric == Ringing(200_000, 900)


def test_the_emulated_cloudwatch_tells_of_an_alarm_too(sqs: SQSClient) -> None:
    client = boto3.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName="orders-load-error-rate",
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        EvaluationPeriods=5,
        MetricName="Errors",
        Namespace="AWS/Lambda",
        Period=60,
        Statistic="Sum",
        Threshold=1,
    )
    alarm = CloudWatchAlarm("orders-load-error-rate", client)
    assert alarm.ringing() is None

    client.set_alarm_state(
        AlarmName="orders-load-error-rate", StateValue="ALARM", StateReason="down"
    )

    found = alarm.ringing()
    assert found is not None
    assert found.memory_seconds == 300
    assert abs(found.since / 1000 - datetime.now(UTC).timestamp()) < 60
