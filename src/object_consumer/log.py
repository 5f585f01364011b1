"""Log lines and metrics: one JSON document per line on standard output.

Lambda stores a JSON line unchanged, whatever the log format, and filters by its `level`
if the line has a valid RFC 3339 `timestamp`, see
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from object_consumer.outcomes import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from object_consumer.configuration import Configuration
    from object_consumer.events import ObjectEvent

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
_MAX_VALUES = 100
# Of a log event, 26 bytes are CloudWatch's own. It takes 1 MB by now, and took 256 KB before:
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_MAX_LINE = 256 * 1024 - 26
# For omitted fields: how many are named, with how many characters, and the space reserved for that.
_MAX_NAMES, _MAX_NAME, _MAX_OMITTED = 10, 100, 8 * 1024

_LEVELS = {
    Status.DONE: "INFO",
    Status.SKIPPED: "INFO",
    Status.CONTINUED: "INFO",
    Status.RETRY: "WARN",
    Status.PERMANENT: "ERROR",
}

type Clock = Callable[[], datetime]


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


class Log:
    """Writes the lines of one invocation.

    Parameters
    ----------
    context
        Fields of every line, such as the request ID.
    clock
        Returns the time of a line.
    """

    def __init__(self, context: Mapping[str, object], clock: Clock = now) -> None:
        self._context = {name: value for name, value in context.items() if value not in ("", None)}
        self.clock = clock
        self._closed = False
        self._lock = threading.Lock()

    def write(self, level: str, message: str, fields: Mapping[str, object]) -> None:
        """Write one line.

        Fields that are None are omitted. No field replaces one of the context, and no value causes
        an error.
        """
        line: dict[str, object] = {
            "timestamp": self.clock().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": level,
            "message": message,
            **self._context,
        }
        line |= {
            name: value for name, value in fields.items() if value is not None and name not in line
        }
        with self._lock:
            if not self._closed:
                emit(_fitted(line))

    def close(self) -> None:
        """Stop writing: a line of a remaining thread would appear in a later invocation."""
        with self._lock:
            self._closed = True


def _fitted(line: Mapping[str, object]) -> Mapping[str, object]:
    """Omit the largest fields of a line that is too long: a split line would not be valid JSON."""
    excess = len(_encode(line).encode()) - _MAX_LINE
    if excess <= 0:
        return line
    sizes = {name: len(_encode({name: value}).encode()) for name, value in line.items()}
    omitted: list[str] = []
    # The rest of the line names the omitted fields.
    excess += _MAX_OMITTED
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if excess <= 0:
            break
        omitted.append(name)
        excess -= sizes[name]
    told = [name[:_MAX_NAME] for name in omitted[:_MAX_NAMES]]
    return {name: value for name, value in line.items() if name not in omitted} | {
        "omitted_fields": told
    }


def emit(document: Mapping[str, object]) -> None:
    """Write a document as one line, in one call, so that lines of different threads don't mix."""
    sys.stdout.write(_encode(document) + "\n")
    sys.stdout.flush()


def object_line(
    event: ObjectEvent, outcome: Outcome, *, duration: float
) -> tuple[str, str, dict[str, object]]:
    """Return level, message and fields of the line about one object.

    The result of the consumer's function comes first, so that it can't replace the runtime's
    fields.
    """
    return (
        _LEVELS[outcome.status],
        f"object {outcome.status}",
        {
            **outcome.fields,
            "outcome": str(outcome.status),
            "reason": outcome.reason,
            "error_type": outcome.error_type,
            "error_message": outcome.error_message,
            "stack": outcome.stack,
            "progress": outcome.progress,
            "bucket": event.bucket,
            "key": event.key,
            "version_id": event.version_id,
            "size": event.size,
            "event_name": event.event_name,
            "event_time": event.event_time,
            "duration_ms": round(duration * 1000, 1),
        },
    )


class Tally:
    """The counts of one batch, for its metrics."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.ages: list[float] = []
        self.durations: list[float] = []

    def documents(
        self, configuration: Configuration, moment: datetime
    ) -> Iterator[dict[str, object]]:
        """Return documents in CloudWatch's embedded metric format, one per hundred objects."""
        dimensions = {"Pipeline": configuration.pipeline, "Consumer": configuration.consumer}
        dimensions = {name: value for name, value in dimensions.items() if value}
        counts = {name: self.counts[name] for name in COUNTS}
        # Most functions never return Continue; without this metric they don't pay for it.
        counts |= {name: self.counts[name] for name in (CONTINUED,) if self.counts[name]}
        for start in range(0, max(len(self.ages), len(self.durations), 1), _MAX_VALUES):
            chunk = slice(start, start + _MAX_VALUES)
            series = {
                "ObjectAge": ("Seconds", self.ages[chunk]),
                "Duration": ("Milliseconds", self.durations[chunk]),
            }
            metrics: dict[str, tuple[str, int | Sequence[float]]] = {}
            if start == 0:
                metrics |= {name: ("Count", count) for name, count in counts.items()}
            metrics |= {name: (unit, values) for name, (unit, values) in series.items() if values}
            yield _emf(configuration.metrics_namespace or "", moment, dimensions, metrics)


CONTINUED = "ObjectsContinued"
COUNTS = ("ObjectsDone", "ObjectsSkipped", "ObjectsRetried", "ObjectsQuarantined")


def _emf(
    namespace: str,
    moment: datetime,
    dimensions: Mapping[str, str],
    metrics: Mapping[str, tuple[str, int | Sequence[float]]],
) -> dict[str, object]:
    return {
        "_aws": {
            "Timestamp": int(moment.timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": namespace,
                    "Dimensions": [list(dimensions)],
                    "Metrics": [
                        {"Name": name, "Unit": unit} for name, (unit, _) in metrics.items()
                    ],
                }
            ],
        },
        **dimensions,
        **{name: value for name, (_, value) in metrics.items()},
    }


def _encode(document: Mapping[str, object]) -> str:
    try:
        return msgspec.json.encode(document, enc_hook=repr).decode()
    except Exception:  # noqa: BLE001 - whatever a value's code raises
        # A value that can't be encoded, such as a lone surrogate: encode each field separately.
        return msgspec.json.encode({_safe(k): _plain(v) for k, v in document.items()}).decode()


def _plain(value: object) -> object:
    try:
        msgspec.json.encode(value)
    except Exception:  # noqa: BLE001 - as above
        return _safe(value)
    return value


def _safe(value: object) -> str:
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # noqa: BLE001 - the line must be written
        text = type(value).__name__
    return text.encode(errors="backslashreplace").decode()
