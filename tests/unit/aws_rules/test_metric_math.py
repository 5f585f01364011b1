"""Metric math, by the examples of CloudWatch's page on it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import pytest

from aws_rules.metric_math import MetricMathError, evaluate


def series(text: str) -> dict[int, float]:
    """Read a series as the page writes them: a dash is a missing value."""
    return {n: float(value) for n, value in enumerate(text.split()) if value != "-"}


def result(expression: str, **metrics: str) -> dict[int, float]:
    read = {name: series(text) for name, text in metrics.items()}
    return dict(evaluate(expression, read, range(5)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(metric1 < metric2)", "0 0 1 0"),
        ("(metric1 >= 30)", "1 0 0 0"),
        ("(metric1 > 15 AND metric2 > 15)", "1 0 0 0"),
        ("(metric1 > 15 && metric2 > 15)", "1 0 0 0"),
        ("(metric1 > 15 OR metric2 > 15)", "1 1 1 0"),
    ],
)
def test_comparisons_take_what_is_missing_for_zero(expression: str, expected: str) -> None:
    assert result(expression, metric1="30 20 0 0", metric2="20 - 20 -") == series(expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(metric1, metric2, metric3)", "30 0 20 - -"),
        ("IF(metric1, 5, metric3)", "5 5 20 - -"),
        ("IF(metric1, metric2, 5)", "30 0 5 5 -"),
        ("IF(metric1, metric2)", "30 0 - - -"),
        ("IF(1, metric2, metric3)", "30 - 0 0 30"),
        ("IF(0, metric2, metric3)", "0 0 20 - 20"),
        ("IF(metric2 < 30, 10, 2)", "2 - 10 10 2"),
    ],
)
def test_if_chooses_point_by_point(expression: str, expected: str) -> None:
    metrics = {"metric1": "1 1 0 0 -", "metric2": "30 - 0 0 30", "metric3": "0 0 20 - 20"}

    assert result(expression, **metrics) == series(expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1 + m2", "3 2 1 -"),
        ("m1 - m2", "-1 -2 1 -"),
        ("m1 / m2", "0.5 0 - -"),
        ("5 * m1", "5 - 5 -"),
        ("-m1", "-1 - -1 -"),
        ("m1 ^ 2 + 1", "2 - 2 -"),
        ("SUM([m1, m2])", "3 2 1 -"),
        ("SUM(100 / [m1, m2])", "150 50 100 -"),
        ("m2 / SUM(m2)", "0.5 0.5 - -"),
        ("FILL(m1, 10)", "1 10 1 10 10"),
        ("FILL(m2, REPEAT)", "2 2 2 2 2"),
    ],
)
def test_arithmetic_takes_what_is_missing_for_zero_and_drops_divisions_by_it(
    expression: str, expected: str
) -> None:
    assert result(expression, m1="1 - 1 -", m2="2 2 - -") == series(expected)


@pytest.mark.parametrize(
    "expression",
    [
        "AVG(m1)",
        "METRICS()",
        "FILL(m1, LINEAR)",
        "FILL(m1, m1)",
        "m2",
        "m1 % 2",
        "1 < m1 < 2",
        "SUM(m1)",
        "SUM(1)",
        "[m1] + [m1]",
        "IF([m1], 1, 0)",
        "m1 +",
        "m1.real",
        "'m1'",
    ],
)
def test_what_is_not_known_is_refused(expression: str) -> None:
    with pytest.raises(MetricMathError):
        result(expression, m1="1 1")
