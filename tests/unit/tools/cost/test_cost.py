"""What a pipeline costs: plans are read, arithmetic is right, savings save."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tools.cost.__main__ import PRICES, ArgumentsError, main, size_in_bytes
from tools.cost.inventory import Consumer, Inventory, PlanError, read_plan
from tools.cost.model import Line, Traffic, batch_of, bill, read_prices, savings, total

ALL_PRICES = read_prices(PRICES)
MILLION = Traffic(files=1_000_000, file_bytes=1024**2, seconds=Decimal("0.5"))


def resource(address: str, **values: object) -> dict[str, Any]:
    kind = next(part for part in address.replace("[", ".").split(".") if part.startswith("aws_"))
    return {"address": address, "mode": "managed", "type": kind, "values": values}


def consumer_of_root(name: str, **mapping: object) -> list[dict[str, Any]]:
    module, function = f'module.consumers["{name}"]', f"orders-{name}"
    return [
        resource(
            f"{module}.module.function.aws_lambda_function.this",
            function_name=function,
            architectures=["arm64"],
            memory_size=512,
            handler="mine.handler.handler",
        ),
        resource(
            f"{module}.module.function.aws_cloudwatch_log_group.this",
            name=f"/aws/lambda/{function}",
            retention_in_days=30,
        ),
        resource(f"{module}.aws_lambda_event_source_mapping.this", **mapping),
    ]


def plan(*resources: dict[str, Any], consumers: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write a plan as ``terraform show -json`` does, its resources in a module."""
    return {
        "variables": {"consumers": {"value": consumers}} if consumers else {},
        "planned_values": {"root_module": {"child_modules": [{"resources": list(resources)}]}},
    }


def root_plan(*more: dict[str, Any], **notification: object) -> dict[str, Any]:
    return plan(
        resource("module.notifications.aws_s3_bucket_notification.this", **notification),
        *consumer_of_root("load", batch_size=100, maximum_batching_window_in_seconds=60),
        *consumer_of_root("audit", batch_size=10),
        *more,
        consumers={"load": {"output": {"prefix": "processed/"}}, "audit": {"output": None}},
    )


def lines_by_what(lines: list[Line]) -> dict[str, Line]:
    return {line.what: line for line in lines}


class TestPlans:
    @pytest.mark.parametrize(
        ("notification", "route", "has_topic"),
        [
            ({"topic": [{}]}, "topic", True),
            ({"queue": [{}]}, "queue", False),
            ({"lambda_function": [{}]}, "function", False),
            ({"eventbridge": True}, "eventbridge", False),
        ],
    )
    def test_the_route_is_who_the_bucket_tells(
        self, notification: dict[str, Any], route: str, has_topic: bool
    ) -> None:
        inventory = read_plan(root_plan(**notification))

        assert (inventory.route, inventory.has_topic) == (route, has_topic)

    def test_consumers_have_what_their_resources_and_variables_say(self) -> None:
        subscription = resource(
            'module.queues["audit"].aws_sns_topic_subscription.this["files"]',
            protocol="sqs",
            filter_policy="{}",
        )

        inventory = read_plan(root_plan(subscription, topic=[{}]))

        common: Any = {
            "architecture": "arm64",
            "memory_mb": 512,
            "log_retention_days": 30,
            "has_queue": True,
            "emits_metrics": True,
        }
        assert inventory.consumers == (
            Consumer("audit", batch_size=10, is_filtered=True, **common),
            Consumer("load", batch_size=100, window_seconds=60, writes_output=True, **common),
        )

    def test_a_function_that_s3_invokes_has_no_queue(self) -> None:
        inventory = read_plan(
            plan(
                resource("aws_s3_bucket_notification.this", lambda_function=[{}]),
                resource(
                    "module.load.aws_lambda_function.this",
                    function_name="load",
                    handler="load_records.handler.handler",
                ),
            )
        )

        (consumer,) = inventory.consumers
        assert (consumer.has_queue, consumer.writes_items) == (False, True)
        assert (consumer.architecture, consumer.memory_mb) == ("x86_64", 128)

    def test_what_is_unknown_is_said_and_what_is_free_is_not(self) -> None:
        inventory = read_plan(
            root_plan(
                resource("aws_nat_gateway.a"),
                resource("aws_nat_gateway.b"),
                resource("aws_iam_role.a"),
                resource("aws_sqs_queue.a"),
                resource("aws_kms_key.a"),
                resource("aws_cloudwatch_metric_alarm.a"),
                topic=[{}],
            )
        )

        assert inventory.not_counted == {"aws_nat_gateway": 2}
        assert (inventory.keys, inventory.alarms) == (1, 1)

    @pytest.mark.parametrize("document", [[], {}, {"planned_values": {}}, plan()])
    def test_what_is_no_pipelines_plan_is_refused(self, document: Any) -> None:
        with pytest.raises(PlanError):
            read_plan(document)

    def test_a_bucket_that_tells_nobody_is_refused(self) -> None:
        with pytest.raises(PlanError, match="tells nobody"):
            read_plan(root_plan())


