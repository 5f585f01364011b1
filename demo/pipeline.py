"""The demonstration's pipeline: its configuration, and how to find the outcome of each file."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from event_pipelines.operations import dead_letters, discovery
from event_pipelines.operations.aws import Aws
from event_pipelines.operations.discovery import Consumer
from event_pipelines.terraform import Progress, Terraform

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent
EXAMPLES = ROOT / "examples"
BROKEN = "broken.json"
# The consumers that read files; the others only log events.
READERS = {"load", "transform"}
FINAL = {"done", "permanent", "skipped"}
# Far more messages than samples.
LETTERS = 100


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A configuration to apply and run: the root module, or one of the examples.

    Attributes
    ----------
    configuration
        The folder of the configuration.
    variables
        Its variables.
    samples
        The folder of the files to upload.
    """

    configuration: Path
    variables: Mapping[str, Any]
    samples: Path

    def terraform(self, report: Callable[[Progress], None]) -> Terraform:
        """Create the Terraform driver that applies it."""
        environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        work = ROOT / "build" / "demo" / datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        return Terraform(self.configuration, work, environment, self.variables, report)


def demonstrations() -> dict[str, Demonstration]:
    """Return the examples by the names of their folders, and the root module by an empty name."""
    variables = json.loads((HERE / "pipeline.tfvars.json").read_text(encoding="utf-8"))
    found = {"": Demonstration(ROOT, variables, HERE / "samples")}
    for file in sorted(EXAMPLES.glob("*/main.tf")):
        name = file.parent.name
        variables = {
            "bucket_name": f"{name}-files",
            "force_destroy": True,
            "name": name,
            "packages": str(ROOT / "build" / "localstack"),
        }
        found[name] = Demonstration(file.parent, variables, EXAMPLES / "samples")
    return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one file at one consumer.

    Attributes
    ----------
    status
        ``done``, ``skipped`` or ``permanent`` from the function's log; None so far.
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
    def is_as_expected(self) -> bool:
        """Whether a valid file is done, and the broken one dead-lettered by those that read it."""
        fails = self.file == BROKEN and self.consumer in READERS
        return (
            (self.status == "permanent" and bool(self.reason)) if fails else self.status == "done"
        )


class TrackedUploads:
    """Uploads files to an applied pipeline, and looks up their outcomes.

    Parameters
    ----------
    outputs
        The outputs of the root module or of an example.
    found
        The same pipeline, as found by the command-line tool.
    """

    def __init__(self, outputs: Mapping[str, Any], found: discovery.Pipeline, aws: Aws) -> None:
        self._outputs = outputs
        self._consumers = found.consumers
        self._aws = aws
        self._uploaded: dict[str, datetime] = {}
        self._reasons: dict[tuple[str, str], str] = {}
        self._seen: set[str] = set()

    def upload(self, key: str, body: bytes) -> None:
        """Upload a file to the bucket."""
        self._aws.s3.put_object(Bucket=self._outputs["bucket"]["name"], Key=key, Body=body)
        self._uploaded[key] = datetime.now(UTC)

    def outcomes(self) -> list[Outcome]:
        """Return the outcome of each file at each consumer so far."""
        found: list[Outcome] = []
        for consumer, parts in self._outputs["consumers"].items():
            lines = self._log_lines(parts["function"]["log_group_name"])
            found += [self._outcome(key, consumer, parts, lines.get(key)) for key in self._uploaded]
        return sorted(found, key=lambda outcome: (outcome.file, outcome.consumer))

    def _outcome(
        self, key: str, consumer: str, parts: Mapping[str, Any], line: Mapping[str, Any] | None
    ) -> Outcome:
        file = key.rpartition("/")[2]
        if line is None:
            return Outcome(file, consumer)
        logged = datetime.fromisoformat(line["timestamp"])
        seconds = max(0.0, (logged - self._uploaded[key]).total_seconds())
        if line["outcome"] == "permanent":
            queue = parts["dead_letter_queue"]
            reason = self._reason(self._consumers[consumer], key)
            return Outcome(file, consumer, "permanent", seconds, queue["name"], reason)
        if output := line.get("output"):
            self._check_exists(output)
        where = output or parts["function"]["log_group_name"]
        return Outcome(file, consumer, line["outcome"], seconds, where)

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
