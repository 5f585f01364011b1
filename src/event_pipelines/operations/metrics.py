"""Read metrics of CloudWatch, in points of one minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from event_pipelines.operations.aws import Aws

_PERIOD_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Point:
    """The value of a metric in the minute that begins at a time."""

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
    """Request the points of a metric, oldest first; minutes without a value are not among them.

    One request returns up to 1,440 points, those of a day:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
    """
    told = aws.cloudwatch.get_metric_statistics(
        Namespace=metric.namespace,
        MetricName=metric.name,
        Dimensions=[{"Name": metric.dimension, "Value": metric.of}],
        StartTime=begin,
        EndTime=end,
        Period=_PERIOD_SECONDS,
        Statistics=[statistic],
    )["Datapoints"]
    points = [Point(point["Timestamp"], point[statistic]) for point in told]
    return sorted(points, key=lambda point: point.at)
