"""From an inventory and a traffic to lines of cost, and to what would lower them. Pure."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from tools.cost.inventory import Consumer, Inventory

GB = Decimal(1024**3)
SECONDS_A_MONTH = Decimal(30 * 24 * 3600)
# What S3 writes about one object.
_EVENT_BYTES = 1000
# Of an idle queue: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
_POLLERS = 5
_POLL_SECONDS = 20
_LEDGER_WRITES = 2
# The runtime's counters and series, each once for a consumer.
_METRICS = 6


@dataclass(frozen=True, slots=True)
class Price:
    """A price and where it is from."""

    usd: Decimal
    per: str
    count: int
    source: str


@dataclass(frozen=True, slots=True)
class Prices:
    """All prices, and the day they were looked up."""

    checked: str
    region: str
    by_name: Mapping[str, Price]


def read_prices(file: Path) -> Prices:
    """Read the file of prices."""
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    checked, region = str(document.pop("checked")), str(document.pop("region"))
    by_name = {
        name: Price(Decimal(price["usd"]), price["per"], price["count"], price["source"])
        for name, price in document.items()
    }
    return Prices(checked, region, by_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the pipeline is asked to do in a month.

    Attributes
    ----------
    files
        Files that land in the bucket.
    file_bytes
        The size of one, on average.
    seconds
        What a function takes for one file; ``seconds_of`` has those of single consumers.
    share_of
        The part of the files that a consumer gets, where that is not all of them.
    output_ratio
        Bytes written for each byte read, by consumers with an output.
    items
        Items written for a file, by consumers that fill a table, each of up to 1 KB.
    log_bytes
        Bytes logged for a file.
    """

    files: int
    file_bytes: int
    seconds: Decimal = Decimal("0.2")
    seconds_of: Mapping[str, Decimal] = field(default_factory=dict)
    share_of: Mapping[str, Decimal] = field(default_factory=dict)
    output_ratio: Decimal = Decimal(1)
    items: int = 1
    log_bytes: int = 1200

    def files_of(self, consumer: Consumer) -> Decimal:
        """Count the files a consumer gets."""
        return self.files * self.share_of.get(consumer.name, Decimal(1))

    def seconds_for(self, consumer: Consumer) -> Decimal:
        """Give the seconds that a consumer takes for one file."""
        return self.seconds_of.get(consumer.name, self.seconds)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill.

    Attributes
    ----------
    service, what
        What is paid for.
    quantity, unit
        How much of it.
    usd
        What it costs a month.
    """

    service: str
    what: str
    quantity: Decimal
    unit: str
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Saving:
    """Something that would lower the bill."""

    what: str
    usd: Decimal


def batch_of(consumer: Consumer, files: Decimal) -> Decimal:
    """Say how many messages an invocation gets, of files that come evenly."""
    if not consumer.has_queue:
        return Decimal(1)
    collected = files / SECONDS_A_MONTH * consumer.window_seconds
    return min(Decimal(consumer.batch_size), max(Decimal(1), collected))


def bill(inventory: Inventory, traffic: Traffic, prices: Prices) -> list[Line]:
    """Work out what a month costs, line by line."""
    return [
        Line(service, what, quantity, unit, _usd(prices, price, quantity))
        for service, what, price, quantity, unit in _quantities(inventory, traffic)
        if quantity
    ]


def total(lines: list[Line]) -> Decimal:
    """Add up a bill."""
    return sum((line.usd for line in lines), Decimal(0))


def _usd(prices: Prices, name: str, quantity: Decimal) -> Decimal:
    price = prices.by_name[name]
    return quantity * price.usd / price.count


type _Quantity = tuple[str, str, str, Decimal, str]


def _quantities(inventory: Inventory, traffic: Traffic) -> Iterator[_Quantity]:
    files, events = Decimal(traffic.files), Decimal(traffic.files) * _EVENT_BYTES / GB
    stored = files * traffic.file_bytes / GB
    yield ("S3", "files kept for a month", "s3_storage", stored, "GB-months")
    if inventory.route == "eventbridge":
        yield ("EventBridge", "events of the bucket", "eventbridge_events", files, "events")
        archived = events * inventory.archives
        yield ("EventBridge", "archive", "eventbridge_archive", archived, "GB")
    if inventory.has_topic:
        yield ("SNS", "messages published", "sns_publishes", files, "messages")
        filtered = events * sum(consumer.is_filtered for consumer in inventory.consumers)
        yield ("SNS", "bodies looked into by filter policies", "sns_filtering", filtered, "GB")
    for consumer in inventory.consumers:
        yield from _of_consumer(consumer, traffic)
        if inventory.has_ledger:
            claims = _LEDGER_WRITES * traffic.files_of(consumer)
            what = f"{consumer.name}: files claimed and completed"
            yield ("DynamoDB", what, "dynamodb_writes", claims, "write units")
    fixed = (
        ("alarms", "alarms", inventory.alarms),
        ("dashboards", "dashboards", inventory.dashboards),
    )
    for price, what, count in fixed:
        yield ("CloudWatch", what, price, Decimal(count), what)
    yield ("KMS", "customer-managed keys", "kms_keys", Decimal(inventory.keys), "keys")


def _of_consumer(consumer: Consumer, traffic: Traffic) -> Iterator[_Quantity]:
    name, files = consumer.name, traffic.files_of(consumer)
    invocations = files / batch_of(consumer, files)
    gb_seconds = files * traffic.seconds_for(consumer) * consumer.memory_mb / 1024
    compute = f"lambda_{consumer.architecture}_gb_seconds"
    yield ("Lambda", f"{name}: invocations", "lambda_requests", invocations, "requests")
    yield ("Lambda", f"{name}: computing", compute, gb_seconds, "GB-seconds")
    yield ("S3", f"{name}: files read", "s3_reads", files, "requests")
    if consumer.writes_output:
        written = files * traffic.file_bytes * traffic.output_ratio / GB
        yield ("S3", f"{name}: files written", "s3_writes", files, "requests")
        yield ("S3", f"{name}: output kept for a month", "s3_storage", written, "GB-months")
    if consumer.writes_items:
        items = files * traffic.items
        yield ("DynamoDB", f"{name}: items written", "dynamodb_writes", items, "write units")
    if consumer.has_queue:
        # One request to send, and for each batch one to receive and one to delete.
        yield ("SQS", f"{name}: messages", "sqs_requests", files + 2 * invocations, "requests")
        idle = max(Decimal(0), _POLLERS * SECONDS_A_MONTH / _POLL_SECONDS - invocations)
        yield ("SQS", f"{name}: asking an empty queue", "sqs_requests", idle, "requests")
    logged = files * traffic.log_bytes / GB
    months = Decimal(consumer.log_retention_days or 365) / 30
    yield ("CloudWatch", f"{name}: logs written", "logs_ingestion", logged, "GB")
    yield ("CloudWatch", f"{name}: logs kept", "logs_storage", logged * months, "GB-months")
    if consumer.emits_metrics:
        yield ("CloudWatch", f"{name}: metrics", "metrics", Decimal(_METRICS), "metrics")


def savings(inventory: Inventory, traffic: Traffic, prices: Prices) -> list[Saving]:
    """Work out what each change would save by itself, the most first; only what saves anything."""
    before = total(bill(inventory, traffic, prices))
    found = [
        Saving(what, before - total(bill(changed, traffic, prices)))
        for what, changed in _changes(inventory)
    ]
    return sorted((some for some in found if some.usd > 0), key=lambda some: -some.usd)


def _changes(inventory: Inventory) -> Iterator[tuple[str, Inventory]]:
    if any(consumer.architecture == "x86_64" for consumer in inventory.consumers):
        yield 'architecture = "arm64"', _with(inventory, architecture="arm64")
    for consumer in inventory.consumers:
        if consumer.has_queue and consumer.window_seconds < _WINDOW:
            yield (
                f"{consumer.name}: batching_window_seconds = {_WINDOW}, batch_size = {_BATCH}",
                _with(inventory, consumer.name, window_seconds=_WINDOW, batch_size=_BATCH),
            )
        if consumer.memory_mb > _SMALL:
            yield (
                f"{consumer.name}: memory_size = {consumer.memory_mb // 2}, if it is as fast then",
                _with(inventory, consumer.name, memory_mb=consumer.memory_mb // 2),
            )
        if not 0 < consumer.log_retention_days <= _KEPT:
            yield (
                f"{consumer.name}: log_retention_days = {_KEPT}",
                _with(inventory, consumer.name, log_retention_days=_KEPT),
            )
    if inventory.has_topic and len(inventory.consumers) == 1:
        yield (
            'route = "queue": one consumer needs no topic',
            dataclasses.replace(inventory, route="queue", has_topic=False),
        )
    if inventory.route == "eventbridge":
        yield (
            'route = "topic" instead of EventBridge',
            dataclasses.replace(inventory, route="topic", has_topic=True),
        )
    if inventory.has_topic and any(consumer.is_filtered for consumer in inventory.consumers):
        yield (
            "the pipeline's own filter instead of the consumers': S3 filters free of charge",
            _with(inventory, is_filtered=False),
        )
    if inventory.dashboards:
        yield "no dashboard", dataclasses.replace(inventory, dashboards=0)


_WINDOW, _BATCH, _SMALL, _KEPT = 60, 100, 128, 7


def _with(inventory: Inventory, name: str | None = None, **changes: object) -> Inventory:
    consumers = tuple(
        dataclasses.replace(consumer, **changes)  # type: ignore[arg-type]
        if name in (None, consumer.name)
        else consumer
        for consumer in inventory.consumers
    )
    return dataclasses.replace(inventory, consumers=consumers)
