"""The periods of metrics: CloudWatch returns so many points, and keeps short ones for so long."""

from datetime import timedelta

import pytest

from event_pipelines.operations.metrics import period


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(minutes=15), timedelta(minutes=1)),
        (timedelta(days=1), timedelta(minutes=1)),
        (timedelta(days=1, minutes=1), timedelta(minutes=5)),
        (timedelta(days=5), timedelta(minutes=5)),
        (timedelta(days=6), timedelta(hours=1)),
        (timedelta(days=60), timedelta(hours=1)),
        (timedelta(days=400), timedelta(days=1)),
    ],
)
def test_the_period_is_the_shortest_that_fits(span: timedelta, expected: timedelta) -> None:
    assert period(span) == expected
