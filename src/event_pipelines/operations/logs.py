"""Read a function's log with a limited number of requests, however much it holds.

A request scans a part of the log and may return no events but a token to go on with, so a search
through a large log takes any number of requests:
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from event_pipelines.operations.aws import Aws
from event_pipelines.operations.terminal import utc


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a log.

    Attributes
    ----------
    at
        Its time.
    stream
        Its log stream: that of one execution environment.
    message
        Its text.
    """

    at: datetime
    stream: str
    message: str


@dataclass
class LogReader:
    """Reads a log group until its requests are used up.

    Attributes
    ----------
    log_group
        The log group.
    aws
        The clients.
    requests
        The requests that are left; None for no limit.
    unread
        What it could not read, in words; empty for nothing.
    """

    log_group: str
    aws: Aws
    requests: int | None
    unread: str = field(default="", init=False)

    def read(
        self, pattern: str, begin: datetime, end: datetime | None = None, *, first: bool = False
    ) -> Sequence[Event]:
        """Return the events that match a filter pattern, oldest first.

        Parameters
        ----------
        pattern
            The filter pattern. LocalStack ignores it, so other events are among them there.
        begin, end
            The times between which events are read, both inclusive; None for now.
        first
            Whether to stop at the first events.
        """
        request: dict[str, Any] = {
            "logGroupName": self.log_group,
            "filterPattern": pattern,
            "startTime": _milliseconds(begin),
        }
        if end is not None:
            request["endTime"] = _milliseconds(end)
        found: list[Event] = []
        while True:
            if self.requests == 0:
                told = f"from {utc(found[-1].at if found else begin)}"
                told += f" to {utc(end)}" if end else ""
                self.unread = f"its log has too much to be read {told}"
                break
            if self.requests is not None:
                self.requests -= 1
            try:
                answer = self.aws.logs.filter_log_events(**request)
            except ClientError as error:
                # A function that never ran may have no log group.
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                break
            found += [
                Event(_moment(event["timestamp"]), event["logStreamName"], event["message"])
                for event in answer["events"]
            ]
            request["nextToken"] = answer.get("nextToken")
            if not request["nextToken"] or (first and found):
                break
        return sorted(found, key=lambda event: event.at)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
