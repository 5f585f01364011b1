"""A downstream that fails and heals: the breaker stops its consumer, tries it, lets it go on."""

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from circuit_state import CircuitState, DynamoDBRecords, Record
from tests.integration.pipeline import AppliedPipeline, Inbox
from tests.integration.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.applies("orders")]

FILES = 12


@dataclass(frozen=True)
class Circuit:
    """The circuit of one consumer, as the test has a hand in it."""

    pipeline: AppliedPipeline
    consumer: str

    @property
    def records(self) -> DynamoDBRecords:
        """Where the breaker remembers."""
        table = self.pipeline.outputs["ledger"]["name"]
        return DynamoDBRecords(table, f"orders/{self.consumer}", self.pipeline.clients.dynamodb)

    @property
    def alarm(self) -> str:
        """The alarm on the rate of errors."""
        return str(self.pipeline.outputs["circuit_breaker"]["alarms"][self.consumer])

    @property
    def mapping(self) -> str:
        """The state of the event source mapping."""
        uuid = self.pipeline.consumer(self.consumer)["event_source_mapping"]["uuid"]
        return self.pipeline.clients.lambda_.get_event_source_mapping(UUID=uuid)["State"]

    def set_off_alarm(self) -> None:
        """Set the alarm off: LocalStack computes no rates."""
        self.pipeline.clients.cloudwatch.set_alarm_state(
            AlarmName=self.alarm, StateValue="ALARM", StateReason="the downstream is down"
        )

    def tell_of_alarm(self) -> None:
        """Tell of the alarm as CloudWatch does."""
        clients = self.pipeline.clients
        (alarm,) = clients.cloudwatch.describe_alarms(AlarmNames=[self.alarm])["MetricAlarms"]
        clients.events.put_events(
            Entries=[
                {
                    "Source": "aws.cloudwatch",
                    "DetailType": "CloudWatch Alarm State Change",
                    "Resources": [alarm["AlarmArn"]],
                    "Detail": json.dumps({"alarmName": self.alarm, "state": {"value": "ALARM"}}),
                }
            ]
        )

    def end_alarm(self) -> None:
        """Let the alarm be over."""
        self.pipeline.clients.cloudwatch.set_alarm_state(
            AlarmName=self.alarm, StateValue="OK", StateReason="over"
        )

    def cool_down(self) -> None:
        """Let the time until the next trial be over."""
        self.records.write(replace(self.records.read(), retry_at=int(time.time() * 1000)))

    def look(self) -> Record:
        """Have the breaker look now, as its clock does every minute."""
        clients = self.pipeline.clients
        (target,) = clients.events.list_targets_by_rule(Rule=f"orders-{self.consumer}.clock")[
            "Targets"
        ]
        answer = clients.lambda_.invoke(FunctionName=target["Arn"], Payload=target["Input"])
        assert "FunctionError" not in answer, answer["Payload"].read()
        return self.records.read()

    def becomes(self, state: CircuitState, mapping: str, *, within: float = 60) -> Record:
        """Wait until the circuit is in a state, and the mapping in line with it."""
        eventually(
            lambda: (self.records.read().state, self.mapping),
            until=(state, mapping).__eq__,
            within=within,
            waiting_for=f"the circuit to be {state} and the mapping {mapping}",
        )
        return self.records.read()


@pytest.fixture
def circuit(pipeline: AppliedPipeline) -> Iterator[Circuit]:
    """The circuit of the consumer `guarded`, closed again afterwards."""
    circuit = Circuit(pipeline, "guarded")
    yield circuit
    circuit.end_alarm()
    circuit.becomes(CircuitState.CLOSED, "Enabled")


@pytest.fixture
def alerts(pipeline: AppliedPipeline) -> Iterator[Inbox]:
    """What people are told."""
    with pipeline.subscribed(pipeline.outputs["alerts_topic"]["arn"]) as inbox:
        yield inbox


def lines(pipeline: AppliedPipeline, folder: str) -> list[dict[str, Any]]:
    """What the function logged about the files of a folder."""
    return [
        line
        for line in pipeline.log_lines("guarded")
        if line.get("key", "").startswith(folder) and "outcome" in line
    ]


def receives(pipeline: AppliedPipeline, folder: str) -> int:
    """How often Lambda received the files of a folder: a trial by the breaker counts as none."""
    return sum(line["attempts"] > 0 for line in lines(pipeline, folder))


def all_wait(pipeline: AppliedPipeline) -> None:
    """Wait until every file is in the queue, and none is out of it for a try."""
    queue = pipeline.consumer("guarded")["queue"]["url"]
    eventually(
        lambda: pipeline.visible_messages(queue),
        until=FILES.__eq__,
        waiting_for="every file to be in the queue",
    )


def test_while_the_downstream_is_down_files_wait_and_then_are_processed(
    pipeline: AppliedPipeline, circuit: Circuit, alerts: Inbox
) -> None:
    folder = f"guarded/{secrets.token_hex(4)}/until-released/"
    keys = [f"{folder}{number}.json" for number in range(FILES)]
    for key in keys:
        pipeline.upload(key, "[1]")
    eventually(
        lambda: {line["key"] for line in lines(pipeline, folder)},
        until=set(keys).__eq__,
        waiting_for="every file to have failed",
    )

    circuit.set_off_alarm()
    circuit.tell_of_alarm()
    circuit.becomes(CircuitState.OPEN, "Disabled")
    all_wait(pipeline)
    before = receives(pipeline, folder)
    circuit.cool_down()
    # Its clock may have it look in the same moment.
    eventually(
        circuit.look,
        until=lambda record: record.reason.startswith("10 of 10 messages failed"),
        waiting_for="a trial to fail",
    )
    assert circuit.records.read().state is CircuitState.OPEN
    all_wait(pipeline)
    assert receives(pipeline, folder) == before

    for key in keys:
        pipeline.upload(f"released/{key}", "up again")
    circuit.cool_down()
    eventually(
        circuit.look,
        until=lambda record: record.state is CircuitState.CLOSED,
        waiting_for="a trial to succeed",
    )
    circuit.becomes(CircuitState.CLOSED, "Enabled")

    eventually(
        lambda: {line["key"] for line in lines(pipeline, folder) if line["outcome"] == "done"},
        until=set(keys).__eq__,
        waiting_for="every file to be done",
    )
    assert pipeline.queue_depth(pipeline.consumer("guarded")["dead_letter_queue"]["url"]) == 0
    eventually(
        lambda: " ".join(alerts.messages()),
        until=lambda told: "is stopped" in told and "is started again" in told,
        waiting_for="people to be told",
    )


def test_a_paused_consumer_stays_paused_whatever_its_alarm_says(
    pipeline: AppliedPipeline, circuit: Circuit
) -> None:
    circuit.look()
    with pipeline.paused("guarded"):
        circuit.set_off_alarm()
        record = circuit.look()
        # Once it is over the consumer may go on, and the clock may have the breaker look.
        circuit.end_alarm()
        assert record.state is CircuitState.CLOSED
        assert circuit.mapping == "Disabled"
