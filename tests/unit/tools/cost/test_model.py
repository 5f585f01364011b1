"""The arithmetic of the bill, each figure worked out by hand beside it."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tools.cost.inventory import EVENTBRIDGE, S3, Edge, Function, Inventory, Queue, QueueMapping
from tools.cost.inventory import Table as DynamoDbTable
from tools.cost.model import Line, Traffic, batch_of, bill, total
from tools.cost.prices import read_prices

PRICES = read_prices()
# A million files of 1 MB, half a second each.
MILLION = Traffic(files=1_000_000, file_bytes=1024**2, seconds=Decimal("0.5"))
LOAD = Function(name="load", architecture="arm64", memory_mb=1024, log_retention_days=30)
MAPPING = QueueMapping(queue="q", function="f")


def direct(function: Function = LOAD, **more: Any) -> Inventory:
    """Make a pipeline in which S3 invokes a function."""
    return Inventory(functions={"f": function}, edges=(Edge(S3, "f"),), **more)


def queued(queue: Queue | None = None, mapping: QueueMapping = MAPPING, **more: Any) -> Inventory:
    """Make a pipeline in which a topic sends to a queue, and the queue's mapping to a function."""
    return Inventory(
        functions={"f": more.pop("function", LOAD)},
        queues={"q": queue or Queue(name="q")},
        topics={"t": more.pop("key_of_topic", False)},
        mappings=(mapping,),
        edges=(Edge(S3, "t"), Edge("t", "q", looks_into_bodies=more.pop("filtered", False))),
        **more,
    )


def lines(inventory: Inventory, traffic: Traffic = MILLION) -> Mapping[str, Line]:
    return {line.what: line for line in bill(inventory, traffic, PRICES)}


class TestFunctions:
    def test_a_million_invocations_of_half_a_second_with_1_gb(self) -> None:
        found = lines(direct())

        assert found["load: invocations"].usd == Decimal("0.20")
        # 1,000,000 x 0.5 s x 1 GB
        assert found["load: computing"].quantity == 500_000
        assert found["load: computing"].usd == 500_000 * Decimal("0.0000133334")

    def test_x86_memory_and_storage_in_tmp(self) -> None:
        function = replace(LOAD, architecture="x86_64", memory_mb=256, storage_mb=512 + 2048)

        found = lines(direct(function))

        # A quarter of a GB; 2 GB of storage beyond what is free.
        assert found["load: computing"].usd == 125_000 * Decimal("0.0000166667")
        assert found["load: storage in /tmp"].usd == 1_000_000 * Decimal("0.0000000309")
        assert "load: storage in /tmp" not in lines(direct())

    def test_consumers_have_a_share_seconds_and_output_of_their_own(self) -> None:
        function = replace(LOAD, writes_output=True)
        traffic = replace(
            MILLION,
            share_of={"load": Decimal("0.1")},
            seconds_of={"load": Decimal(2)},
            output_ratio_of={"load": Decimal("0.5")},
        )

        found = lines(direct(function), traffic)

        assert found["load: computing"].quantity == 100_000 * 2
        # 100,000 PUT requests at 0.005 a thousand, 100,000 GET requests at 0.0004.
        assert found["load: files written"].usd == Decimal("0.5")
        assert found["load: files read"].usd == Decimal("0.04")
        # 100,000 MB of files, half of it written, in GB.
        assert found["load: output kept for a month"].quantity == Decimal(50_000) / 1024

    def test_failed_files_are_tried_again_and_give_no_output(self) -> None:
        function = replace(LOAD, writes_output=True, retries=2)
        traffic = replace(MILLION, failures=Decimal("0.01"))

        found = lines(direct(function), traffic)

        # 990,000 once, 10,000 three times.
        assert found["load: invocations"].quantity == 990_000 + 3 * 10_000
        assert found["load: files written"].quantity == 990_000

    def test_a_function_without_files_costs_nothing(self) -> None:
        inventory = Inventory(functions={"f": LOAD})

        assert not any(what.startswith("load") for what in lines(inventory))


