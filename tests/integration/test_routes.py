"""Content-based routing: on every route, each consumer gets exactly the files its filter wants.

One pipeline changes its route under way, in place, and is driven with the same files each time.
"""

import dataclasses
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.configurations import ROUTES
from tests.integration.pipeline import DASHBOARD, AppliedPipeline, Clients
from tests.integration.stacks import Stacks
from tests.integration.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.applies("routes")]

STRANGE = [
    "plain",
    "with spaces and  two",
    "a+b",
    "100%",
    "a%20b%2Fc",
    "this&that=those",
    "café é",
    "日本/売上",
    "🚚",
    "/empty segment",
    'it\'s "quoted" (1) [2] {3}',
    "tilde~star*question?",
    "back\\slash",
    "k" * 900,
]
# Whose filter a route leaves to the function, which logs such a file as skipped: sizes on every
# route, a suffix beside a prefix where a topic's filter policy can ask for one of them only.
LEFT_TO_FUNCTION = {
    "topic": {"sized", "suffixed"},
    "queue": {"sized"},
    "function": {"sized"},
    "eventbridge": {"sized"},
}


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens to an object: an S3 event name without its prefix, key and size."""

    event: str
    key: str
    size: int | None


class Driver:
    """Makes things happen in the bucket, each key in many strange spellings."""

    def __init__(self, pipeline: AppliedPipeline) -> None:
        self._s3 = pipeline.clients.s3
        self._bucket = pipeline.bucket
        self._run = secrets.token_hex(4)

    def everything(self) -> list[Happening]:
        """Upload, copy and delete; give what happened."""
        with ThreadPoolExecutor(8) as pool:
            return [what for some in pool.map(self._all_of, STRANGE) for what in some]

    def _all_of(self, strange: str) -> list[Happening]:
        name = f"{self._run}/{strange}"
        happened = [
            self._put(key, size)
            for key, size in [
                (f"in/{name}", 1),
                (f"my files/é+&=*~/{name}", 1),
                (f"my files/e+&=*~/{name}", 1),
                (f"elsewhere/in/{name}", 1),
                (f"by suffix/{name}.json", 1),
                (f"by suffix/{name} report.csv", 1),
                (f"by suffix/{name}report.csv", 1),
                (f"by suffix/{name}.json.txt", 1),
                (f"other/{name}.json", 1),
                (f"sized/{name}-9", 9),
                (f"sized/{name}-10", 10),
                (f"sized/{name}-100", 100),
                (f"sized/{name}-101", 101),
                (f"copies/{name}", 2),
            ]
        ]
        copy = f"copies/{name} again"
        self._s3.copy_object(
            Bucket=self._bucket,
            Key=copy,
            CopySource={"Bucket": self._bucket, "Key": f"copies/{name}"},
        )
        happened.append(Happening("ObjectCreated:Copy", copy, 2))
        self._s3.delete_object(Bucket=self._bucket, Key=copy)
        happened.append(Happening("ObjectRemoved:DeleteMarkerCreated", copy, None))
        return happened

    def _put(self, key: str, size: int) -> Happening:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=b"x" * size)
        return Happening("ObjectCreated:Put", key, size)


def wants(wanted: Mapping[str, Any], what: Happening) -> bool:
    """Say by a filter's own words whether it wants an event, apart from all the code under test."""
    events = [name.removeprefix("s3:").removesuffix("*") for name in wanted.get("events", [""])]
    sizes = what.size is not None and wanted.get("min_bytes", 0) <= what.size <= wanted.get(
        "max_bytes", 2**63
    )
    return (
        any(what.key.startswith(prefix) for prefix in wanted.get("prefixes", [""]))
        and any(what.key.endswith(suffix) for suffix in wanted.get("suffixes", [""]))
        and any(what.event.startswith(event) for event in events)
        and (sizes or "max_bytes" not in wanted)
    )


@pytest.mark.parametrize("route", ["topic", "queue", "function", "eventbridge"])
def test_each_consumer_gets_exactly_the_files_it_wants(
    stacks: Stacks, clients: Clients, route: str
) -> None:
    stack = dataclasses.replace(
        stacks["routes"], variables={**stacks["routes"].variables, "route": route}
    )
    if route != "topic":
        assert_only_the_route_changes(stack.apply())
    assert stack.changes() == {}
    pipeline = AppliedPipeline(stack.outputs(), clients)

    happened = Driver(pipeline).everything()

    for consumer, settings in ROUTES["consumers"].items():
        expected = {(what.event, what.key) for what in happened if wants(settings["filter"], what)}
        assert expected, f"nothing tests {consumer}"
        keys = {what.key for what in happened}

        def done(status: str, consumer: str = consumer, keys: set[str] = keys) -> set[Any]:
            return {
                (line["event_name"], line["key"])
                for line in pipeline.log_lines(consumer)
                if line.get("outcome") == status and line["key"] in keys
            }

        eventually(
            lambda done=done: done("done"),  # type: ignore[misc]
            until=expected.issubset,
            within=120,
            waiting_for=f"{consumer} to get its files by route {route}",
        )
        assert done("done") == expected
        if consumer not in LEFT_TO_FUNCTION[route]:
            assert done("skipped") == set()


def assert_only_the_route_changes(changes: Mapping[str, str]) -> None:
    """See that an apply touched the notification, EventBridge rules, and the dashboard only."""
    rules = {address for address in changes if address.startswith("module.rules[")}
    assert set(changes) - rules - {DASHBOARD} == {
        "module.notifications[0].aws_s3_bucket_notification.this"
    }
    assert changes["module.notifications[0].aws_s3_bucket_notification.this"] == "update"
    assert all(changes[rule] in {"create", "delete"} for rule in rules)
