"""A consumer as Lambda would run it, with queues and objects in memory and a clock of its own."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from object_consumer import (
    Continue,
    ObjectEvent,
    ObjectStore,
    PermanentError,
    RetryableError,
    SkippedError,
)
from object_consumer.batch import Limits
from object_consumer.configuration import Configuration
from object_consumer.environment import ExecutionEnvironment
from object_consumer.handler import ConsumerHandler
from object_consumer.ledger import Ledger
from object_consumer.messages import Message
from object_consumer.testing import MemoryStore
from tests.unit.object_consumer.deliveries import notification

type Author = Callable[[ObjectEvent, ObjectStore], Mapping[str, object] | Continue | None]


@dataclass
class FakeQueue:
    """Remembers what the runtime asked of SQS."""

    dead_letters: list[tuple[Message, Mapping[str, Any]]] = field(default_factory=list)
    delays: dict[str, int] = field(default_factory=dict)
    sent_again: list[tuple[Message, int]] = field(default_factory=list)
    failure: Exception | None = None

    def dead_letter(self, message: Message, attributes: Mapping[str, Any]) -> None:
        if self.failure:
            raise self.failure
        self.dead_letters.append((message, attributes))

    def send_again(self, message: Message, delay: int) -> None:
        if self.failure:
            raise self.failure
        self.sent_again.append((message, delay))

    def delay(self, entries: Iterable[tuple[Message, int]]) -> list[str]:
        if self.failure:
            raise self.failure
        self.delays |= {str(message.id): seconds for message, seconds in entries}
        return []


@dataclass
class FakeContext:
    """Lambda's context object; the remaining time is what the test says."""

    aws_request_id: str = "request-1"
    remaining: Callable[[], float] = lambda: 30.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.remaining() * 1000)


def time_for(seconds: float) -> FakeContext:
    """Make a context whose time passes, for what would wait for ever if it failed."""
    end = time.monotonic() + seconds
    return FakeContext(remaining=lambda: end - time.monotonic())


@dataclass
class Consumer:
    """A consumer under test.

    Attributes
    ----------
    author
        What the consumer's author wrote.
    """

    author: Author
    store: MemoryStore = field(default_factory=MemoryStore)
    queue: FakeQueue = field(default_factory=FakeQueue)
    context: FakeContext = field(default_factory=FakeContext)
    concurrency: int = 8
    bytes_in_flight: int = 1_000_000
    settings: dict[str, Any] = field(default_factory=dict)
    ledger: Ledger | None = None
    environment: ExecutionEnvironment | None = None

    def __call__(self, event: object) -> list[str]:
        """Hand over a Lambda event; give the ids of the messages to be tried again."""
        settings = {
            "queue_url": "https://queue",
            "dead_letter_queue_url": "https://dlq",
            "max_receive_count": 5,
            "function_name": "orders-transform",
            **self.settings,
        }
        handler = ConsumerHandler(
            self.author,
            configuration=Configuration(**settings),
            limits=Limits(concurrency=self.concurrency, bytes_in_flight=self.bytes_in_flight),
            transport=self.store.transport,
            queue=self.queue,
            ledger=self.ledger,
            environment=self.environment,
        )
        answer = handler(event, self.context)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def upload(self, key: str, body: bytes = b"content") -> dict[str, Any]:
        """Upload an object; give the notification S3 sends for it."""
        return notification(self.store.upload(key, body))


def read(event: ObjectEvent, store: ObjectStore) -> dict[str, object]:
    return {"bytes": len(store.read(event))}


def by_name(event: ObjectEvent, store: ObjectStore) -> None:
    """Do what the object's name says."""
    match event.key:
        case "permanent":
            raise PermanentError("never will")
        case "retry":
            raise RetryableError("later", retry_after=7)
        case "bug":
            raise KeyError("missing")
        case "skip":
            raise SkippedError("nothing to do")
        case "exit":
            raise SystemExit(1)
