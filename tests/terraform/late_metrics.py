"""The root module's alarms on metrics that come late, out of order, with gaps, or never.

LocalStack's metrics are there at once. So the planned settings are evaluated as CloudWatch does it,
on data that a scenario makes up. Each scenario also names an alarm that must fail it, which shows
that it would notice.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from aws_rules.alarms import Alarm, AlarmState, Datum, states
from tools.mocked_terraform import plans_in

MINUTE = 60
# How long after it was published a datum is seen at most; the modules' alarms allow for this.
LATEST = 120
# How many periods beyond EvaluationPeriods are looked at isn't told: none, as in the page, many.
EXTRA_PERIODS = (0, 2, 7)
TIMEOUTS = {"quick": 30, "slow": 300, "slowest": 840}
OBJECTS = 30

PIPELINE = """
mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  name            = "orders"
  bucket          = { name = "example-orders" }
  ledger          = {}
  circuit_breaker = { package = "tests/terraform/packages/load_orders.zip" }
  consumers = {
CONSUMERS  }
}

run "the_alarms_are_planned" {
  command = plan
}
"""
CONSUMER = """    NAME = {
      package         = "tests/terraform/packages/load_orders.zip"
      filter          = { prefixes = ["NAME/"] }
      timeout         = TIMEOUT
      circuit_breaker = true
    }
"""


def configuration() -> str:
    """Write the test that plans a pipeline whose consumers differ by their time-outs."""
    consumers = "".join(
        CONSUMER.replace("NAME", name).replace("TIMEOUT", str(timeout))
        for name, timeout in TIMEOUTS.items()
    )
    return PIPELINE.replace("CONSUMERS", consumers)


def alarms_in(messages: str) -> dict[str, Alarm]:
    """Find the alarms that a test planned, by their names.

    Parameters
    ----------
    messages
        What ``terraform test -json -verbose`` printed.
    """
    return {
        resource["change"]["after"]["alarm_name"]: Alarm.planned(resource["change"]["after"])
        for planned in plans_in(messages)
        for resource in planned["test_plan"]["resource_changes"]
        if resource["type"] == "aws_cloudwatch_metric_alarm"
    }


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is published, and what the alarm has to make of it.

    Attributes
    ----------
    alarm
        The alarm's name.
    rings_by
        When it has to ring at the latest, in seconds; None if it never may.
    wrong
        Makes of the planned alarm one that doesn't do so.
    """

    name: str
    alarm: str
    data: tuple[Datum, ...]
    rings_by: int | None
    wrong: Callable[[Alarm], Alarm]

    def faults(self, alarms: Mapping[str, Alarm]) -> Iterator[str]:
        """Say what the planned alarm does wrong, and whether the wrong one would be noticed."""
        planned = alarms[self.alarm]
        for extra in EXTRA_PERIODS:
            if fault := self._fault(planned, extra):
                yield f"{self.name}: {self.alarm} with {extra} more periods: {fault}"
        if not any(self._fault(self.wrong(planned), extra) for extra in EXTRA_PERIODS):
            yield f"{self.name}: an alarm that is wrong passes, too"

    def _fault(self, alarm: Alarm, extra: int) -> str | None:
        last = max((datum.arrives for datum in self.data), default=0)
        ends = max(last, self.rings_by or 0) + (alarm.evaluation_periods + 5) * alarm.period
        rings = [
            now
            for now, state in states(alarm, self.data, ends, extra_periods=extra)
            if state is AlarmState.ALARM
        ]
        if self.rings_by is None:
            return f"it rings at {rings[0]} s" if rings else None
        if not rings:
            return f"it does not ring; it has to by {self.rings_by} s"
        return f"it rings at {rings[0]} s, not by {self.rings_by} s" * (rings[0] > self.rings_by)


def scenarios() -> list[Scenario]:
    """Make every scenario, with the delays in it."""
    return [*_of_breaker(), *_of_errors()]


