"""What the handler adds to the breaker: people are told, if they can be."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from circuit_breaker import handler


class Topic:
    """SNS, as it takes a notice or refuses it."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.published: list[dict[str, Any]] = []
        self._failure = failure

    def publish(self, **request: Any) -> None:
        if self._failure:
            raise self._failure
        self.published.append(request)


@pytest.fixture(autouse=True)
def topic_arn(monkeypatch: pytest.MonkeyPatch) -> str:
    arn = "arn:aws:sns:eu-west-1:111122223333:orders-alerts"
    monkeypatch.setenv("ALERTS_TOPIC_ARN", arn)
    return arn


def tell(monkeypatch: pytest.MonkeyPatch, topic: Topic, subject: str) -> None:
    monkeypatch.setattr(handler, "_client", lambda service: {"sns": topic}[service])
    handler._tell(subject, "It is stopped.")


@pytest.mark.parametrize(
    "failure",
    [
        ClientError(
            {"Error": {"Code": "KMSAccessDenied", "Message": "no kms:GenerateDataKey"}}, "Publish"
        ),
        ClientError({"Error": {"Code": "AuthorizationError", "Message": "not allowed"}}, "Publish"),
        EndpointConnectionError(endpoint_url="https://sns.eu-west-1.amazonaws.com"),
    ],
)
def test_a_notice_that_can_not_be_sent_is_logged_with_its_reason(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(monkeypatch, Topic(failure), "orders/load: circuit open")

    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["message"]) == ("ERROR", "notification not sent")
    assert line["reason"] == str(failure)
    assert (line["subject"], line["text"]) == ("orders/load: circuit open", "It is stopped.")


def test_a_mistake_of_our_own_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError):
        tell(monkeypatch, Topic(TypeError("publish")), "orders/load: circuit open")


@pytest.mark.parametrize(
    ("subject", "sent"),
    [("x" * 99, "x" * 99), ("x" * 100, "x" * 99), ("Käufe: open\n", "K?ufe: open?")],
)
def test_a_subject_is_as_sns_takes_it(
    subject: str, sent: str, topic_arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = Topic()

    tell(monkeypatch, topic, subject)

    assert topic.published == [
        {"TopicArn": topic_arn, "Subject": sent, "Message": "It is stopped."}
    ]
