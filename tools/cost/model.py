"""From an inventory and a month's files to lines of cost. Pure, and in Decimal throughout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from tools.cost.inventory import EVENTBRIDGE, Function, Inventory, QueueMapping, Table
from tools.cost.prices import Prices

KB, GB = Decimal(1024), Decimal(1024**3)
MONTH_SECONDS = 30 * 24 * 3600
# What S3 writes about one object: billed by SNS, SQS and EventBridge as one of 64 KB.
EVENT_BYTES = 1000
# Of an idle queue: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
POLLERS, POLL_SECONDS = 5, 20
# A request to SQS receives or deletes at most so many messages.
MESSAGES_A_REQUEST = 10
# What the runtime counts and times, each once for a consumer: object_consumer/log.py. One more if
# the function returns Continue.
METRICS = 6
# To claim a file and to complete it: object_consumer/dynamodb_ledger.py.
LEDGER_WRITES = 2
# SNS and SQS keep a data key so long: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
DATA_KEY_SECONDS = 300
# What is kept for ever is shown as it is after a year for logs and archives.
FOR_EVER_DAYS = 360
_MONTH_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the pipeline is asked to do in a month.

    Attributes
    ----------
    files, file_bytes
        Files that enter the pipeline, and the size of one on average.
    seconds
        What a function takes for one file; ``seconds_of`` has those of single consumers.
    share_of
        The part of the files that a consumer gets, where that is not all of them.
    output_ratio
        Bytes written for each byte read, by consumers with an output; ``output_ratio_of`` has those
        of single consumers.
    items, item_bytes
        Items written to a table for a file, and the size of one.
    log_bytes
        Bytes logged for a file, Lambda's own lines included.
    failures
        The part of the files that fail at every try.
    """

    files: int
    file_bytes: int
    seconds: Decimal = Decimal("0.2")
    seconds_of: Mapping[str, Decimal] = field(default_factory=dict)
    share_of: Mapping[str, Decimal] = field(default_factory=dict)
    output_ratio: Decimal = Decimal(1)
    output_ratio_of: Mapping[str, Decimal] = field(default_factory=dict)
    items: int = 1
    item_bytes: int = 1024
    log_bytes: int = 1200
    failures: Decimal = Decimal(0)

    def files_of(self, *functions: Function) -> Decimal:
        """Count the files that consumers get, all together."""
        shares = (self.share_of.get(one.name, Decimal(1)) for one in functions)
        return self.files * sum(shares, Decimal(0))

    def seconds_for(self, function: Function) -> Decimal:
        """Give the seconds that a consumer takes for one file."""
        return self.seconds_of.get(function.name, self.seconds)

    def output_ratio_for(self, function: Function) -> Decimal:
        """Give the bytes that a consumer writes for each it reads."""
        return self.output_ratio_of.get(function.name, self.output_ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the bill.

    Attributes
    ----------
    service, what
        What is paid for.
    how
        How the quantity is worked out, in words.
    quantity, price
        How much of it, in the unit of the price of this name.
    usd
        What it costs a month; negative for what is free of charge.
    """

    service: str
    what: str
    how: str
    quantity: Decimal
    price: str
    usd: Decimal


type _Item = tuple[str, str, str, Decimal | int, str]


def bill(
    inventory: Inventory, traffic: Traffic, prices: Prices, *, free_tier: bool = False
) -> list[Line]:
    """Work out what a month costs, line by line; lines of nothing are left out."""
    items: Iterable[_Item] = (*_of_events(inventory, traffic), *_of_functions(inventory, traffic),
             *_of_queues(inventory, traffic), *_of_tables(inventory, traffic),
             *_of_keys(inventory, traffic), *_fixed(inventory))  # fmt: skip
    lines = [_line(prices, item) for item in items if item[3]]
    return [*lines, *(_freed(lines, prices) if free_tier else ())]


def total(lines: Iterable[Line]) -> Decimal:
    """Add up lines."""
    return sum((line.usd for line in lines), Decimal(0))


def batch_of(mapping: QueueMapping, files: Decimal) -> Decimal:
    """Say how many messages an invocation gets on average, of files that come evenly."""
    collected = files * mapping.window_seconds / MONTH_SECONDS
    return min(Decimal(mapping.batch_size), max(Decimal(1), collected))


def _line(prices: Prices, item: _Item) -> Line:
    service, what, how, quantity, price = item
    amount = Decimal(quantity)
    usd = prices.prices[price].of(amount)
    return Line(service=service, what=what, how=how, quantity=amount, price=price, usd=usd)


def _freed(lines: list[Line], prices: Prices) -> Iterator[Line]:
    """Take off what an account has free of charge: a line for each price."""
    for allowance in prices.free.values():
        left = allowance.quantity
        for price in allowance.prices:
            some = [line for line in lines if line.price == price]
            used = min(left, sum((line.quantity for line in some), Decimal(0)))
            if used:
                left -= used
                what = f"free tier of {price.replace('_', ' ')}"
                how = f"{allowance.quantity:,.0f} for the account"
                yield _line(prices, (some[0].service, what, how, -used, price))


def _of_events(inventory: Inventory, traffic: Traffic) -> Iterator[_Item]:
    files, reached = Decimal(traffic.files), inventory.reached
    event_gb = files * EVENT_BYTES / GB
    if EVENTBRIDGE in reached:
        outputs = traffic.files_of(*inventory.writing_beside)
        how = "files, and outputs in the same bucket" if outputs else "files"
        yield "EventBridge", "events of the bucket", how, files + outputs, "eventbridge_events"
        for days in inventory.archive_days:
            how = f"files x {EVENT_BYTES} bytes of event"
            yield "EventBridge", "events archived", how, event_gb, "eventbridge_archive"
            months = Decimal(days or FOR_EVER_DAYS) / _MONTH_DAYS
            how += f" x {days or FOR_EVER_DAYS} days / {_MONTH_DAYS}"
            kept = event_gb * months
            yield "EventBridge", "archive kept", how, kept, "eventbridge_archive_storage"
    for topic in inventory.topics:
        if topic in reached:
            count = files * len(inventory.sources_of(topic))
            yield "SNS", "messages published", "files", count, "sns_publishes"
            bodies = sum(e.source == topic and e.looks_into_bodies for e in inventory.edges)
            how = f"files x {EVENT_BYTES} bytes x {bodies} filter policies"
            scanned = count * EVENT_BYTES * bodies / GB
            yield "SNS", "bodies looked into by filter policies", how, scanned, "sns_filtering"
    yield "S3", "files uploaded", "files", files, "s3_writes"
    stored = files * traffic.file_bytes / GB
    kept, how = _kept(stored, inventory.expire_days)
    yield "S3", "files kept for a month", f"files x size{how}", kept, "s3_storage"


def _kept(gb: Decimal, days: int) -> tuple[Decimal, str]:
    """Give the GB-months of what comes in a month: with deletion after days, those of all kept."""
    return (gb * days / _MONTH_DAYS, f" x {days} days / {_MONTH_DAYS}") if days else (gb, "")


class _Feed(NamedTuple):
    """A way that files come to a function: how many, and on average its tries of each."""

    files: Decimal
    tries: Decimal
    files_in_an_invocation: Decimal


def _feeds(inventory: Inventory, traffic: Traffic, address: str) -> list[_Feed]:
    function = inventory.functions[address]
    files = traffic.files_of(function)
    again = 1 + traffic.failures * function.retries
    feeds = [_Feed(files, again, Decimal(1)) for _ in inventory.sources_of(address)]
    for mapping in inventory.mappings:
        if mapping.function == address and mapping.enabled and mapping.queue in inventory.reached:
            queue = inventory.queues[mapping.queue]
            again = 1 + traffic.failures * (queue.max_receive_count - 1)
            ways = len(inventory.sources_of(mapping.queue))
            feeds.append(_Feed(files * ways, again, batch_of(mapping, files * ways)))
    return feeds


def _of_functions(inventory: Inventory, traffic: Traffic) -> Iterator[_Item]:
    for address, function in inventory.functions.items():
        feeds = _feeds(inventory, traffic, address)
        if not feeds:
            continue
        name = function.name
        files = sum(feed.files for feed in feeds)
        handled = sum(feed.files * feed.tries for feed in feeds)
        invocations = sum(feed.files * feed.tries / feed.files_in_an_invocation for feed in feeds)
        seconds = handled * traffic.seconds_for(function)
        tries = " x tries" if traffic.failures else ""
        how = f"its files{tries} / files in a batch"
        yield "Lambda", f"{name}: invocations", how, invocations, "lambda_requests"
        how = f"its files{tries} x {traffic.seconds_for(function)} s x {function.memory_mb} MB"
        gb_seconds = seconds * function.memory_mb / KB
        compute = f"lambda_{function.architecture}_gb_seconds"
        yield "Lambda", f"{name}: computing", how, gb_seconds, compute
        extra = max(0, function.storage_mb - 512)
        how = f"its files{tries} x seconds x {extra} MB beyond 512"
        storage = seconds * extra / KB
        yield "Lambda", f"{name}: storage in /tmp", how, storage, "lambda_storage_gb_seconds"
        how = f"each once{tries}"
        yield "S3", f"{name}: files read", how, handled, "s3_reads"
        yield from _of_output(inventory, traffic, function, files * (1 - traffic.failures))
        yield from _of_logs(function, handled * traffic.log_bytes / GB)


def _of_output(
    inventory: Inventory, traffic: Traffic, function: Function, done: Decimal
) -> Iterator[_Item]:
    if function.writes_output:
        name, ratio = function.name, traffic.output_ratio_for(function)
        yield "S3", f"{name}: files written", "one for each file", done, "s3_writes"
        days = inventory.output_expire_days if function.output_in_bucket else 0
        kept, how = _kept(done * traffic.file_bytes * ratio / GB, days)
        how = f"its files x size x {ratio}{how}"
        yield "S3", f"{name}: output kept for a month", how, kept, "s3_storage"


def _of_logs(function: Function, logged: Decimal) -> Iterator[_Item]:
    name, days = function.name, function.log_retention_days or FOR_EVER_DAYS
    yield "CloudWatch", f"{name}: logs written", "bytes logged for a file", logged, "logs_ingestion"
    kept, how = _kept(logged, days)
    yield "CloudWatch", f"{name}: logs kept", f"logs written{how}", kept, "logs_storage"
    metrics = METRICS if function.emits_metrics else 0
    yield "CloudWatch", f"{name}: metrics", "of the runtime", metrics, "metrics"


def _of_queues(inventory: Inventory, traffic: Traffic) -> Iterator[_Item]:
    for mapping in inventory.mappings:
        queue, function = inventory.queues.get(mapping.queue), inventory.functions[mapping.function]
        if queue is None:
            continue
        price = "sqs_fifo_requests" if queue.fifo else "sqs_requests"
        sent = traffic.files_of(function) * len(inventory.sources_of(mapping.queue))
        received = Decimal(0)
        yield "SQS", f"{function.name}: messages sent", "its files", sent, price
        if not mapping.enabled:
            continue
        if sent:
            at_once = min(batch_of(mapping, sent), Decimal(MESSAGES_A_REQUEST))
            received = sent * (1 + traffic.failures * (queue.max_receive_count - 1)) / at_once
            deleted = sent * (1 - traffic.failures) / at_once
            how = "a request to receive and one to delete for up to 10 messages of a batch"
            what = f"{function.name}: messages received and deleted"
            yield "SQS", what, how, received + deleted, price
        asked = Decimal(POLLERS * MONTH_SECONDS) / POLL_SECONDS
        how = f"{POLLERS} pollers, every {POLL_SECONDS} s, less those that received"
        idle = max(Decimal(0), asked - received)
        yield "SQS", f"{function.name}: asking an empty queue", how, idle, price


def _of_tables(inventory: Inventory, traffic: Traffic) -> Iterator[_Item]:
    loading = [one for one in inventory.consumers if one.writes_items]
    for table in inventory.tables:
        files = traffic.files_of(*writers_of(inventory, table))
        items = files if table.is_ledger else files * traffic.items
        each = 1 if table.is_ledger else -(-traffic.item_bytes // int(KB))
        writes = LEDGER_WRITES if table.is_ledger else each * table.copies
        how = f"items x {writes} write units"
        if table.write_units or table.read_units:
            hours = MONTH_SECONDS // 3600
            provisioned = (("write", table.write_units), ("read", table.read_units))
            for what, units in provisioned:
                how = f"{units} units x {hours} hours"
                price = f"dynamodb_{what}_capacity"
                yield "DynamoDB", f"{table.name}: {what} capacity", how, units * hours, price
        else:
            yield "DynamoDB", f"{table.name}: items written", how, items * writes, "dynamodb_writes"
        stored = items * (int(KB) if table.is_ledger else traffic.item_bytes) * table.copies / GB
        how = "a month's items x size"
        yield "DynamoDB", f"{table.name}: items kept for a month", how, stored, "dynamodb_storage"
        recovery = stored if table.has_recovery else 0
        yield "DynamoDB", f"{table.name}: backups for recovery", how, recovery, "dynamodb_recovery"
    if all(table.is_ledger for table in inventory.tables):
        # Their table is not of this plan.
        for one in loading:
            items = traffic.files_of(one) * traffic.items * -(-traffic.item_bytes // int(KB))
            how = "its files x items x KB"
            yield "DynamoDB", f"{one.name}: items written", how, items, "dynamodb_writes"


def writers_of(inventory: Inventory, table: Table) -> list[Function]:
    """Say who writes to a table: all consumers to a ledger, and to another those that load."""
    loading = [one for one in inventory.consumers if one.writes_items]
    return inventory.consumers if table.is_ledger else loading or inventory.consumers


def _of_keys(inventory: Inventory, traffic: Traffic) -> Iterator[_Item]:
    """Count the requests to KMS: a data key is asked for again once it has had its time."""
    reached = inventory.reached
    periods = Decimal(MONTH_SECONDS) / DATA_KEY_SECONDS
    how = f"{{}} for each of {periods:,.0f} periods of {DATA_KEY_SECONDS} s"
    files, asked = Decimal(traffic.files), "kms_requests"
    for topic, encrypted in inventory.topics.items():
        if encrypted and topic in reached:
            count = min(periods, files) * 2
            yield "KMS", "requests of the topic", how.format(2), count, asked
    for address, queue in inventory.queues.items():
        if queue.encrypted and address in reached:
            count = min(periods, files) * 3
            yield "KMS", f"requests of queue {queue.name}", how.format(3), count, asked
    if inventory.asks_key_for_each_file:
        outputs = traffic.files_of(*inventory.writing_beside)
        reads = traffic.files_of(*inventory.consumers)
        how = "files written and read"
        yield "KMS", "requests of the bucket", how, files + outputs + reads, asked


def _fixed(inventory: Inventory) -> Iterator[_Item]:
    watched = sum(inventory.alarms.values())
    yield "CloudWatch", "alarms", "metrics they watch", watched, "alarms"
    yield "CloudWatch", "fast alarms", "metrics they watch", inventory.fast_alarms, "fast_alarms"
    yield "CloudWatch", "dashboards", "in the plan", inventory.dashboards, "dashboards"
    yield "KMS", "customer-managed keys", "in the plan", inventory.keys, "kms_keys"
