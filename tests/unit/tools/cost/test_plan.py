"""Plans are read: who gets files, and what of it costs something.

The plans in ``plans/`` are of Terraform 1.11 and provider 5.100, cut down to what is read: the root
module on its routes, and a configuration without modules (``plain``).
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.cost.inventory import EVENTBRIDGE, S3, Edge, Function, Inventory, QueueMapping, Table
from tools.cost.plan import PlanError, read_plan

PLANS = Path(__file__).with_name("plans")
QUEUE = 'module.queues["{}"].aws_sqs_queue.this'
FUNCTION = 'module.consumers["{}"].module.function.aws_lambda_function.this'
TOPIC = "module.topic.aws_sns_topic.this"


def document(name: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((PLANS / f"{name}.json").read_text(encoding="utf-8"))
    return plan


def read(name: str) -> Inventory:
    return read_plan(document(name))


def plan(*resources: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Write a plan whose values are all known, as when everything exists already."""
    return {
        "planned_values": {
            "root_module": {
                "resources": [
                    {
                        "address": address,
                        "mode": "managed",
                        "type": address.split(".")[0],
                        "values": values,
                    }
                    for address, values in resources
                ]
            }
        }
    }


def notification(**values: object) -> tuple[str, dict[str, Any]]:
    return ("aws_s3_bucket_notification.n", values)


LOAD = (
    "aws_lambda_function.load",
    {"function_name": "load", "arn": "arn:aws:lambda:us-east-1:1:function:load"},
)


class TestRoutes:
    def test_a_topic_sends_to_the_queues(self) -> None:
        inventory = read("ledger")

        assert inventory.edges == (
            Edge(S3, TOPIC),
            Edge(TOPIC, QUEUE.format("audit")),
            Edge(TOPIC, QUEUE.format("transform"), looks_into_bodies=True),
        )
        assert [one.name for one in inventory.consumers] == ["audit", "transform"]

    def test_rules_send_to_the_queues_and_the_topic_gets_nothing(self) -> None:
        inventory = read("eventbridge")

        assert inventory.edges[:3] == (
            Edge(S3, EVENTBRIDGE),
            Edge(EVENTBRIDGE, QUEUE.format("log")),
            Edge(EVENTBRIDGE, QUEUE.format("transform")),
        )
        assert TOPIC not in inventory.reached
        assert len(inventory.consumers) == 2

    def test_the_bucket_sends_to_a_queue(self) -> None:
        inventory = read("queue")

        assert inventory.sources_of(QUEUE.format("transform")) == [S3]
        assert inventory.reached == {S3, QUEUE.format("transform"), FUNCTION.format("transform")}

    def test_the_bucket_invokes_a_function_and_its_queue_gets_nothing(self) -> None:
        inventory = read("function")

        assert inventory.sources_of(FUNCTION.format("transform")) == [S3]
        assert QUEUE.format("transform") not in inventory.reached

    def test_mappings_join_each_queue_with_its_function(self) -> None:
        assert read("ledger").mappings == (
            QueueMapping(queue=QUEUE.format("audit"), function=FUNCTION.format("audit")),
            QueueMapping(
                queue=QUEUE.format("transform"),
                function=FUNCTION.format("transform"),
                batch_size=100,
                window_seconds=60,
            ),
        )

    def test_a_configuration_without_modules_is_followed_too(self) -> None:
        inventory = read("plain")

        assert inventory.edges == (
            Edge(S3, "aws_sns_topic.t"),
            Edge("aws_sns_topic.t", 'aws_sqs_queue.q["audit"]'),
            Edge("aws_sns_topic.t", 'aws_sqs_queue.q["load"]', looks_into_bodies=True),
        )
        assert [one.name for one in inventory.consumers] == ["plain-audit", "plain-load"]

    def test_what_exists_already_is_joined_by_its_arn(self) -> None:
        block = {"lambda_function_arn": "arn:aws:lambda:us-east-1:1:function:load"}

        inventory = read_plan(plan(LOAD, notification(lambda_function=[block])))

        assert inventory.edges == (Edge(S3, "aws_lambda_function.load"),)

    @pytest.mark.parametrize(
        ("pattern", "state", "reached"),
        [
            ({"source": ["aws.s3"]}, "ENABLED", True),
            ({"source": ["aws.s3"]}, "DISABLED", False),
            ({"source": ["aws.ec2"]}, "ENABLED", False),
        ],
    )
    def test_only_rules_about_s3_that_are_on_bring_files(
        self, pattern: dict[str, Any], state: str, *, reached: bool
    ) -> None:
        rule = {"name": "files", "event_pattern": json.dumps(pattern), "state": state}
        target = {"rule": "files", "arn": LOAD[1]["arn"]}
        other = ("aws_lambda_function.other", {"function_name": "other"})
        resources = (
            LOAD,
            other,
            notification(eventbridge=True, lambda_function=[{"lambda_function_arn": "other"}]),
            ("aws_cloudwatch_event_rule.r", rule),
            ("aws_cloudwatch_event_target.t", target),
        )

        assert (LOAD[0] in read_plan(plan(*resources)).reached) is reached


