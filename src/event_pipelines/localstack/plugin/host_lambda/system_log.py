"""Lambda's own log lines for an invocation, as text or as JSON.

https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Report:
    """The data of an invocation's REPORT line.

    Attributes
    ----------
    status
        ``success``, ``error``, ``failure`` (the process ended) or ``timeout``.
    init_ms
        The duration of init, if it was part of this invocation.
    """

    request_id: str
    status: str
    duration_ms: float
    memory_mb: int
    peak_memory_mb: int
    init_ms: float | None = None


def start(request_id: str, version: str, *, as_json: bool) -> str:
    """Return the line for the start of an invocation."""
    if as_json:
        return _event("platform.start", {"requestId": request_id, "version": version})
    return f"START RequestId: {request_id} Version: {version}\n"


def end(report: Report, *, as_json: bool) -> str:
    """Return the lines for the end of an invocation."""
    billed = math.ceil(report.duration_ms)
    if as_json:
        metrics: dict[str, float] = {
            "durationMs": round(report.duration_ms, 3),
            "billedDurationMs": billed,
            "memorySizeMB": report.memory_mb,
            "maxMemoryUsedMB": report.peak_memory_mb,
        }
        if report.init_ms is not None:
            metrics["initDurationMs"] = round(report.init_ms, 3)
        return _event(
            "platform.report",
            {"requestId": report.request_id, "metrics": metrics, "status": report.status},
        )
    fields = [
        f"REPORT RequestId: {report.request_id}",
        f"Duration: {report.duration_ms:.2f} ms",
        f"Billed Duration: {billed} ms",
        f"Memory Size: {report.memory_mb} MB",
        f"Max Memory Used: {report.peak_memory_mb} MB",
    ]
    if report.init_ms is not None:
        fields.append(f"Init Duration: {report.init_ms:.2f} ms")
    return f"END RequestId: {report.request_id}\n" + "\t".join(fields) + "\t\n"


def _event(kind: str, record: dict[str, object]) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": now, "type": kind, "record": record}) + "\n"
