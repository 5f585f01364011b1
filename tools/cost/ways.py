"""Ways to lower a bill: each is tried on the inventory, and the bill worked out again. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tools.cost.inventory import EVENTBRIDGE, S3, Edge, Inventory
from tools.cost.model import Traffic, bill, total
from tools.cost.prices import Prices

_WINDOW_SECONDS, _BATCH = 60, 100
_SMALLEST_MB = 128
_LOG_DAYS, _FILE_DAYS = 7, 7
_TOPIC = "one topic"


@dataclass(frozen=True, slots=True)
class Way:
    """Something that would lower the bill.

    Attributes
    ----------
    what
        What to change.
    loss
        What is lost with it.
    usd
        What it saves a month by itself.
    """

    what: str
    loss: str
    usd: Decimal


def ways(
    inventory: Inventory, traffic: Traffic, prices: Prices, *, free_tier: bool = False
) -> list[Way]:
    """Work out what each change would save by itself, the most first; only what saves anything."""

    def cost(some: Inventory) -> Decimal:
        return total(bill(some, traffic, prices, free_tier=free_tier))

    before = cost(inventory)
    found = [
        Way(what, loss, before - cost(replace(inventory, **changed)))
        for what, loss, changed in _changes(inventory)
    ]
    return sorted((way for way in found if way.usd > 0), key=lambda way: -way.usd)


# What to change, what is lost with it, and what is different in the inventory then.
type _Change = tuple[str, str, dict[str, Any]]


def _changes(inventory: Inventory) -> Iterator[_Change]:
    yield from _of_functions(inventory)
    yield from _of_mappings(inventory)
    yield from _of_routes(inventory)
    if inventory.dashboards:
        yield "no dashboard: dashboard = false", "the overview is gone", {"dashboards": 0}
    if count := inventory.alarms.get("Throttles"):
        what = f'alarms.disabled = ["function_throttles"], {count} of them'
        loss = "the age of the oldest message tells of throttling too, later"
        yield what, loss, {"alarms": {**inventory.alarms, "Throttles": 0}}
    if inventory.archive_days:
        yield "no archive of events", "they can't be replayed", {"archive_days": ()}
    bucket_key = {"asks_key_for_each_file": False}
    if inventory.asks_key_for_each_file:
        yield "a bucket key: bucket_key_enabled = true", "nothing", bucket_key
    if inventory.keys or any(inventory.topics.values()):
        queues = {name: replace(queue, encrypted=False) for name, queue in inventory.queues.items()}
        none = {"topics": dict.fromkeys(inventory.topics, False), "queues": queues, "keys": 0}
        loss = "no key policy of one's own"
        yield "the services' own keys: kms_key_arn = null", loss, {**none, **bucket_key}
    rule, loss = f"a lifecycle rule that deletes {{}} after {_FILE_DAYS} days", "they are gone"
    if not 0 < inventory.expire_days <= _FILE_DAYS:
        yield rule.format("files"), loss, {"expire_days": _FILE_DAYS}
    if inventory.writing_beside and not 0 < inventory.output_expire_days <= _FILE_DAYS:
        yield rule.format("outputs"), loss, {"output_expire_days": _FILE_DAYS}


def _of_functions(inventory: Inventory) -> Iterator[_Change]:
    functions = inventory.functions
    if any(one.architecture == "x86_64" for one in inventory.consumers):
        on_arm = {name: replace(one, architecture="arm64") for name, one in functions.items()}
        yield 'architecture = "arm64"', "packages are made for it", {"functions": on_arm}
    for address, function in functions.items():
        if address not in inventory.reached:
            continue
        name, half = function.name, function.memory_mb // 2
        if half >= _SMALLEST_MB:
            smaller = {"functions": {**functions, address: replace(function, memory_mb=half)}}
            yield f"{name}: memory_size = {half}", "it must be as fast then", smaller
        if not 0 < function.log_retention_days <= _LOG_DAYS:
            shorter = replace(function, log_retention_days=_LOG_DAYS)
            changed = {"functions": {**functions, address: shorter}}
            yield f"{name}: log_retention_days = {_LOG_DAYS}", "older logs are gone", changed


def _of_mappings(inventory: Inventory) -> Iterator[_Change]:
    for index, mapping in enumerate(inventory.mappings):
        name = inventory.functions[mapping.function].name
        queue = inventory.queues.get(mapping.queue)
        if queue is None or not mapping.enabled:
            continue
        if mapping.queue not in inventory.reached:
            changed = replace(mapping, enabled=False)
            what = f"{name}: enabled = false for the mapping of a queue that gets no files"
            loss = "messages moved back from its dead-letter queue stay there"
        elif mapping.window_seconds < _WINDOW_SECONDS and not queue.fifo:
            batch = max(mapping.batch_size, _BATCH)
            changed = replace(mapping, window_seconds=_WINDOW_SECONDS, batch_size=batch)
            what = f"{name}: batching_window_seconds = {_WINDOW_SECONDS}, batch_size = {batch}"
            loss = f"files wait for up to {_WINDOW_SECONDS} s"
        else:
            continue
        others = inventory.mappings[:index], inventory.mappings[index + 1 :]
        yield what, loss, {"mappings": (*others[0], changed, *others[1])}


def _of_routes(inventory: Inventory) -> Iterator[_Change]:
    """Try other ways from the bucket to the consumers."""
    reached = inventory.reached
    edges = [edge for edge in inventory.edges if edge.source in reached]
    if any(edge.looks_into_bodies for edge in edges):
        plain = tuple(replace(edge, looks_into_bodies=False) for edge in inventory.edges)
        what = "filter in the bucket's notification: filter, or route = queue"
        yield what, "its prefixes must exclude each other", {"edges": plain}
    topics = [edge.target for edge in edges if edge.target in inventory.topics]
    ends = {edge.target for edge in edges} - {*inventory.topics, EVENTBRIDGE}
    direct = {"edges": tuple(Edge(S3, end) for end in ends)}
    loss = "no rules, no archive"
    if EVENTBRIDGE not in reached:
        if len(ends) == 1 and topics:
            what = 'route = "queue": one consumer needs no topic'
            yield what, "other queues can't subscribe", direct
    elif len(ends) == 1:
        yield 'route = "queue" instead of EventBridge', loss, direct
    else:
        topic = (topics or [_TOPIC])[0]
        fanned = {
            "edges": (Edge(S3, topic), *(Edge(topic, end) for end in ends)),
            "topics": {**inventory.topics, topic: False},
        }
        yield 'route = "topic" instead of EventBridge', loss, fanned