class TestResources:
    def test_a_consumer_of_the_root_module(self) -> None:
        assert read("ledger").functions[FUNCTION.format("transform")] == Function(
            name="transform",
            architecture="arm64",
            memory_mb=512,
            timeout_seconds=30,
            log_retention_days=30,
            writes_output=True,
            output_in_bucket=True,
            emits_metrics=True,
        )

    def test_a_function_of_its_own_has_awss_defaults(self) -> None:
        assert read("plain").functions['aws_lambda_function.f["load"]'] == Function(
            name="plain-load", memory_mb=1024, storage_mb=1024, timeout_seconds=60
        )

    def test_dead_letter_queues_are_left_out(self) -> None:
        assert [queue.name for queue in read("plain").queues.values()] == ["audit", "load"]
        assert [queue.name for queue in read("queue").queues.values()] == ["demo-transform"]

    def test_tables_have_indexes_and_backups_and_a_ledger_is_known_by_its_keys(self) -> None:
        assert read("plain").tables == (Table(name="records", copies=2, has_recovery=True),)
        assert read("ledger").tables == (
            Table(name="orders-ledger", is_ledger=True, has_recovery=True),
        )

    def test_alarms_are_counted_by_the_metrics_they_watch(self) -> None:
        # One looks every 10 s; the other divides one metric by another.
        plain = read("plain")

        assert (plain.fast_alarms, plain.alarms) == (1, {"Errors": 1, "Invocations": 1})
        assert read("queue").alarms["Throttles"] == 1

    def test_keys_and_what_they_encrypt(self) -> None:
        plain = read("plain")

        assert plain.keys == 1
        assert plain.topics == {"aws_sns_topic.t": True}
        assert all(queue.encrypted for queue in plain.queues.values())
        assert not any(queue.encrypted for queue in read("queue").queues.values())

    def test_a_lifecycle_rule_counts_where_it_covers_what_comes(self) -> None:
        # It deletes incoming/ after 15 days; outputs are in processed/.
        inventory = read("ledger")

        assert (inventory.expire_days, inventory.output_expire_days) == (15, 0)
        assert read("queue").expire_days == 0


class TestWhatIsNotCounted:
    def test_unknown_resources_and_deliveries_are_listed_and_free_ones_are_not(self) -> None:
        some = document("plain")
        some["planned_values"]["root_module"]["resources"] += [
            {"address": f"{kind}.x", "mode": "managed", "type": kind, "values": {}}
            for kind in ("aws_iam_role", "aws_sns_topic_policy", "aws_nat_gateway")
        ]

        assert read_plan(some).not_counted == (
            "X-Ray traces of plain-load",
            "1 x aws_kinesis_stream",
            "1 x aws_nat_gateway",
        )
        assert any("email deliveries" in what for what in read("queue").not_counted)

    def test_what_leads_nowhere_is_listed(self) -> None:
        block = {"queue_arn": "arn:aws:sqs:us-east-1:1:elsewhere", "id": "other"}
        lead = {"lambda_function_arn": "load"}

        inventory = read_plan(plan(LOAD, notification(queue=[block], lambda_function=[lead])))

        (what,) = inventory.not_counted
        assert "queue other of aws_s3_bucket_notification.n" in what

    def test_functions_that_get_no_files_are_told_apart(self) -> None:
        some = document("queue")
        some["planned_values"]["root_module"]["resources"] = [
            {
                "address": "module.circuit_breaker[0].module.function.aws_lambda_function.this",
                "mode": "managed",
                "type": "aws_lambda_function",
                "values": {"function_name": "orders-circuit-breaker"},
            }
        ]

        inventory = read_plan(some)

        assert [function.name for function in inventory.others] == ["orders-circuit-breaker"]
        assert "orders-circuit-breaker" not in [one.name for one in inventory.consumers]

    def test_provisioned_pollers_are_listed(self) -> None:
        queue = ("aws_sqs_queue.q", {"name": "q"})
        mapping = {
            "event_source_arn": "arn:aws:sqs:us-east-1:1:q",
            "function_name": "load",
            "provisioned_poller_config": [{"minimum_pollers": 3}],
        }
        resources = (
            LOAD,
            queue,
            notification(queue=[{"queue_arn": "arn:aws:sqs:us-east-1:1:q"}]),
            ("aws_lambda_event_source_mapping.m", mapping),
        )

        assert "3 provisioned pollers" in read_plan(plan(*resources)).not_counted[0]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "this is no plan"),
        ({"planned_values": {}}, "this is no plan"),
        ({"errored": True, **plan(LOAD)}, "ended this plan with an error"),
        (plan(LOAD), "no aws_s3_bucket_notification"),
        (plan(LOAD, notification()), "names no target"),
    ],
)
def test_what_is_no_pipelines_plan_is_refused(given: Any, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        read_plan(given)
