"""Consumers with millions of log lines and ledger items: how many requests a command needs."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event_pipelines.operations import evidence, invocations, ledger
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.commands import trace
from event_pipelines.operations.logs import LogReader
from event_pipelines.operations.story import Version
from tests.unit.operations.authorizations import Recorder
from tests.unit.operations.command_line import Run
from tests.unit.operations.lambda_lines import IMPORT_FAILED, report
from tests.unit.operations.world import BUCKET, World

# A request scans so much of the log: AWS tells no number, only that it may return no event.
SCANNED_LINES = 10_000


@dataclass
class Log:
    """A log with a thousand lines a second, of which a few match.

    Attributes
    ----------
    matching
        These, by their times.
    requests
        The times between which each request looked.
    """

    matching: dict[datetime, str] = field(default_factory=dict)
    requests: list[tuple[datetime, datetime]] = field(default_factory=list)

    def filter_log_events(
        self,
        *,
        startTime: int,  # noqa: N803
        endTime: int | None = None,  # noqa: N803
        nextToken: str | None = None,  # noqa: N803
        **_: str,
    ) -> dict[str, Any]:
        now = datetime.now(UTC).timestamp() * 1000
        begin = int(nextToken or startTime)
        end = min(begin + SCANNED_LINES, endTime or now)
        moments = [datetime.fromtimestamp(at / 1000, UTC) for at in (begin, end)]
        self.requests.append((moments[0], moments[1]))
        told: dict[str, Any] = {
            "events": [
                {"timestamp": at.timestamp() * 1000, "logStreamName": "one", "message": text}
                for at, text in self.matching.items()
                if moments[0] <= at <= moments[1]
            ]
        }
        if end < (endTime or now):
            told["nextToken"] = str(int(end))
        return told


@pytest.fixture
def log(world: World, monkeypatch: pytest.MonkeyPatch) -> Log:
    """The log of the consumer's function, in place of moto's."""
    made = Log()
    monkeypatch.setattr(Aws, "logs", made)
    return made


def done(at: datetime) -> str:
    return json.dumps(
        {"timestamp": at.isoformat(), "outcome": "done", "bucket": BUCKET, "key": "in/a.json"}
    )


def upload(world: World, at: datetime, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put the file there as if it had been written at a time; return its ETag."""
    world.upload("in/a.json")
    listed = world.aws.s3.list_object_versions(Bucket=BUCKET, Prefix="in/a.json")
    (stored,) = listed["Versions"]
    version = Version(version_id=None, etag=stored["ETag"].strip('"'), at=at, size=stored["Size"])
    monkeypatch.setattr(evidence, "versions", lambda *_: [version])
    return str(version.etag)