class TestQueues:
    def test_each_message_is_sent_received_and_deleted(self) -> None:
        found = lines(queued())

        assert found["load: messages sent"].usd == Decimal("0.40")
        assert found["load: messages received and deleted"].usd == Decimal("0.80")
        # The pollers always find something: 1,000,000 are more than 648,000 questions a month.
        assert "load: asking an empty queue" not in found

    def test_an_idle_queue_is_asked_all_the_time(self) -> None:
        found = lines(queued(), Traffic(files=1, file_bytes=1))

        # 5 pollers ask every 20 s for 30 days of 86,400 s; one question found the file.
        assert found["load: asking an empty queue"].quantity == 5 * 30 * 86_400 // 20 - 1

    def test_a_queue_that_gets_no_files_is_asked_too_and_a_disabled_mapping_is_not(self) -> None:
        idle = replace(queued(), edges=(Edge(S3, "f"),))
        off = replace(idle, mappings=(replace(MAPPING, enabled=False),))

        assert lines(idle)["load: asking an empty queue"].quantity == 648_000
        assert "load: asking an empty queue" not in lines(off)

    def test_a_window_collects_what_comes_within_it_up_to_a_batch(self) -> None:
        mapping = replace(MAPPING, batch_size=10, window_seconds=60)

        # 43,200 files in 30 days are one a minute.
        assert batch_of(mapping, Decimal(43_200)) == 1
        assert batch_of(mapping, Decimal(4 * 43_200)) == 4
        assert batch_of(mapping, Decimal(400 * 43_200)) == 10
        assert batch_of(MAPPING, Decimal(400 * 43_200)) == 1

    def test_a_batch_saves_invocations_and_ten_messages_a_request(self) -> None:
        # 4,320,000 files are 100 a minute: batches of 100, each of 10 requests to receive.
        traffic = replace(MILLION, files=4_320_000)
        mapping = replace(MAPPING, batch_size=100, window_seconds=60)

        found = lines(queued(mapping=mapping), traffic)

        assert found["load: invocations"].quantity == 43_200
        assert found["load: messages received and deleted"].quantity == 2 * 432_000

    def test_fifo_queues_cost_more(self) -> None:
        found = lines(queued(Queue(name="q", fifo=True)))

        assert found["load: messages sent"].usd == Decimal("0.50")

    def test_failed_messages_are_received_until_they_are_set_aside(self) -> None:
        traffic = replace(MILLION, failures=Decimal("0.1"))

        found = lines(queued(Queue(name="q", max_receive_count=3)), traffic)

        # 900,000 are received and deleted once; 100,000 are received three times.
        assert found["load: messages received and deleted"].quantity == 900_000 * 2 + 300_000
        assert found["load: invocations"].quantity == 900_000 + 300_000


class TestEvents:
    def test_a_topic_is_paid_for_each_message(self) -> None:
        assert lines(queued())["messages published"].usd == Decimal("0.50")

    def test_filters_on_bodies_are_paid_for_each_gb(self) -> None:
        found = lines(queued(filtered=True))

        # A million events of 1,000 bytes.
        scanned = found["bodies looked into by filter policies"]
        assert scanned.quantity == Decimal(1_000_000_000) / 1024**3
        assert "bodies looked into by filter policies" not in lines(queued())

    def test_eventbridge_is_paid_for_each_event_of_the_bucket_outputs_too(self) -> None:
        edges = (Edge(S3, EVENTBRIDGE), Edge(EVENTBRIDGE, "f"))
        elsewhere = replace(direct(), edges=edges, archive_days=(60,))
        same = replace(
            elsewhere,
            functions={"f": replace(LOAD, writes_output=True, output_in_bucket=True)},
        )

        assert lines(elsewhere)["events of the bucket"].usd == Decimal("1.00")
        assert lines(same)["events of the bucket"].usd == Decimal("2.00")
        gb = Decimal(1_000_000_000) / 1024**3
        assert lines(elsewhere)["events archived"].usd == gb * Decimal("0.10")
        # What came in two months is there at any time.
        assert lines(elsewhere)["archive kept"].usd == 2 * gb * Decimal("0.023")

    def test_a_topic_that_gets_nothing_costs_nothing(self) -> None:
        assert "messages published" not in lines(direct(topics={"alerts": False}))


class TestStorage:
    def test_a_month_of_files_and_what_a_rule_deletes_of_it(self) -> None:
        stored = "files kept for a month"

        # A million MB are 976.5625 GB.
        assert lines(direct())[stored].usd == Decimal("976.5625") * Decimal("0.023")
        assert lines(direct(expire_days=6))[stored].quantity == Decimal("976.5625") / 5
        assert lines(direct(expire_days=60))[stored].quantity == Decimal("976.5625") * 2

    def test_logs_are_written_and_kept(self) -> None:
        traffic = replace(MILLION, log_bytes=1024)
        gb = Decimal(1_000_000) / 1024**2

        month, for_ever = (
            lines(direct(replace(LOAD, log_retention_days=days)), traffic) for days in (30, 0)
        )

        assert month["load: logs written"].usd == gb * Decimal("0.50")
        assert month["load: logs kept"].usd == gb * Decimal("0.03")
        # For ever is shown as after a year of 360 days.
        assert for_ever["load: logs kept"].usd == 12 * gb * Decimal("0.03")


