"""Evaluate a CloudWatch alarm on metrics that arrive late.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aws_rules.metric_math import Series, evaluate

# A standard-resolution alarm is evaluated every minute, whatever its period.
EVERY_SECONDS = 60
# AWS doesn't document how many periods beyond EvaluationPeriods an alarm fetches; the examples on
# its page have two.
EXTRA_PERIODS = 2

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
}
_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {"Sum": sum, "Maximum": max}


class AlarmState(StrEnum):
    """An alarm's state."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class UndocumentedError(Exception):
    """AWS doesn't document what CloudWatch does in this case."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm's settings, as in PutMetricAlarm.

    Attributes
    ----------
    expression
        The metric math expression, or the ID of the only metric.
    statistics
        The statistic of each metric, by the metric's ID.
    period
        In seconds.
    """

    expression: str
    statistics: Mapping[str, str]
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison_operator: str = "GreaterThanOrEqualToThreshold"
    treat_missing_data: str = "missing"

    @classmethod
    def planned(cls, settings: Mapping[str, Any]) -> "Alarm":
        """Create an alarm from the values of an ``aws_cloudwatch_metric_alarm`` in a plan."""
        queries = settings["metric_query"]
        if queries:
            (result,) = (query for query in queries if query["return_data"])
            metrics = {query["id"]: query["metric"][0] for query in queries if query["metric"]}
            statistics = {name: metric["stat"] for name, metric in metrics.items()}
            (period,) = {int(metric["period"]) for metric in metrics.values()}
            expression = result["expression"] or result["id"]
        else:
            expression, period = "metric", int(settings["period"])
            statistics = {expression: settings["statistic"]}
        evaluation_periods = int(settings["evaluation_periods"])
        return cls(
            expression=expression,
            statistics=statistics,
            period=period,
            evaluation_periods=evaluation_periods,
            datapoints_to_alarm=int(settings["datapoints_to_alarm"] or evaluation_periods),
            threshold=float(settings["threshold"]),
            comparison_operator=settings["comparison_operator"],
            treat_missing_data=settings["treat_missing_data"] or "missing",
        )

    def breaches(self, value: float) -> bool:
        """Return whether a value breaches the threshold."""
        return _OPERATORS[self.comparison_operator](value, self.threshold)


@dataclass(frozen=True, slots=True)
class Datum:
    """A value that was published.

    Attributes
    ----------
    metric
        The metric's ID in the alarm.
    stamped
        The timestamp, in seconds.
    arrives
        When it becomes visible to alarms, in seconds.
    """

    metric: str
    stamped: int
    value: float
    arrives: int


def states(
    alarm: Alarm, data: Iterable[Datum], ends: int, *, extra_periods: int = EXTRA_PERIODS
) -> Iterator[tuple[int, AlarmState]]:
    """Yield an alarm's state at each of its evaluations, with their times in seconds.

    Parameters
    ----------
    data
        All published values, in any order.
    ends
        The time of the last evaluation, in seconds; the first is at the end of the first minute.
    extra_periods
        How many periods the alarm fetches in addition to EvaluationPeriods.
    """
    waiting = sorted(data, key=lambda datum: datum.arrives, reverse=True)
    visible: dict[str, list[Datum]] = {name: [] for name in alarm.statistics}
    state = AlarmState.INSUFFICIENT_DATA
    for now in range(EVERY_SECONDS, ends + 1, EVERY_SECONDS):
        while waiting and waiting[-1].arrives <= now:
            datum = waiting.pop()
            visible[datum.metric].append(datum)
        # The window slides: periods end at the evaluation, not at multiples of the period.
        count = alarm.evaluation_periods + extra_periods
        periods = range(now - alarm.period * count, now, alarm.period)
        metrics = {
            name: _aggregated(visible[name], statistic, periods)
            for name, statistic in alarm.statistics.items()
        }
        result = evaluate(alarm.expression, metrics, periods)
        state = state_of(alarm, [result.get(period) for period in periods], state)
        yield now, state


def state_of(alarm: Alarm, points: Sequence[float | None], before: AlarmState) -> AlarmState:
    """Return the state that follows from the data points of an evaluation range.

    Parameters
    ----------
    points
        Oldest first; None for a missing data point.
    before
        The previous state, which ``ignore`` keeps.

    Raises
    ------
    UndocumentedError
        AWS's page doesn't define the state.
    """
    breaching = [None if point is None else alarm.breaches(point) for point in points]
    real = [point for point in breaching if point is not None]
    needed, enough = alarm.evaluation_periods, alarm.datapoints_to_alarm
    if len(real) >= needed:
        return AlarmState.ALARM if sum(real[-needed:]) >= enough else AlarmState.OK
    match alarm.treat_missing_data:
        case "notBreaching":
            return AlarmState.ALARM if sum(real) >= enough else AlarmState.OK
        case "breaching":
            filled = needed - len(real)
            return AlarmState.ALARM if sum(real) + filled >= enough else AlarmState.OK
        case "missing" | "ignore" as treatment:
            kept = before if treatment == "ignore" else None
            return _of_missing(breaching, enough, kept)
        case other:
            raise UndocumentedError(f"treat_missing_data = {other}")


def _of_missing(
    breaching: Sequence[bool | None], enough: int, kept: AlarmState | None
) -> AlarmState:
    """Return the state if too few data points exist and missing ones are not filled in.

    Parameters
    ----------
    kept
        The state that missing data keeps; None if missing data means INSUFFICIENT_DATA.
    """
    real = [point for point in breaching if point is not None]
    if not real:
        return kept or AlarmState.INSUFFICIENT_DATA
    if sum(real) >= enough:
        return AlarmState.ALARM
    if not all(real):
        return AlarmState.OK
    # A premature alarm: all data points breach, and they are so old that newer ones should exist.
    oldest = len(breaching) - list(breaching).index(True)
    if oldest >= enough:
        return kept or AlarmState.ALARM
    raise UndocumentedError("all data points breach, but newer ones may still arrive")


def _aggregated(data: Iterable[Datum], statistic: str, periods: range) -> Series:
    values: dict[int, list[float]] = {}
    for datum in data:
        if periods.start <= datum.stamped < periods.stop:
            begins = datum.stamped - (datum.stamped - periods.start) % periods.step
            values.setdefault(begins, []).append(datum.value)
    return {begins: _STATISTICS[statistic](found) for begins, found in values.items()}