def test_the_ledger_says_where_in_the_log_a_file_is(
    world: World, run: Run, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = datetime.now(UTC) - timedelta(days=10)
    finished = written + timedelta(days=3)
    etag = upload(world, written, monkeypatch)
    moments = {"started_at": finished - timedelta(seconds=2), "finished_at": finished}
    world.remember("in/a.json", "SUCCEEDED", version=etag)
    world.update("in/a.json", {name: at.timestamp() * 1000 for name, at in moments.items()})
    log.matching[finished] = done(finished)

    told = run("trace", "in/a.json", "--json")

    (load,) = json.loads(told.output)["consumers"]
    assert (told.code, load["verdict"]) == (0, "done")
    assert [step["what"] for step in load["steps"]] == ["done"]
    # The ten days have 864 million lines: all of them would take 86,400 requests.
    first = [begin for begin, _ in log.requests[:7]]
    assert all(abs(begin - finished) < timedelta(minutes=2) for begin in first)
    assert len(log.requests) == trace._REQUESTS


def test_without_a_ledger_a_file_is_found_by_its_version(
    world: World, run: Run, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = datetime.now(UTC) - timedelta(days=10)
    upload(world, written, monkeypatch)
    log.matching[written] = done(written)
    monkeypatch.setattr(trace, "_REQUESTS", 1000)

    told = run("trace", "in/a.json", "--json")

    (load,) = json.loads(told.output)["consumers"]
    assert (told.code, load["verdict"], load["unread"]) == (0, "done", "")
    # Twenty minutes: five before, for the clocks, and fifteen after.
    assert len(log.requests) == 20 * 60 * 1000 / SCANNED_LINES


def test_what_could_not_be_read_is_told(
    world: World, run: Run, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = datetime.now(UTC) - timedelta(days=10)
    upload(world, written, monkeypatch)

    told = run("trace", "in/a.json")

    assert told.code == 1
    assert "log: its log has too much to be read from" in told.output
    assert "use --since" in told.output
    assert len(log.requests) <= trace._REQUESTS + 3 * invocations.REQUESTS


def test_who_asks_for_all_lines_gets_all(world: World, log: Log) -> None:
    begin = datetime.now(UTC) - timedelta(minutes=20)

    reader = LogReader("group", world.aws, None)
    reader.read("", begin)

    assert reader.unread == ""
    assert len(log.requests) == pytest.approx(120, abs=1)


def test_the_last_failure_is_found_by_the_metric(world: World, run: Run, log: Log) -> None:
    now = datetime.now(UTC)
    log.matching[now - timedelta(seconds=70)] = json.dumps(
        {"level": "ERROR", "errorType": "Runtime.ImportModuleError", "errorMessage": "no module"}
    )
    log.matching[now - timedelta(seconds=69)] = report("error")
    world.measure("AWS/Lambda", "Errors", 3, now - timedelta(seconds=90))

    told = run("status", "--json")

    (trouble,) = json.loads(told.output)["troubles"]["load"]
    assert IMPORT_FAILED.partition(":")[0] in trouble
    assert len(log.requests) <= 3 * invocations.REQUESTS


class Ledger:
    """A table in which a consumer has a million items, of which a request returns a megabyte."""

    def __init__(self) -> None:
        self.pages = 0

    def get_paginator(self, _operation: str) -> "Ledger":
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        while self.pages < 500:
            self.pages += 1
            items = [{"state": {"S": "SUCCEEDED"}}] * 2_000
            yield {"Items": items, "LastEvaluatedKey": {}}


def test_a_large_ledger_is_counted_in_a_few_requests(world: World) -> None:
    table = Ledger()
    world.aws._made["dynamodb"] = table

    counts = ledger.count(world.consumer, world.aws)

    assert counts is not None
    assert (table.pages, counts.is_complete) == (ledger.PAGES, False)
    assert counts.by_state["SUCCEEDED"] == ledger.PAGES * 2_000


def requests(command: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the requests of a command, after the pipeline is found."""
    recorder = Recorder()
    recorder.install(monkeypatch)
    run(*command)
    return Counter(call.name for call in recorder.calls)


def test_a_consumer_without_trouble_takes_a_dozen_requests(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.upload("in/a.json")
    stored = world.aws.s3.head_object(Bucket=BUCKET, Key="in/a.json")
    world.remember("in/a.json", "SUCCEEDED", version=stored["ETag"].strip('"'))
    world.log(stored["LastModified"], done(stored["LastModified"]))

    assert requests(("status",), run, monkeypatch) == {
        "cloudwatch:DescribeAlarms": 1,
        "cloudwatch:GetMetricStatistics": 3,
        "dynamodb:GetItem": 1,
        "dynamodb:Query": 1,
        "logs:FilterLogEvents": 1,
        "s3:GetBucketNotificationConfiguration": 1,
        "sqs:GetQueueAttributes": 2,
    }
    assert requests(("trace", "in/a.json"), run, monkeypatch) == {
        "dynamodb:BatchGetItem": 1,
        "logs:FilterLogEvents": 1,
        "s3:GetBucketNotificationConfiguration": 1,
        "s3:ListObjectVersions": 1,
        "sqs:GetQueueAttributes": 1,
        "sqs:ReceiveMessage": 1,
    }
