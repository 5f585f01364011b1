"""Read metrics of CloudWatch, in points of one minute, or of more for a longer time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from event_pipelines.operations.aws import Aws

# One request returns so many points, and CloudWatch keeps short periods for so long:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
_MAX_POINTS = 1_440
_PERIODS = (
    (timedelta(minutes=1), timedelta(days=15)),
    (timedelta(minutes=5), timedelta(days=63)),
    (timedelta(hours=1), timedelta(days=455)),
)
_LONGEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Point:
    """The value of a metric in the period that begins at a time."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its dimension.

    Attributes
    ----------
    namespace, name
        Such as ``AWS/SQS`` and ``NumberOfMessagesDeleted``.
    dimension, of
        Such as ``QueueName``, and the queue's name.
    """

    namespace: str
    name: str
    dimension: str
    of: str


def of_queue(name: str, queue_url: str) -> Metric:
    """Return a metric of a queue.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    return Metric("AWS/SQS", name, "QueueName", queue_url.rpartition("/")[2])


def of_function(name: str, function: str) -> Metric:
    """Return a metric of a function.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    return Metric("AWS/Lambda", name, "FunctionName", function)


def read(
    metric: Metric,
    aws: Aws,
    *,
    begin: datetime,
    end: datetime,
    statistic: Literal["Maximum", "Sum"] = "Sum",
) -> Sequence[Point]:
    """Request the points of a metric, oldest first; periods without a value are not among them."""
    told = aws.cloudwatch.get_metric_statistics(
        Namespace=metric.namespace,
        MetricName=metric.name,
        Dimensions=[{"Name": metric.dimension, "Value": metric.of}],
        StartTime=begin,
        EndTime=end,
        Period=int(period(end - begin).total_seconds()),
        Statistics=[statistic],
    )["Datapoints"]
    points = [Point(point["Timestamp"], point[statistic]) for point in told]
    return sorted(points, key=lambda point: point.at)


def period(span: timedelta) -> timedelta:
    """Return the shortest period that CloudWatch has for a time up to now, in one request."""
    for shortest, kept in _PERIODS:
        if span < kept and span <= shortest * _MAX_POINTS:
            return shortest
    return _LONGEST
