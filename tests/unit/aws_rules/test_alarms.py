"""Alarms' states, by the tables of CloudWatch's page on missing data.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from dataclasses import replace

import pytest

from aws_rules.alarms import Alarm, AlarmState, Datum, UndocumentedError, state_of, states

THREE_OF_THREE = Alarm(
    expression="m",
    statistics={"m": "Sum"},
    period=60,
    evaluation_periods=3,
    datapoints_to_alarm=3,
    threshold=1,
)
TWO_OF_THREE = replace(THREE_OF_THREE, datapoints_to_alarm=2)
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
OK, ALARM, UNKNOWN = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
KEPT = None


def state(alarm: Alarm, points: str, before: AlarmState) -> AlarmState:
    values = {"0": 0.0, "X": 1.0, "-": None}
    return state_of(alarm, [values[point] for point in points.split()], before)


@pytest.mark.parametrize("before", AlarmState)
@pytest.mark.parametrize(
    ("alarm", "points", "expected"),
    [
        (THREE_OF_THREE, "0 - X - X", (OK, OK, OK, OK)),
        (THREE_OF_THREE, "0 - - - -", (OK, OK, OK, OK)),
        (THREE_OF_THREE, "- - - - -", (UNKNOWN, KEPT, ALARM, OK)),
        (THREE_OF_THREE, "0 X X - X", (ALARM, ALARM, ALARM, ALARM)),
        (THREE_OF_THREE, "- - X - -", (ALARM, KEPT, ALARM, OK)),
        (TWO_OF_THREE, "0 - X - X", (ALARM, ALARM, ALARM, ALARM)),
        (TWO_OF_THREE, "0 0 X 0 X", (ALARM, ALARM, ALARM, ALARM)),
        (TWO_OF_THREE, "0 - X - -", (OK, OK, ALARM, OK)),
        (TWO_OF_THREE, "- - - - 0", (OK, OK, ALARM, OK)),
        (TWO_OF_THREE, "- - - X -", (ALARM, KEPT, ALARM, OK)),
    ],
)
def test_missing_data_is_treated_as_in_the_tables(
    alarm: Alarm, points: str, expected: tuple[AlarmState | None, ...], before: AlarmState
) -> None:
    found = {
        treatment: state(replace(alarm, treat_missing_data=treatment), points, before)
        for treatment in TREATMENTS
    }

    assert found == dict(zip(TREATMENTS, [one or before for one in expected], strict=True))


@pytest.mark.parametrize("points", ["- - - - X", "- - - X -"])
def test_what_the_page_leaves_open_is_refused(points: str) -> None:
    with pytest.raises(UndocumentedError):
        state(THREE_OF_THREE, points, OK)
    with pytest.raises(UndocumentedError):
        state(replace(THREE_OF_THREE, treat_missing_data="guess"), points, OK)


@pytest.mark.parametrize("points", ["- - - X 0", "- - X - 0"])
def test_an_alarm_is_not_premature_once_a_good_point_follows(points: str) -> None:
    assert state(THREE_OF_THREE, points, OK) == OK


def test_a_window_of_five_minutes_slides_from_minute_to_minute() -> None:
    alarm = replace(
        THREE_OF_THREE,
        period=300,
        evaluation_periods=1,
        datapoints_to_alarm=1,
        threshold=2,
        treat_missing_data="notBreaching",
    )
    data = [Datum("m", 290, 1, 290), Datum("m", 310, 1, 310)]

    found = dict(states(alarm, data, 900, extra_periods=0))

    assert [now for now, state in found.items() if state is ALARM] == [360, 420, 480, 540]


def test_a_point_counts_from_when_it_arrives_for_the_period_it_is_of() -> None:
    alarm = replace(
        THREE_OF_THREE, datapoints_to_alarm=1, evaluation_periods=4, treat_missing_data="ignore"
    )
    late, early = Datum("m", 70, 1, 200), Datum("m", 10, 0, 60)

    found = dict(states(alarm, [late, early], 480, extra_periods=0))

    assert found[60] == OK
    assert found[180] == OK
    assert found[240] == ALARM


def test_the_values_of_a_plan_are_read() -> None:
    metric = [{"stat": "Sum", "period": 60, "metric_name": "Errors"}]
    settings = {
        "metric_query": [
            {"id": "rate", "expression": "a / a", "return_data": True, "metric": []},
            {"id": "a", "expression": None, "return_data": False, "metric": metric},
        ],
        "period": None,
        "statistic": None,
        "evaluation_periods": 4,
        "datapoints_to_alarm": None,
        "threshold": 50,
        "comparison_operator": "GreaterThanThreshold",
        "treat_missing_data": "notBreaching",
    }

    read = Alarm.planned(settings)

    assert (read.expression, read.statistics, read.period) == ("a / a", {"a": "Sum"}, 60)
    assert (read.evaluation_periods, read.datapoints_to_alarm) == (4, 4)
    assert not read.breaches(50)
    single = Alarm.planned(settings | {"metric_query": [], "period": 300, "statistic": "Maximum"})
    assert (single.expression, single.statistics) == ("metric", {"metric": "Maximum"})
