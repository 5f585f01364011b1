"""The picture of a dashboard shows what the dashboard's JSON says."""

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tools import dashboard_picture
from tools.dashboard_picture import PictureError, render

SVG = "{http://www.w3.org/2000/svg}"
DURATION = ["AWS/Lambda", "Duration", "FunctionName", "load"]


def widget(kind: str, y: int = 0, **properties: Any) -> dict[str, Any]:
    place = {"x": 0, "y": y, "width": 12, "height": 6}
    return {"type": kind, **place, "properties": properties}


def graph(*metrics: list[Any], y: int = 0, **properties: Any) -> dict[str, Any]:
    return widget("metric", y, title="Time of load", metrics=list(metrics), **properties)


def picture(*widgets: Any, **dashboard: Any) -> ET.Element:
    return ET.fromstring(render(json.dumps({"widgets": list(widgets), **dashboard})))  # noqa: S314


def texts(svg: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in svg.iter(f"{SVG}text")]


def test_titles_legends_axes_and_limits_are_the_dashboards() -> None:
    svg = picture(
        graph(
            [*DURATION, {"label": "p99", "stat": "p99", "color": "#123456"}],
            ["AWS/Lambda", "Invocations", "FunctionName", "load", {"yAxis": "right"}],
            yAxis={"left": {"label": "milliseconds"}, "right": {"label": "count"}},
            annotations={"horizontal": [{"label": "timeout, 30 s", "value": 30000}]},
        )
    )

    assert {"Time of load", "p99", "Invocations", "milliseconds", "count", "timeout, 30 s"} <= set(
        texts(svg)
    )
    assert [line.get("stroke") for line in svg.iter(f"{SVG}polyline")] == ["#123456", "#ff7f0e"]


def test_hidden_metrics_are_not_drawn() -> None:
    svg = picture(
        graph([{"id": "sum", "expression": "SUM(METRICS())"}], [*DURATION, {"visible": False}])
    )

    assert len(list(svg.iter(f"{SVG}polyline"))) == 1
    assert "Duration" not in texts(svg)
    assert "SUM(METRICS())" in texts(svg)


def test_stacked_series_lie_above_each_other() -> None:
    svg = picture(graph(DURATION, ["AWS/Lambda", "Errors", "FunctionName", "load"], stacked=True))

    assert len(list(svg.iter(f"{SVG}polygon"))) == 2
    assert not list(svg.iter(f"{SVG}polyline"))


def test_series_stay_below_the_line_at_their_limit() -> None:
    svg = picture(graph(DURATION, annotations={"horizontal": [{"value": 900_000}]}))

    curve = next(svg.iter(f"{SVG}polyline")).get("points", "")
    limit = next(line for line in svg.iter(f"{SVG}line") if line.get("stroke-dasharray"))
    assert min(float(point.split(",")[1]) for point in curve.split()) > float(limit.get("y1", "0"))


def test_a_text_widget_shows_its_headings_lists_code_and_links() -> None:
    sentence = "Read `ErrorType` in **its** message, see [the page](https://a.example)."
    markdown = f"# orders\n{sentence}\n\n- one\n- two"

    svg = picture(widget("text", markdown=markdown))

    assert texts(svg)[1:] == [
        "orders",
        "Read ErrorType in its message, see the page.",
        "one",
        "two",
    ]
    assert svg.findtext(f"{SVG}title") == "CloudWatch dashboard orders"
    assert [span.text for span in svg.iter(f"{SVG}tspan") if span.get("class") == "code"] == [
        "ErrorType"
    ]


def test_a_long_text_is_broken_into_lines() -> None:
    svg = picture(widget("text", markdown="word " * 60))

    assert len(texts(svg)) > 3
    assert max(map(len, texts(svg)[1:])) < 100


def test_alarms_are_shown_by_their_names() -> None:
    arns = [f"arn:aws:cloudwatch:eu-west-1:111122223333:alarm:load-{n}" for n in range(9)]

    svg = picture(widget("alarm", title="Alarms", alarms=arns))

    assert texts(svg)[1:] == ["Alarms", *(f"load-{n}" for n in range(9))]


def test_every_title_is_told_to_readers_who_see_no_picture() -> None:
    svg = picture(graph(DURATION), widget("alarm", 6, title="Alarms", alarms=[]))

    description = svg.findtext(f"{SVG}desc") or ""
    assert "Time of load; Alarms" in description
    assert "Sample data" in description
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == "title description"


def test_a_long_title_is_shown_whole() -> None:
    title = "Files of a-consumer-with-a-rather-long-name: quarantined should be 0 " * 2

    svg = picture(widget("metric", title=title, metrics=[DURATION]))

    assert " ".join(title.split()) in " ".join(texts(svg))


