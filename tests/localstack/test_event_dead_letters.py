"""Events that EventBridge can't deliver end in their target's dead-letter queue."""

import json
import os
import secrets
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from event_pipelines.localstack import Instance
from event_pipelines.localstack.environments import HERE, LOCALSTACK, set_up
from tests.integration.waiting import eventually
from tests.localstack.functions import Functions, let_in

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.environ.get("LOCALSTACK", "embedded") != "embedded", reason="of the embedded one only"
    ),
]

GONE = {
    "sqs": "arn:aws:sqs:us-east-1:000000000000:gone",
    "sns": "arn:aws:sns:us-east-1:000000000000:gone",
    "lambda": "arn:aws:lambda:us-east-1:000000000000:function:gone",
}


@dataclass(frozen=True)
class Bus:
    """EventBridge, and queues to send to."""

    sqs: Any
    events: Any

    def queue(self) -> tuple[str, str]:
        """Make a queue that EventBridge may send to; give its URL and its ARN."""
        url = self.sqs.create_queue(QueueName=f"events-{secrets.token_hex(4)}")["QueueUrl"]
        told = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = told["Attributes"]["QueueArn"]
        let_in(self.sqs, url, arn, "events")
        return url, arn

    def send(self, *targets: dict[str, Any]) -> tuple[str, str]:
        """Send an event to targets by a rule; give the rule's ARN and the event's ID."""
        name = f"rule-{secrets.token_hex(4)}"
        pattern = json.dumps({"source": [name]})
        rule = self.events.put_rule(Name=name, EventPattern=pattern)["RuleArn"]
        self.events.put_targets(Rule=name, Targets=list(targets))
        entry = {"Source": name, "DetailType": "Tried", "Detail": json.dumps({"key": "é+ 1"})}
        return rule, self.events.put_events(Entries=[entry])["Entries"][0]["EventId"]

    def received(self, url: str) -> dict[str, Any]:
        """Wait for a message, and give it."""

        def look() -> Any:
            return self.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get(
                "Messages"
            )

        (message,) = eventually(look, waiting_for="a message")
        assert isinstance(message, dict)
        return message


@pytest.fixture
def bus(localstack: Instance) -> Bus:
    functions = Functions(localstack)
    return Bus(functions.client("sqs"), functions.client("events"))


def target(arn: str, dead_letters: str | None, **settings: Any) -> dict[str, Any]:
    queue = {"DeadLetterConfig": {"Arn": dead_letters}} if dead_letters else {}
    return {"Id": secrets.token_hex(4), "Arn": arn, **queue, **settings}


@pytest.mark.parametrize("service", GONE)
def test_an_event_whose_target_is_gone_is_kept_as_it_came_with_the_reason(
    bus: Bus, service: str
) -> None:
    url, arn = bus.queue()

    rule, event = bus.send(target(GONE[service], arn, InputPath="$.detail"))

    message = bus.received(url)
    body = json.loads(message["Body"])
    attributes = {
        name: value["StringValue"] for name, value in message["MessageAttributes"].items()
    }
    assert (body["id"], body["detail"]) == (event, {"key": "é+ 1"})
    assert attributes.pop("ERROR_MESSAGE")
    assert attributes == {
        "RULE_ARN": rule,
        "TARGET_ARN": GONE[service],
        "ERROR_CODE": "NO_RESOURCE",
        "RETRY_ATTEMPTS": "0",
    }


def test_what_is_delivered_is_in_no_dead_letter_queue_and_no_target_stops_another(
    bus: Bus,
) -> None:
    good, good_arn = bus.queue()
    kept, kept_arn = bus.queue()

    _, event = bus.send(
        target(GONE["sqs"], None),
        target(GONE["sns"], GONE["sqs"]),
        target(good_arn, kept_arn),
        target(GONE["lambda"], kept_arn),
    )

    assert json.loads(bus.received(good)["Body"])["id"] == event
    message = bus.received(kept)
    assert message["MessageAttributes"]["TARGET_ARN"]["StringValue"] == GONE["lambda"]
    assert "Messages" not in bus.sqs.receive_message(QueueUrl=kept)


# Each try ends with an error, named by its code and its status, or with nothing.
CODE = """
import json
from botocore.exceptions import ClientError, EndpointConnectionError
from host_lambda.event_dead_letters import try_again

def error(code, status):
    if code == "unreachable":
        return EndpointConnectionError(endpoint_url="http://there")
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Send")

first, *later = TRIES
tries, slept = iter(later), []

def deliver():
    if outcome := next(tries, first):
        raise error(*outcome)

failure = try_again(deliver, error(*first), POLICY, slept.append)
print(json.dumps([failure, slept]))
"""
DENIED, GONE_AWAY = ("AccessDeniedException", 403), ("NotFound", 404)
THROTTLED, FAILED, UNREACHABLE = ("ThrottlingException", 400), ("Oops", 503), ("unreachable", 0)
REFUSED = ("InvalidParameterValueException", 400)


def try_again(tries: list[Any], policy: dict[str, int]) -> Any:
    """Run the retries under LocalStack's own Python; give the failure and the pauses."""
    set_up()
    code = CODE.replace("TRIES", repr(tries)).replace("POLICY", repr(policy))
    done = subprocess.run(
        [LOCALSTACK / "bin" / "python", "-c", code],
        check=True,
        env={"PYTHONPATH": str(HERE / "plugin")},
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("tries", "policy", "code", "condition", "retries"),
    [
        ([DENIED], {}, "NO_PERMISSIONS", None, 0),
        ([GONE_AWAY], {}, "NO_RESOURCE", None, 0),
        ([REFUSED], {}, "SDK_CLIENT_ERROR", None, 0),
        ([THROTTLED], {"MaximumRetryAttempts": 3}, "THROTTLING", "MaximumRetryAttempts", 3),
        ([FAILED], {"MaximumRetryAttempts": 0}, "ERROR_FROM_TARGET", "MaximumRetryAttempts", 0),
        ([UNREACHABLE], {}, "CONNECTION_FAILURE", "MaximumRetryAttempts", 185),
        ([FAILED], {"MaximumEventAgeInSeconds": 0}, "ERROR_FROM_TARGET", "MaximumEventAge", 0),
        ([THROTTLED, FAILED, DENIED], {}, "NO_PERMISSIONS", None, 2),
    ],
)
def test_only_what_may_pass_is_tried_again(
    tries: list[Any], policy: dict[str, int], code: str, condition: str | None, retries: int
) -> None:
    failure, pauses = try_again(tries, policy)

    assert failure["ERROR_CODE"] == code
    assert failure["RETRY_ATTEMPTS"] == str(retries)
    assert failure.get("EXHAUSTED_RETRY_CONDITION", "").startswith(condition or "")
    assert ("EXHAUSTED_RETRY_CONDITION" in failure) == (condition is not None)
    assert len(pauses) == retries
    assert pauses == sorted(pauses)


def test_an_event_that_is_delivered_at_last_is_no_dead_letter() -> None:
    failure, pauses = try_again([THROTTLED, UNREACHABLE, None], {})

    assert failure is None
    assert pauses == [0.2, 0.4]
