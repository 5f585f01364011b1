"""Ways to lower a bill: each is tried on the inventory, and the bill worked out again. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from tools.cost.inventory import EVENTBRIDGE, S3, Edge, Function, Inventory, QueueMapping
from tools.cost.model import Traffic, bill, total
from tools.cost.prices import Prices

_WINDOW_SECONDS, _BATCH = 60, 100
_SMALLEST_MB = 128
_LOG_DAYS, _FILE_DAYS = 7, 7
_THROTTLES = "Throttles"
_TOPIC = "one topic"
_MOVED_BACK = "messages moved back from its dead-letter queue stay there"


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
    found = [Way(what, loss, before - cost(some)) for what, loss, some in _changes(inventory)]
    return sorted((way for way in found if way.usd > 0), key=lambda way: -way.usd)


type _Change = tuple[str, str, Inventory]


def _changes(inventory: Inventory) -> Iterator[_Change]:
    yield from _of_functions(inventory)
    yield from _of_mappings(inventory)
    yield from _of_routes(inventory)
    yield from _of_watching(inventory)
    if inventory.archive_days:
        without = dataclasses.replace(inventory, archive_days=())
        yield "no archive of events", "they can't be replayed", without
    if inventory.asks_key_for_each_file:
        without = dataclasses.replace(inventory, asks_key_for_each_file=False)
        yield "a bucket key: bucket_key_enabled = true", "nothing", without
    if inventory.keys or any(inventory.topics.values()):
        queues = {
            address: dataclasses.replace(queue, encrypted=False)
            for address, queue in inventory.queues.items()
        }
        topics = dict.fromkeys(inventory.topics, False)
        without = dataclasses.replace(
            inventory, keys=0, asks_key_for_each_file=False, topics=topics, queues=queues
        )
        yield "the services' own keys: kms_key_arn = null", "no key policy of one's own", without
    if not 0 < inventory.expire_days <= _FILE_DAYS:
        shorter = dataclasses.replace(inventory, expire_days=_FILE_DAYS)
        yield (
            f"a lifecycle rule that deletes files after {_FILE_DAYS} days",
            "they are gone",
            shorter,
        )
    if any(one.output_in_bucket for one in inventory.consumers) and (
        not 0 < inventory.output_expire_days <= _FILE_DAYS
    ):
        shorter = dataclasses.replace(inventory, output_expire_days=_FILE_DAYS)
        yield (
            f"a lifecycle rule that deletes outputs after {_FILE_DAYS} days",
            "they are gone",
            shorter,
        )


def _of_functions(inventory: Inventory) -> Iterator[_Change]:
    if any(one.architecture == "x86_64" for one in inventory.consumers):
        changed = _functions(inventory, lambda one: dataclasses.replace(one, architecture="arm64"))
        yield 'architecture = "arm64"', "packages are made for it", changed
    for address, function in inventory.functions.items():
        if address not in inventory.reached:
            continue

        def only(change: Callable[[Function], Function], one: str = function.name) -> Inventory:
            return _functions(inventory, lambda f: change(f) if f.name == one else f)

        name, half = function.name, function.memory_mb // 2
        if half >= _SMALLEST_MB:
            smaller = only(lambda f: dataclasses.replace(f, memory_mb=f.memory_mb // 2))
            yield f"{name}: memory_size = {half}", "it must be as fast then", smaller
        if not 0 < function.log_retention_days <= _LOG_DAYS:
            shorter = only(lambda f: dataclasses.replace(f, log_retention_days=_LOG_DAYS))
            yield f"{name}: log_retention_days = {_LOG_DAYS}", "older logs are gone", shorter


def _of_mappings(inventory: Inventory) -> Iterator[_Change]:
    for mapping in inventory.mappings:
        queue, name = (
            inventory.queues.get(mapping.queue),
            inventory.functions[mapping.function].name,
        )
        if queue is None or not mapping.enabled:
            continue
        if mapping.queue not in inventory.reached:
            stopped = _mapping(inventory, mapping, dataclasses.replace(mapping, enabled=False))
            yield (
                f"{name}: enabled = false for the mapping of a queue that gets no files",
                _MOVED_BACK,
                stopped,
            )
        elif mapping.window_seconds < _WINDOW_SECONDS and not queue.fifo:
            batch = max(mapping.batch_size, _BATCH)
            waiting = dataclasses.replace(mapping, window_seconds=_WINDOW_SECONDS, batch_size=batch)
            yield (
                f"{name}: batching_window_seconds = {_WINDOW_SECONDS}, batch_size = {batch}",
                f"files wait for up to {_WINDOW_SECONDS} s",
                _mapping(inventory, mapping, waiting),
            )


def _of_routes(inventory: Inventory) -> Iterator[_Change]:
    """Try other ways from the bucket to the consumers."""
    reached = inventory.reached
    edges = [edge for edge in inventory.edges if edge.source in reached]
    if any(edge.looks_into_bodies for edge in edges):
        plain = tuple(
            dataclasses.replace(edge, looks_into_bodies=False) for edge in inventory.edges
        )
        yield (
            "filter in the bucket's notification: filter, or route = queue",
            "its prefixes must exclude each other",
            dataclasses.replace(inventory, edges=plain),
        )
    topics = [edge.target for edge in edges if edge.target in inventory.topics]
    ends = [edge.target for edge in edges if edge.target not in (*inventory.topics, EVENTBRIDGE)]
    if len(set(ends)) == 1 and topics and EVENTBRIDGE not in reached:
        direct = dataclasses.replace(inventory, edges=(Edge(S3, ends[0]),))
        yield 'route = "queue": one consumer needs no topic', "other queues can't subscribe", direct
    if EVENTBRIDGE in reached:
        if len(set(ends)) == 1:
            direct = dataclasses.replace(inventory, edges=(Edge(S3, ends[0]),))
            yield 'route = "queue" instead of EventBridge', "no rules, no archive", direct
        else:
            topic = (topics or [_TOPIC])[0]
            fanned = (Edge(S3, topic), *(Edge(topic, end) for end in dict.fromkeys(ends)))
            topics_then = {**inventory.topics, topic: False}
            fanned_out = dataclasses.replace(inventory, edges=fanned, topics=topics_then)
            yield 'route = "topic" instead of EventBridge', "no rules, no archive", fanned_out


def _of_watching(inventory: Inventory) -> Iterator[_Change]:
    if inventory.dashboards:
        without = dataclasses.replace(inventory, dashboards=0)
        yield "no dashboard: dashboard = false", "the overview is gone", without
    if count := inventory.alarms.get(_THROTTLES):
        fewer = {name: n for name, n in inventory.alarms.items() if name != _THROTTLES}
        yield (
            f'alarms.disabled = ["function_throttles"], {count} of them',
            "the age of the oldest message tells of throttling too, later",
            dataclasses.replace(inventory, alarms=fewer),
        )


def _functions(inventory: Inventory, change: Callable[[Function], Function]) -> Inventory:
    functions = {address: change(one) for address, one in inventory.functions.items()}
    return dataclasses.replace(inventory, functions=functions)


def _mapping(inventory: Inventory, mapping: QueueMapping, changed: QueueMapping) -> Inventory:
    mappings = tuple(changed if one is mapping else one for one in inventory.mappings)
    return dataclasses.replace(inventory, mappings=mappings)