class TestBills:
    def test_a_million_files_through_a_topic_and_a_queue(self) -> None:
        consumer = Consumer("load", "arm64", 1024, has_queue=True, log_retention_days=30)
        inventory = Inventory("topic", has_topic=True, consumers=(consumer,), alarms=4)

        lines = lines_by_what(bill(inventory, MILLION, ALL_PRICES))

        # 1,000,000 x 0.5 s x 1 GB; a million invocations with one message each.
        assert lines["load: computing"].usd == 500_000 * Decimal("0.0000133334")
        assert lines["load: invocations"].usd == Decimal("0.20")
        # Sent, received and deleted one by one.
        assert lines["load: messages"].quantity == 3_000_000
        assert lines["load: messages"].usd == Decimal("1.20")
        assert lines["messages published"].usd == Decimal("0.50")
        assert lines["load: files read"].usd == Decimal("0.40")
        # A million MB are 976.5625 GB.
        assert lines["files kept for a month"].quantity == Decimal("976.5625")
        assert lines["alarms"].usd == Decimal("0.40")
        assert "load: asking an empty queue" not in lines

    def test_an_idle_queue_is_asked_all_the_time(self) -> None:
        consumer = Consumer("load", "arm64", 128, has_queue=True)
        inventory = Inventory("queue", has_topic=False, consumers=(consumer,))

        lines = lines_by_what(bill(inventory, Traffic(files=1, file_bytes=1), ALL_PRICES))

        # Five pollers ask every 20 s for 30 days.
        assert lines["load: asking an empty queue"].quantity == 5 * 30 * 24 * 3600 // 20 - 1

    def test_a_window_collects_what_comes_within_it_up_to_a_batch(self) -> None:
        consumer = Consumer("load", "arm64", 128, has_queue=True, batch_size=10, window_seconds=60)

        # 43,200 files in 30 days are one a minute.
        assert batch_of(consumer, Decimal(43_200)) == 1
        assert batch_of(consumer, Decimal(4 * 43_200)) == 4
        assert batch_of(consumer, Decimal(400 * 43_200)) == 10
        assert batch_of(Consumer("load", "arm64", 128), Decimal(400 * 43_200)) == 1

    def test_a_consumers_share_output_items_and_seconds_are_its_own(self) -> None:
        consumers = (
            Consumer("load", "arm64", 1024, writes_items=True),
            Consumer("some", "x86_64", 1024, writes_output=True),
        )
        traffic = Traffic(
            files=1_000_000,
            file_bytes=1024**2,
            seconds=Decimal(1),
            seconds_of={"some": Decimal(2)},
            share_of={"some": Decimal("0.1")},
            output_ratio=Decimal("0.5"),
            items=3,
        )

        inventory = Inventory("function", has_topic=False, consumers=consumers)
        lines = lines_by_what(bill(inventory, traffic, ALL_PRICES))

        assert lines["load: items written"].usd == 3 * Decimal("0.625")
        assert lines["some: computing"].usd == 100_000 * 2 * Decimal("0.0000166667")
        assert lines["some: output kept for a month"].quantity == Decimal("976.5625") / 20

    def test_a_ledger_is_written_twice_for_each_file_of_each_consumer(self) -> None:
        table = resource("module.ledger[0].aws_dynamodb_table.this", range_key="object")
        consumers = read_plan(root_plan(table, topic=[{}])).consumers
        assert read_plan(root_plan(table, topic=[{}])).has_ledger
        assert not read_plan(root_plan(topic=[{}])).has_ledger

        inventory = Inventory("queue", has_topic=False, consumers=consumers, has_ledger=True)
        lines = lines_by_what(bill(inventory, MILLION, ALL_PRICES))

        for consumer in ("audit", "load"):
            assert lines[f"{consumer}: files claimed and completed"].usd == Decimal("1.25")

    def test_eventbridge_is_paid_for_each_event_of_the_bucket(self) -> None:
        inventory = Inventory("eventbridge", has_topic=False, consumers=(), archives=1)

        lines = lines_by_what(bill(inventory, MILLION, ALL_PRICES))

        assert lines["events of the bucket"].usd == Decimal("1.00")
        assert 0 < lines["archive"].usd < Decimal("0.1")
        assert "messages published" not in lines

    def test_every_price_says_where_it_is_from(self) -> None:
        for name, price in ALL_PRICES.by_name.items():
            assert price.source.startswith("https://aws.amazon.com/"), name
            assert price.usd > 0, name


