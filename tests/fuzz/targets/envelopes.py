"""A message's text: object events, or errors that say why not, and nothing else."""

from __future__ import annotations

import json
import re
from datetime import UTC
from functools import partial
from urllib.parse import urlsplit

from object_consumer.addressing import choose_region, endpoint
from object_consumer.envelopes import Contents, decode
from object_consumer.errors import MessageFormatError, PermanentError
from object_consumer.events import ObjectEvent
from tests.fuzz import strategies
from tests.fuzz.metering import Bound
from tests.fuzz.target import Target, promise, promise_words

_ENVIRONMENT = {"AWS_REGION": "eu-west-1"}
_S3 = re.compile(r"([a-z0-9-]{3,63}\.)?s3\.[a-z0-9-]{1,32}\.amazonaws\.com", re.ASCII)


def work(data: bytes) -> Contents:
    return decode(data.decode(errors="surrogateescape"))


def judge(data: bytes, contents: Contents) -> None:
    promise(
        contents.events or contents.errors or b"TestEvent" in data or b"\\" in data,
        "a message without an event has no error",
    )
    for error in contents.errors:
        promise(type(error) is MessageFormatError, f"a part failed with {error!r}")
        promise_words(str(error), data)
    for event in contents.events:
        promise(event.bucket and event.key and event.event_name, f"an empty name in {event}")
        promise(event.event_time.tzinfo is UTC, f"{event.event_time!r} is not in UTC")
        _judge_address(event)
        promise(event.size is None or event.size >= 0, f"a size of {event.size}")


def _judge_address(event: ObjectEvent) -> None:
    """Whoever is asked for the object gets the function's session token: it has to be S3."""
    try:
        address, _ = endpoint(event.bucket, choose_region(event.region, _ENVIRONMENT))
    except PermanentError:
        return
    parts = urlsplit(address)
    promise(
        parts.scheme == "https" and parts.netloc == parts.hostname and _S3.fullmatch(parts.netloc),
        f"the request for {event} goes to {address}",
    )
    promise(not parts.path and not parts.query and not parts.fragment, f"more in {address}")


def _nested(depth: int) -> bytes:
    return strategies.nested(depth, "[", "]").encode()


def _records(record: str, count: int) -> bytes:
    return b'{"Records":%b}' % strategies.repeated(record, count).encode()


TARGET = Target(
    work=work,
    judge=judge,
    inputs=strategies.messages().map(lambda text: text.encode(errors="surrogatepass")),
    example=strategies.in_sns(strategies.notification("a.csv")).encode(),
    known={f"nested {depth} deep": partial(_nested, depth) for depth in (9_992, 9_993, 100_000)}
    | {
        "records that are none": lambda: _records("[]", 5_000),
        "deep records": lambda: _records(strategies.nested(900, "[", "]"), 100),
        "half a surrogate pair": lambda: b'{"Records":[{"s3":"\\ud800"}]}',
        "another host": lambda: strategies.notification("a").replace("eu-west-1", "@h:1/").encode(),
    },
    # msgspec makes a list, dict or text of a few bytes: `[]` takes 56 of its own.
    bound=Bound(bytes_each=160, steps_each=6),
    tokens=tuple(
        json.dumps(word).encode()
        for word in (
            *(
                "Records",
                "s3",
                "Sns",
                "Message",
                "Type",
                "Notification",
                "SubscriptionConfirmation",
            ),
            *("requestPayload", "requestContext", "detail-type", "source", "aws.s3", "detail"),
            *("Service", "Amazon S3", "Event", "s3:TestEvent", "bucket", "name", "object", "key"),
            *("eventVersion", "eventName", "eventTime", "awsRegion", "size", "eTag", "versionId"),
            *("sequencer", "Object Created", "Object Deleted", "reason", "2026-01-02T03:04:05Z"),
        )
    ),
)
