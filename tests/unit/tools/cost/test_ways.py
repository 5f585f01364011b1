"""Each way to lower the bill is named where it applies, and nowhere else."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tools.cost.inventory import EVENTBRIDGE, S3, Edge, Function, Inventory, Queue, QueueMapping
from tools.cost.model import Traffic, bill, total
from tools.cost.prices import read_prices
from tools.cost.ways import ways

PRICES = read_prices()
MILLION = Traffic(files=1_000_000, file_bytes=1024**2, seconds=Decimal("0.5"))

FRUGAL = Function(name="load", architecture="arm64", memory_mb=128, log_retention_days=7)
WAITING = QueueMapping(queue="q", function="f", batch_size=100, window_seconds=60)
OTHER = QueueMapping(queue="r", function="g", batch_size=100, window_seconds=60)
# A topic for two consumers, of which nothing can be made cheaper.
LEAN = Inventory(
    functions={"f": FRUGAL, "g": replace(FRUGAL, name="other")},
    queues={"q": Queue(name="q"), "r": Queue(name="r")},
    topics={"t": False},
    mappings=(WAITING, OTHER),
    edges=(Edge(S3, "t"), Edge("t", "q"), Edge("t", "r")),
    expire_days=7,
)


def found(inventory: Inventory, *, free_tier: bool = False) -> list[str]:
    return [way.what for way in ways(inventory, MILLION, PRICES, free_tier=free_tier)]


def with_function(**changes: Any) -> Inventory:
    return replace(LEAN, functions=dict(LEAN.functions) | {"f": replace(FRUGAL, **changes)})


def with_mapping(**changes: Any) -> Inventory:
    return replace(LEAN, mappings=(replace(WAITING, **changes), OTHER))


def test_where_nothing_can_be_saved_nothing_is_said() -> None:
    assert found(LEAN) == []


@pytest.mark.parametrize(
    ("inventory", "says"),
    [
        (with_function(architecture="x86_64"), 'architecture = "arm64"'),
        (with_function(memory_mb=256), "load: memory_size = 128"),
        (with_function(log_retention_days=30), "load: log_retention_days = 7"),
        (with_function(log_retention_days=0), "load: log_retention_days = 7"),
        (with_mapping(window_seconds=0), "load: batching_window_seconds = 60, batch_size = 100"),
        (
            replace(LEAN, edges=(*LEAN.edges[:2], Edge("t", "r", looks_into_bodies=True))),
            "filter in the bucket's notification",
        ),
        (
            replace(LEAN, edges=(Edge(S3, EVENTBRIDGE), *(Edge(EVENTBRIDGE, q) for q in "qr"))),
            'route = "topic" instead of EventBridge',
        ),
        (replace(LEAN, dashboards=1), "no dashboard"),
        (replace(LEAN, alarms={"Throttles": 2, "Errors": 2}), "alarms.disabled"),
        (replace(LEAN, keys=1), "the services' own keys"),
        (replace(LEAN, asks_key_for_each_file=True), "a bucket key"),
        (replace(LEAN, expire_days=0), "a lifecycle rule that deletes files"),
        (replace(LEAN, expire_days=30), "a lifecycle rule that deletes files"),
        (
            with_function(writes_output=True, output_in_bucket=True),
            "a lifecycle rule that deletes outputs",
        ),
    ],
)  # fmt: skip
def test_each_way_is_said_where_it_applies(inventory: Inventory, says: str) -> None:
    (what,) = found(inventory)

    assert what.startswith(says)


@pytest.mark.parametrize(
    "inventory",
    [
        # There is no batching window for a FIFO queue.
        replace(
            with_mapping(window_seconds=0, batch_size=10),
            queues={"q": Queue(name="q", fifo=True), "r": Queue(name="r")},
        ),
        replace(LEAN, alarms={"Errors": 2}),
        with_function(memory_mb=192),
        with_function(writes_output=True),
    ],
)
def test_what_does_not_apply_is_not_said(inventory: Inventory) -> None:
    assert found(inventory) == []


def test_one_consumer_needs_no_topic_and_a_saving_is_what_the_bill_is_less() -> None:
    topic = replace(LEAN, functions={"f": FRUGAL}, mappings=(WAITING,),
                    edges=(Edge(S3, "t"), Edge("t", "q")))  # fmt: skip
    queue = replace(topic, edges=(Edge(S3, "q"),))

    (way,) = ways(topic, MILLION, PRICES)

    assert way.what.startswith('route = "queue"')
    bills = [total(bill(some, MILLION, PRICES)) for some in (topic, queue)]
    # A million messages to the topic.
    assert way.usd == bills[0] - bills[1] == Decimal("0.50")
    assert found(queue) == []


def test_one_consumer_needs_no_eventbridge() -> None:
    rule = replace(LEAN, functions={"f": FRUGAL}, mappings=(WAITING,), archive_days=(30,),
                   edges=(Edge(S3, EVENTBRIDGE), Edge(EVENTBRIDGE, "q")))  # fmt: skip

    first, second = ways(rule, MILLION, PRICES)

    # Without EventBridge there is no archive either.
    assert first.what.startswith('route = "queue" instead of EventBridge')
    assert second.what.startswith("no archive")
    assert first.usd == 1 + second.usd


def test_pollers_of_a_queue_that_gets_no_files_can_go() -> None:
    idle = replace(LEAN, edges=(Edge(S3, "f"), Edge(S3, "t"), Edge("t", "r")), topics={"t": False})
    idle = replace(idle, mappings=(replace(WAITING, window_seconds=60), OTHER))

    (way,) = [way for way in ways(idle, MILLION, PRICES) if "mapping" in way.what]

    # 648,000 questions a month.
    assert way.usd == 648_000 * Decimal("0.40") / 1_000_000


def test_what_is_free_anyway_saves_nothing() -> None:
    assert found(replace(LEAN, dashboards=1)) == ["no dashboard: dashboard = false"]
    assert found(replace(LEAN, dashboards=1), free_tier=True) == []


def test_the_largest_saving_comes_first() -> None:
    inventory = replace(with_function(memory_mb=256), dashboards=1)

    savings = [way.usd for way in ways(inventory, MILLION, PRICES)]

    assert savings == sorted(savings, reverse=True)
    assert len(savings) == 2