def _of_breaker() -> Iterator[Scenario]:
    healthy, broken = _minutes(range(10), done=OBJECTS), _minutes(range(10, 20), retried=OBJECTS)
    begins = 10 * MINUTE
    for name, timeout in TIMEOUTS.items():
        alarm = f"orders-{name}-error-rate"
        for delay in (MINUTE, LATEST):
            yield Scenario(
                f"an outage is noticed though metrics are {delay} s late",
                alarm,
                _late(healthy + broken, lambda _, delay=delay: delay),  # type: ignore[misc]
                rings_by=begins + MINUTE + delay + MINUTE,
                wrong=_filled,
            )
            yield Scenario(
                f"invocations that all run into the time-out are noticed, {delay} s late",
                alarm,
                tuple(
                    Datum("crashed", minute * MINUTE, 12, minute * MINUTE + timeout + delay)
                    for minute in range(20)
                ),
                rings_by=timeout + delay + MINUTE,
                wrong=_filled,
            )
        for seed in range(3):
            jitter = random.Random(seed)  # noqa: S311 (an order, no secret)
            yield Scenario(
                f"an outage is noticed in any order of the metrics ({seed})",
                alarm,
                _late(healthy + broken, lambda _, jitter=jitter: jitter.randint(MINUTE, LATEST)),  # type: ignore[misc]
                rings_by=begins + MINUTE + LATEST + MINUTE,
                wrong=_filled,
            )
            some = _minutes(range(20), done=OBJECTS, retried=3, crashed=4)
            yield Scenario(
                f"healthy traffic does not ring in any order of the metrics ({seed})",
                alarm,
                _late(some, lambda _, jitter=jitter: jitter.randint(0, 3 * LATEST)),  # type: ignore[misc]
                rings_by=None,
                wrong=_without_minimum,
            )
        yield Scenario(
            "every third minute without a good one is noticed",
            alarm,
            _late(_minutes(range(0, 30, 3), retried=OBJECTS), lambda _: LATEST),
            rings_by=MINUTE + LATEST + MINUTE,
            wrong=_filled,
        )
        yield Scenario(
            "every third minute is busy, and well",
            alarm,
            _late(_minutes(range(0, 30, 3), done=OBJECTS), lambda _: LATEST),
            rings_by=None,
            wrong=_breaching,
        )
        yield Scenario("a quiet consumer does not ring", alarm, (), None, wrong=_breaching)
        # Open: what a series without any point does to a sum. Were the sum empty, too, this and the
        # time-outs would not be noticed.
        yield Scenario(
            "a function that never got as far as to publish its own metrics is noticed",
            alarm,
            tuple(Datum("crashed", n * MINUTE, 12, n * MINUTE + LATEST) for n in range(10)),
            rings_by=LATEST + MINUTE,
            wrong=_filled,
        )
        yield Scenario(
            "a few crashes among nothing else are no outage",
            alarm,
            tuple(Datum("crashed", n * MINUTE, 3, n * MINUTE + LATEST) for n in range(10)),
            rings_by=None,
            wrong=_without_minimum,
        )


def _of_errors() -> Iterator[Scenario]:
    for name, timeout in TIMEOUTS.items():
        alarm = f"orders-{name}-function-errors"
        for delay in (0, LATEST):
            # Whenever in its period an invocation begins.
            for begins in (0, 59, 299):
                arrives = begins + timeout + delay
                yield Scenario(
                    f"one time-out is noticed, {delay} s late, that began at {begins} s",
                    alarm,
                    (Datum("metric", begins, 1, arrives),),
                    rings_by=arrives + MINUTE,
                    wrong=_short if arrives - begins > 5 * MINUTE else _deaf,
                )
        quiet = _late(_minutes(range(30), metric=0), lambda _: LATEST)
        yield Scenario("invocations without error do not ring", alarm, quiet, None, wrong=_anything)
        yield Scenario("a quiet function does not ring", alarm, (), None, wrong=_breaching)


def _minutes(minutes: Iterable[int], **values: float) -> tuple[Datum, ...]:
    """Publish these metrics in each of these minutes, and zeros of the others of the breaker."""
    others = {} if "metric" in values else {"crashed": 0.0, "done": 0.0, "retried": 0.0}
    return tuple(
        Datum(metric, minute * MINUTE, value, (minute + 1) * MINUTE)
        for minute in minutes
        for metric, value in (others | values).items()
    )


def _late(data: Iterable[Datum], delay: Callable[[Datum], int]) -> tuple[Datum, ...]:
    """Let data arrive late; the function's own metrics of a minute come together, by its log."""
    delays: dict[tuple[bool, int], int] = {}
    return tuple(
        replace(
            datum,
            arrives=datum.arrives
            + delays.setdefault((datum.metric == "crashed", datum.stamped), delay(datum)),
        )
        for datum in data
    )


def _filled(alarm: Alarm) -> Alarm:
    """Make what the breaker's alarm once was: gaps are filled, and one period decides."""

    names = "|".join(alarm.statistics)
    filled = re.sub(rf"\b({names})\b", r"FILL(\1, 0)", alarm.expression)
    return replace(alarm, expression=filled, evaluation_periods=1, datapoints_to_alarm=1)


def _short(alarm: Alarm) -> Alarm:
    """Make what the alarm on errors once was: one period decides."""
    return replace(alarm, evaluation_periods=1, datapoints_to_alarm=1)


def _without_minimum(alarm: Alarm) -> Alarm:
    return replace(alarm, expression=re.sub(r">= \d+", ">= 1", alarm.expression))


def _breaching(alarm: Alarm) -> Alarm:
    return replace(alarm, treat_missing_data="breaching")


def _deaf(alarm: Alarm) -> Alarm:
    return replace(alarm, threshold=2)


def _anything(alarm: Alarm) -> Alarm:
    return replace(alarm, threshold=0)