class TestSavings:
    def inventory(self, **changes: object) -> Inventory:
        settings: dict[str, Any] = {
            "memory_mb": 128,
            "has_queue": True,
            "batch_size": 100,
            "window_seconds": 60,
            "log_retention_days": 7,
        }
        architecture = str(changes.pop("architecture", "arm64"))
        consumer = Consumer("load", architecture, **(settings | changes))
        other = Consumer("other", "arm64", **settings)
        return Inventory("topic", has_topic=True, consumers=(consumer, other))

    def found(self, inventory: Inventory) -> list[str]:
        return [saving.what for saving in savings(inventory, MILLION, ALL_PRICES)]

    def test_where_nothing_can_be_saved_nothing_is_said(self) -> None:
        assert self.found(self.inventory()) == []

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"architecture": "x86_64"}, "arm64"),
            ({"memory_mb": 256}, "memory_size = 128"),
            ({"window_seconds": 0}, "batching_window_seconds = 60"),
            ({"log_retention_days": 30}, "log_retention_days = 7"),
            ({"log_retention_days": 0}, "log_retention_days = 7"),
            ({"is_filtered": True}, "S3 filters free of charge"),
        ],
    )
    def test_each_saving_is_said_where_it_applies(self, change: dict[str, Any], says: str) -> None:
        (what,) = self.found(self.inventory(**change))

        assert says in what

    def test_one_consumer_needs_no_topic_and_a_saving_is_what_the_bill_is_less(self) -> None:
        (consumer, _) = self.inventory().consumers
        with_topic = Inventory("topic", has_topic=True, consumers=(consumer,))
        without = Inventory("queue", has_topic=False, consumers=(consumer,))

        (saving,) = savings(with_topic, MILLION, ALL_PRICES)

        bills = [total(bill(some, MILLION, ALL_PRICES)) for some in (with_topic, without)]
        assert saving.what.startswith('route = "queue"')
        assert saving.usd == bills[0] - bills[1] == Decimal("0.5")


class TestCommand:
    @pytest.fixture
    def file(self, tmp_path: Path) -> str:
        written = tmp_path / "plan.json"
        written.write_text(json.dumps(root_plan(resource("aws_nat_gateway.a"), topic=[{}])))
        return str(written)

    def test_the_table_has_a_total_and_what_it_supposes(
        self, file: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["--files", "1000000", "--size", "1MB", "--plan", file]) == 0

        printed = capsys.readouterr().out
        for expected in (
            "total",
            "a million files",
            "Ways to lower it",
            "Not counted: 1 x aws_nat",
        ):
            assert expected in printed

    def test_json_has_the_same_figures(self, file: str, capsys: pytest.CaptureFixture[str]) -> None:
        main(["--files", "1000000", "--size", "1MB", "--plan", file, "--json"])

        document = json.loads(capsys.readouterr().out)
        whole = sum(Decimal(line["usd"]) for line in document["lines"])
        assert Decimal(document["total_usd"]) == whole == Decimal(document["usd_per_million_files"])

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--files", "0"], "at least one file"),
            (["--size", "large"], "is no size"),
            (["--share", "load"], "--share 'load'"),
            (["--share", "nobody=0.5"], "no consumer 'nobody'"),
            (["--var-file", "x"], "one of --plan and --var-file"),
        ],
    )
    def test_wrong_arguments_are_explained(
        self, file: str, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
    ) -> None:
        given = ["--files", "1", "--size", "1KB", "--plan", file, *arguments]

        assert main(given) == 2
        assert says in capsys.readouterr().err

    def test_a_file_that_is_no_plan_is_said_to_be_none(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "plan.json"
        file.write_text("{}")

        assert main(["--files", "1", "--size", "1", "--plan", str(file)]) == 1
        assert "terraform show -json" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("text", "size"),
        [("800", 800), ("50KB", 51_200), ("1.5 MiB", 1_572_864), ("2gb", 2 * 1024**3)],
    )
    def test_sizes_are_read_in_every_spelling(self, text: str, size: int) -> None:
        assert size_in_bytes(text) == size

    def test_no_size_is_refused(self) -> None:
        with pytest.raises(ArgumentsError, match="50KB"):
            size_in_bytes("KB")