class TestTables:
    def test_items_are_written_to_the_table_and_its_indexes(self) -> None:
        table = DynamoDbTable(name="records", copies=2, has_recovery=True)
        traffic = replace(MILLION, items=3, item_bytes=1500)

        found = lines(direct(tables=(table,)), traffic)

        # 3,000,000 items of 2 KB, in the table and in an index.
        assert found["records: items written"].quantity == 3_000_000 * 2 * 2
        assert found["records: items written"].usd == 12 * Decimal("0.625")
        gb = Decimal(3_000_000 * 1500 * 2) / 1024**3
        assert found["records: items kept for a month"].usd == gb * Decimal("0.25")
        assert found["records: backups for recovery"].usd == gb * Decimal("0.20")

    def test_a_ledger_is_written_twice_for_each_file_of_each_consumer(self) -> None:
        found = lines(direct(tables=(DynamoDbTable(name="ledger", is_ledger=True),)))

        assert found["ledger: items written"].usd == 2 * Decimal("0.625")

    def test_provisioned_capacity_is_paid_by_the_hour(self) -> None:
        table = DynamoDbTable(name="records", write_units=10, read_units=5)

        found = lines(direct(tables=(table,)))

        assert found["records: write capacity"].usd == 10 * 720 * Decimal("0.00065")
        assert found["records: read capacity"].usd == 5 * 720 * Decimal("0.00013")
        assert "records: items written" not in found

    def test_a_function_that_loads_pays_for_a_table_elsewhere(self) -> None:
        found = lines(direct(replace(LOAD, writes_items=True)))

        assert found["load: items written"].usd == Decimal("0.625")


class TestTheRest:
    def test_alarms_dashboards_metrics_and_keys(self) -> None:
        inventory = direct(
            replace(LOAD, emits_metrics=True),
            alarms={"Errors": 3, "Throttles": 1},
            fast_alarms=1,
            dashboards=2,
            keys=1,
        )

        found = lines(inventory)

        assert found["alarms"].usd == Decimal("0.40")
        assert found["fast alarms"].usd == Decimal("0.30")
        assert found["dashboards"].usd == 6
        assert found["load: metrics"].usd == 6 * Decimal("0.30")
        assert found["customer-managed keys"].usd == 1

    def test_a_key_is_asked_again_every_five_minutes(self) -> None:
        found = lines(queued(Queue(name="q", encrypted=True), key_of_topic=True))

        # 30 days have 8,640 times 300 s: twice each for a sender, and once for a receiver.
        assert found["requests of the topic"].quantity == 2 * 8_640
        assert found["requests of queue q"].usd == 3 * 8_640 * Decimal("0.03") / 10_000

    def test_without_a_bucket_key_every_file_asks(self) -> None:
        found = lines(direct(asks_key_for_each_file=True))

        # Written once, read once.
        assert found["requests of the bucket"].usd == 2 * 100 * Decimal("0.03")

    def test_the_free_tier_is_taken_off_once_for_all_functions_together(self) -> None:
        both = Inventory(
            functions={"f": LOAD, "g": replace(LOAD, name="other")},
            edges=(Edge(S3, "f"), Edge(S3, "g")),
        )

        free = bill(both, MILLION, PRICES, free_tier=True)
        saved = {line.what: line for line in free if line.usd < 0}

        assert saved["free tier of lambda requests"].usd == Decimal("-0.20")
        # 400,000 of the million GB-seconds.
        compute = saved["free tier of lambda arm64 gb seconds"]
        assert compute.usd == -400_000 * Decimal("0.0000133334")
        assert total(free) < total(bill(both, MILLION, PRICES))

    def test_no_more_is_free_than_is_used(self) -> None:
        small = Traffic(files=10, file_bytes=1)

        free = bill(direct(), small, PRICES, free_tier=True)

        assert total(line for line in free if line.service == "Lambda") == 0


class TestPrices:
    @pytest.mark.parametrize("name", PRICES.prices)
    def test_every_price_says_where_it_is_from(self, name: str) -> None:
        price = PRICES.prices[name]

        assert price.source.startswith("https://aws.amazon.com/")
        assert price.usd > 0
        # What is unverified says what is known of it.
        assert price.seen or price.note

    def test_what_is_free_is_of_a_price(self) -> None:
        named = {name for allowance in PRICES.free.values() for name in allowance.prices}

        assert named <= set(PRICES.prices)
