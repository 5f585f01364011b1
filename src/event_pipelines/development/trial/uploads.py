"""Upload files to an applied pipeline, and look up their outcomes."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from event_pipelines.operations import dead_letters
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.discovery import Consumer, Pipeline
from object_consumer import ObjectEvent

FINAL = {"done", "permanent", "skipped"}
# Far more messages than files.
LETTERS = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one file at one consumer.

    Attributes
    ----------
    file, consumer
        The name of the file and of the consumer; no consumer if none wants the file.
    status
        ``done``, ``skipped`` or ``permanent`` from the function's log; ``unwanted``; None so far.
    seconds
        From the end of the upload to the function's log line.
    where
        The output, or the dead-letter queue with the file's message.
    reason
        Why it was dead-lettered, from the message in the dead-letter queue.
    """

    file: str
    consumer: str
    status: str | None = None
    seconds: float | None = None
    where: str = ""
    reason: str = ""

    @property
    def is_pending(self) -> bool:
        """Whether the outcome, or the reason in the dead-letter queue, is still missing."""
        return self.status is None or (self.status == "permanent" and not self.reason)

    @property
    def is_good(self) -> bool:
        """Whether the file was processed."""
        return self.status in {"done", "skipped"}


def faults(outcomes: Iterable[Outcome], dead_letters: Collection[str]) -> Iterator[str]:
    """Yield what is not as expected.

    Parameters
    ----------
    dead_letters
        The files that a consumer has to send to its dead-letter queue.
    """
    found = set()
    for outcome in outcomes:
        if outcome.file in dead_letters and outcome.status == "permanent" and outcome.reason:
            found.add(outcome.file)
        elif not outcome.is_good:
            consumer = outcome.consumer or "no consumer"
            yield f"{outcome.file}: {outcome.status or 'no outcome'} at {consumer}"
    for file in dead_letters:
        if file not in found:
            yield f"{file}: dead-lettered by no consumer"


class TrackedUploads:
    """Uploads files to an applied pipeline, and looks up their outcomes.

    Parameters
    ----------
    pipeline
        The pipeline, as found by the command-line tool.
    """

    def __init__(self, pipeline: Pipeline, aws: Aws) -> None:
        self._pipeline = pipeline
        self._aws = aws
        self._uploaded: dict[str, ObjectEvent] = {}
        self._reasons: dict[tuple[str, str], str] = {}
        self._seen: set[str] = set()

    def upload(self, key: str, body: bytes) -> None:
        """Upload a file to the bucket."""
        self._aws.s3.put_object(Bucket=self._pipeline.bucket, Key=key, Body=body)
        now = datetime.now(UTC)
        self._uploaded[key] = ObjectEvent(
            bucket=self._pipeline.bucket,
            key=key,
            event_name="ObjectCreated:Put",
            event_time=now,
            size=len(body),
        )

    def outcomes(self, key: str | None = None) -> list[Outcome]:
        """Return the outcome of each file, or of one, at each consumer that wants it so far."""
        uploaded = [event for event in self._uploaded.values() if key in {None, event.key}]
        consumers = self._pipeline.consumers.values()
        found: list[Outcome] = []
        for consumer in consumers:
            lines = self._log_lines(consumer.log_group)
            found += [
                self._outcome(event, consumer, lines.get(event.key))
                for event in uploaded
                if consumer.wanted.wants(event)
            ]
        for event in uploaded:
            if not any(consumer.wanted.wants(event) for consumer in consumers):
                found.append(Outcome(_name(event), "", "unwanted"))
        return sorted(found, key=lambda outcome: (outcome.file, outcome.consumer))

    def _outcome(
        self, event: ObjectEvent, consumer: Consumer, line: Mapping[str, Any] | None
    ) -> Outcome:
        file = _name(event)
        if line is None:
            return Outcome(file, consumer.name)
        logged = datetime.fromisoformat(line["timestamp"])
        seconds = max(0.0, (logged - event.event_time).total_seconds())
        if line["outcome"] == "permanent":
            queue = (consumer.dead_letter_queue_url or "").rpartition("/")[2]
            reason = self._reason(consumer, event.key)
            return Outcome(file, consumer.name, "permanent", seconds, queue, reason)
        if output := line.get("output"):
            self._check_exists(output)
        return Outcome(file, consumer.name, line["outcome"], seconds, output or consumer.log_group)

    def _check_exists(self, uri: str) -> None:
        """Check that the output named in the log exists; raises botocore's ClientError if not."""
        if uri not in self._seen:
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            self._aws.s3.head_object(Bucket=bucket, Key=key)
            self._seen.add(uri)

    def _log_lines(self, group: str) -> dict[str, Mapping[str, Any]]:
        """Return the last log line about each finished object."""
        lines = {}
        for page in self._aws.logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            for event in page["events"]:
                if event["message"].startswith("{"):
                    line = json.loads(event["message"])
                    if line.get("outcome") in FINAL:
                        lines[line["key"]] = line
        return lines

    def _reason(self, consumer: Consumer, key: str) -> str:
        """Find the message about a file in the dead-letter queue, and leave it there."""
        if (consumer.name, key) not in self._reasons:
            for letter in dead_letters.look(consumer, self._aws, limit=LETTERS).letters:
                for event in letter.events:
                    self._reasons[consumer.name, event.key] = letter.error_message
        return self._reasons.get((consumer.name, key), "")


def _name(event: ObjectEvent) -> str:
    return event.key.rpartition("/")[2]