def test_texts_are_escaped() -> None:
    text = """<script>alert("1 & 2")</script> '\u0000\ud800"""

    svg = picture(
        widget("text", markdown=text),
        widget("metric", 6, title=text, metrics=[[*DURATION, {"label": text, "color": text}]]),
    )

    assert not [element for element in svg.iter() if "script" in element.tag]
    assert '<script>alert("1 & 2")</script> \'\ufffd\ufffd' in texts(svg)


def test_the_same_dashboard_gives_the_same_picture() -> None:
    body = json.dumps({"widgets": [graph(DURATION)]})

    assert render(body) == render(body)


def test_another_function_has_other_sample_data() -> None:
    one, other = (
        next(picture(graph([*DURATION[:3], name])).iter(f"{SVG}polyline")).get("points")
        for name in ("load", "audit")
    )

    assert one != other


def test_a_percentile_lies_above_a_lower_one() -> None:
    p50, p99 = (
        dashboard_picture.sample("load", "Duration", stat, rare=False) for stat in ("p50", "p99")
    )

    assert all(low < high for low, high in zip(p50, p99, strict=True))


def test_what_is_rare_is_zero_most_of_the_time() -> None:
    values = dashboard_picture.sample("load", "Errors", "Sum", rare=True)

    assert max(values) > 0.5
    assert sum(value == 0 for value in values) > len(values) * 0.8


def test_widgets_lie_where_the_grid_says() -> None:
    svg = picture(graph(DURATION), graph(DURATION, y=6))

    first, second = svg.findall(f"{SVG}svg")
    assert float(second.get("y", "0")) - float(first.get("y", "0")) == 6 * 40
    assert first.get("width") == second.get("width")
    assert first.get("x") == second.get("x")


@pytest.mark.parametrize(
    ("start", "ago"), [("-PT6H", "6 h ago"), ("-P1D", "24 h ago"), ("-P2W", "14 d ago")]
)
def test_times_go_back_as_far_as_the_dashboard(start: str, ago: str) -> None:
    assert ago in texts(picture(graph(DURATION), start=start))


def test_a_graph_may_go_back_further_than_its_dashboard() -> None:
    assert "14 d ago" in texts(picture(graph(DURATION, start="-P14D"), start="-PT6H"))


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, [0, 1]),
        (1, [0, 0.25, 0.5, 0.75, 1]),
        (5, [0, 2, 4, 6]),
        (97, [0, 25, 50, 75, 100]),
        (300_000, [0, 100_000, 200_000, 300_000]),
    ],
)
def test_ticks_are_round_and_reach_the_highest_value(highest: float, ticks: list[float]) -> None:
    assert dashboard_picture._ticks(highest) == ticks


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (widget("log", query="fields @message"), r"'log' - at `\$\.widgets\[0\]\.type`"),
        (widget("text"), r"type text needs 'markdown' - at `\$\.widgets\[0\]`"),
        (widget("metric", title="none"), r"type metric needs 'metrics' - at `\$\.widgets\[0\]`"),
        (widget("alarm", title="none"), r"type alarm needs 'alarms' - at `\$\.widgets\[0\]`"),
        (graph(DURATION, view="pie"), r"'pie' - at `\$\.widgets\[0\]\.properties\.view`"),
        (graph(["AWS/Lambda", "Duration", ".", "."]), r"abbreviated .* - at `\$\.widgets\[0\]"),
        (graph([{"label": "nothing"}]), r"neither a name nor .* - at `\$\.widgets\[0\]"),
        (graph(DURATION, start="2026-01-01T00:00:00Z"), r"- at `\$\.widgets\[0\].*\.start`"),
        (graph(DURATION, annotations={"horizontal": [{}]}), r"`value` - at `\$\.widgets\[0\]"),
        ({"type": "text"}, r"`x` - at `\$\.widgets\[0\]`"),
        ({**graph(DURATION), "x": 13}, r"leaves the grid of 24 .* - at `\$\.widgets\[0\]`"),
        ({**graph(DURATION), "height": 0}, r"`int` >= 1 - at `\$\.widgets\[0\]\.height`"),
        ("text", r"got `str` - at `\$\.widgets\[0\]`"),
    ],
)
def test_what_cannot_be_drawn_is_named(broken: Any, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        picture(broken)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "Expected `object`, got `array`"),
        ('{"widgets": {}}', r"Expected `array`, got `object` - at `\$\.widgets`"),
    ],
)
def test_what_is_no_dashboard_is_refused(body: str, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        render(body)
