"""What a pipeline is made of, as far as it costs something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Where events start: the bucket's notifications, and the bus they are on when S3 sends them there.
S3, EVENTBRIDGE = "s3", "eventbridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function.

    Attributes
    ----------
    name
        As files' shares and durations are given: the consumer's name, or the function's.
    memory_mb, storage_mb, timeout_seconds
        As configured; of the storage 512 MB are free.
    log_retention_days
        Days that logs are kept; 0 for ever.
    retries
        How often Lambda tries again when an invocation by S3, SNS or EventBridge fails.
    writes_output, output_in_bucket
        Whether it writes a file for each it reads, and whether into the bucket they come from.
    writes_items
        Whether it writes items into a table.
    emits_metrics
        Whether the runtime writes CloudWatch metrics.
    """

    name: str
    architecture: str = "x86_64"
    memory_mb: int = 128
    storage_mb: int = 512
    timeout_seconds: int = 3
    log_retention_days: int = 0
    retries: int = 2
    writes_output: bool = False
    output_in_bucket: bool = False
    writes_items: bool = False
    emits_metrics: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue that isn't a dead-letter queue."""

    name: str
    fifo: bool = False
    encrypted: bool = False
    max_receive_count: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMapping:
    """An event source mapping: what takes messages from a queue to a function."""

    queue: str
    function: str
    batch_size: int = 10
    window_seconds: int = 0
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A DynamoDB table.

    Attributes
    ----------
    is_ledger
        Whether it is a processing ledger, which each consumer writes twice for each file.
    copies
        The table and its indexes: each is written for each item.
    read_units, write_units
        Provisioned capacity; none on demand.
    has_recovery
        Whether point-in-time recovery is on.
    """

    name: str
    is_ledger: bool = False
    copies: int = 1
    read_units: int = 0
    write_units: int = 0
    has_recovery: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A way that events go: from S3, EventBridge or a topic to a topic, a queue or a function.

    ``looks_into_bodies`` says that SNS filters on messages' bodies, which is charged for.
    """

    source: str
    target: str
    looks_into_bodies: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What a pipeline is made of. Resources are known by their addresses.

    Attributes
    ----------
    topics
        Each topic, and whether a key of one's own encrypts it.
    archive_days
        Of each archive of EventBridge the days that events are kept; 0 for ever.
    alarms, fast_alarms
        How many metrics alarms watch, by the metric's name, and how many they look at more often
        than once a minute.
    expire_days, output_expire_days
        After how many days the bucket's files and outputs are deleted; 0 for never.
    asks_key_for_each_file
        Whether files are encrypted with a key of one's own, without a bucket key.
    not_counted
        What may cost something and isn't in the bill.
    """

    functions: Mapping[str, Function] = field(default_factory=dict)
    queues: Mapping[str, Queue] = field(default_factory=dict)
    topics: Mapping[str, bool] = field(default_factory=dict)
    mappings: tuple[QueueMapping, ...] = ()
    edges: tuple[Edge, ...] = ()
    tables: tuple[Table, ...] = ()
    archive_days: tuple[int, ...] = ()
    alarms: Mapping[str, int] = field(default_factory=dict)
    fast_alarms: int = 0
    dashboards: int = 0
    keys: int = 0
    expire_days: int = 0
    output_expire_days: int = 0
    asks_key_for_each_file: bool = False
    not_counted: tuple[str, ...] = ()

    @property
    def reached(self) -> frozenset[str]:
        """Give all that events of the bucket come to."""
        reached = {S3}
        queued = [Edge(one.queue, one.function) for one in self.mappings if one.enabled]
        while new := {
            edge.target
            for edge in (*self.edges, *queued)
            if edge.source in reached and edge.target not in reached
        }:
            reached |= new
        return frozenset(reached)

    def sources_of(self, target: str) -> list[str]:
        """Give where a topic, a queue or a function has its events from, but for queues."""
        reached = self.reached
        return [e.source for e in self.edges if e.target == target and e.source in reached]

    @property
    def consumers(self) -> list[Function]:
        """Give the functions that files come to."""
        return [function for address, function in self.functions.items() if address in self.reached]

    @property
    def writing_beside(self) -> list[Function]:
        """Give the consumers that write into the bucket that their files come from."""
        return [function for function in self.consumers if function.output_in_bucket]

    @property
    def others(self) -> list[Function]:
        """Give the functions that no file comes to."""
        consumers = self.consumers
        return [function for function in self.functions.values() if function not in consumers]
