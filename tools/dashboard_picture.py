"""Draw a CloudWatch dashboard as an SVG picture, from the dashboard's JSON.

The layout, the titles, the legends, the axes and the lines at limits are the dashboard's own; the
curves are sample data that follow from the names of the metrics, and the picture says so. The same
JSON gives the same picture to the byte.

What the JSON means: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import argparse
import hashlib
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

WIDTH = 1200
COLUMNS = 24
ROW_HEIGHT = 40
MARGIN = 14
GAP = 8
BANNER_HEIGHT = 34
PADDING = 12

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
MONOSPACE = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
STYLE = f"""
text {{ font-family: {FONT}; font-size: 12px; fill: #16191f; }}
.title {{ font-size: 13px; font-weight: 600; }}
.small {{ font-size: 11px; fill: #56606d; }}
.code {{ font-family: {MONOSPACE}; font-size: 0.92em; }}
.strong {{ font-weight: 600; }}
.card {{ fill: #ffffff; stroke: #d3d9df; }}
.grid {{ stroke: #e6eaee; }}
.axis {{ stroke: #aab4bf; }}
"""
COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f")
SAMPLE = "Sample data: the layout is the module's, the curves are made up"

POINTS = 96
# What a busy period looks like, in the metric's unit; anything else is about a hundred.
USUAL = {
    "ApproximateAgeOfOldestMessage": 18,
    "ApproximateNumberOfMessagesNotVisible": 14,
    "ApproximateNumberOfMessagesVisible": 32,
    "BucketSizeBytes": 420e9,
    "NumberOfNotificationsFilteredOut": 30,
    "NumberOfObjects": 1.8e6,
    "ObjectsSkipped": 12,
}
# Times further back than these hours are shown in days.
_DAYS = 48
_RARE = re.compile(r"error|throttl|fail|quarantin|retr|dead|dlq", re.IGNORECASE)
_TOTAL = re.compile(r"BucketSizeBytes|NumberOfObjects")
_PERCENTILE = re.compile(r"p(\d+(?:\.\d+)?)")
_RANGE = re.compile(r"-P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_SPANS = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\[(?P<link>[^\]]+)\]\([^)]*\)")
# XML 1.0 has no way to write these, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class PictureError(Exception):
    """The dashboard can't be drawn; the message names the widget and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Widget:
    """A widget, and its place on the grid of 24 columns.

    Attributes
    ----------
    name
        What messages call it, such as ``widget 3``.
    """

    name: str
    kind: str
    x: int
    y: int
    width: int
    height: int
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """A visible line of a graph, with its sample data."""

    label: str
    color: str
    right: bool
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Frame:
    """The rectangle that curves are drawn in, in pixels of its card."""

    left: float
    top: float
    right: float
    bottom: float

    def points(self, values: Sequence[float], top: float) -> list[tuple[float, float]]:
        """Place values from left to right, where the frame is ``top`` high."""
        step = (self.right - self.left) / (len(values) - 1)
        return [(self.left + i * step, self.height_of(v, top)) for i, v in enumerate(values)]

    def height_of(self, value: float, top: float) -> float:
        """Give the place of a value from top to bottom."""
        return self.bottom - (self.bottom - self.top) * value / top


def main(arguments: Sequence[str] | None = None) -> int:
    """Read a dashboard's JSON and write its picture."""
    parser = argparse.ArgumentParser(
        prog="dashboard_picture", description="Draw a CloudWatch dashboard as an SVG picture."
    )
    parser.add_argument("body", nargs="?", default="-", help="file of the JSON (default: stdin)")
    parser.add_argument("--output", type=Path, help="file of the picture (default: stdout)")
    options = parser.parse_args(arguments)
    try:
        body = sys.stdin.read() if options.body == "-" else Path(options.body).read_text("utf-8")
        picture = render(body)
        if options.output:
            options.output.write_text(picture, encoding="utf-8")
        else:
            sys.stdout.write(picture)
    except (OSError, UnicodeDecodeError, PictureError) as error:
        print(f"dashboard_picture: {error}", file=sys.stderr)
        return 1
    return 0


def render(body: str) -> str:
    """Draw a dashboard.

    Parameters
    ----------
    body
        The dashboard's JSON.

    Returns
    -------
    str
        An SVG document.

    Raises
    ------
    PictureError
        It isn't the JSON of a dashboard, or has widgets of a kind that isn't drawn.
    """
    dashboard = _parsed(body)
    widgets = list(_widgets(dashboard))
    rows = max((widget.y + widget.height for widget in widgets), default=0)
    height = BANNER_HEIGHT + rows * ROW_HEIGHT + MARGIN
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {height}",
            "width": str(WIDTH),
            "height": str(height),
            "role": "img",
            "aria-labelledby": "title description",
        },
    )
    _add(svg, "title", {"id": "title"}, f"CloudWatch dashboard {_name(widgets)}".rstrip())
    titles = [str(w.properties["title"]) for w in widgets if "title" in w.properties]
    _add(svg, "desc", {"id": "description"}, f"{SAMPLE}. Shown are: {'; '.join(titles)}.")
    _add(svg, "style", {}, STYLE)
    # A background of its own: the page around it may be light or dark.
    size = {"width": WIDTH - 1, "height": height - 1}
    _add(svg, "rect", {"x": 0.5, "y": 0.5, **size, "rx": 8, "fill": "#f2f4f6", "stroke": "#d3d9df"})
    _add(svg, "text", {"x": MARGIN + GAP / 2, "y": 23, "class": "small"}, SAMPLE)
    for widget in widgets:
        _draw(svg, widget, dashboard)
    _break_lines(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def _parsed(body: str) -> dict[str, Any]:
    try:
        dashboard = json.loads(body)
    except ValueError as error:
        raise PictureError(f"the dashboard is no JSON: {error}") from error
    if not isinstance(dashboard, dict) or not isinstance(dashboard.get("widgets"), list):
        raise PictureError("the dashboard is no object with a list of widgets")
    return dashboard


def _widgets(dashboard: Mapping[str, Any]) -> Iterator[Widget]:
    for number, widget in enumerate(dashboard["widgets"], 1):
        name = f"widget {number}"
        kind = _of(widget, "type", str, name)
        if kind not in _DRAWN:
            drawn = ", ".join(sorted(_DRAWN))
            raise PictureError(f"{name} is of type {kind!r}; drawn are {drawn}")
        place = {key: _of(widget, key, int, name) for key in ("x", "y", "width", "height")}
        if min(place["x"], place["y"]) < 0 or min(place["width"], place["height"]) < 1:
            raise PictureError(f"{name} has a place or a size that isn't on the grid")
        if place["x"] + place["width"] > COLUMNS:
            raise PictureError(f"{name} leaves the grid of {COLUMNS} columns")
        yield Widget(name, kind, properties=_of(widget, "properties", dict, name), **place)


def _of[T](holder: Any, key: str, kind: type[T], name: str) -> T:
    """Get a value that must be there, and of a type."""
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, kind):
        raise PictureError(f"{name} needs {key!r}, of type {kind.__name__}")
    return value


def _number(holder: Any, key: str, name: str) -> float:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, int | float):
        raise PictureError(f"{name} needs {key!r}, a number")
    return value


def _name(widgets: Iterable[Widget]) -> str:
    """Give the first heading."""
    texts = (_of(w.properties, "markdown", str, w.name) for w in widgets if w.kind == "text")
    return next((t.lstrip("#").split("\n")[0].strip() for t in texts if t.startswith("# ")), "")


def _draw(svg: ET.Element, widget: Widget, dashboard: Mapping[str, Any]) -> None:
    column = (WIDTH - 2 * MARGIN) / COLUMNS
    width = widget.width * column - GAP
    height = widget.height * ROW_HEIGHT - GAP
    # An inner svg cuts off what is too long for its card, as CloudWatch does.
    card = _add(
        svg,
        "svg",
        {
            "x": MARGIN + widget.x * column + GAP / 2,
            "y": BANNER_HEIGHT + widget.y * ROW_HEIGHT + GAP / 2,
            "width": width,
            "height": height,
        },
    )
    size = {"width": width - 1, "height": height - 1}
    _add(card, "rect", {"x": 0.5, "y": 0.5, **size, "rx": 6, "class": "card"})
    match widget.kind:
        case "text":
            _draw_text(card, widget, width)
        case "alarm":
            _draw_alarms(card, widget, width)
        case _:
            _draw_graph(card, widget, width, height, dashboard)


_DRAWN = frozenset({"alarm", "metric", "text"})


def _draw_text(card: ET.Element, widget: Widget, width: float) -> None:
    """Draw Markdown: headings, paragraphs, lists, code, bold, and the texts of links."""
    y = 8.0
    for line in _of(widget.properties, "markdown", str, widget.name).splitlines():
        if not line.strip():
            y += 5
            continue
        marks, _, heading = line.partition(" ")
        if re.fullmatch("#{1,6}", marks):
            size, indent, text = {1: 20, 2: 16}.get(len(marks), 13), 0, heading
        elif marks in {"-", "*"}:
            size, indent, text = 13, 14, heading
            _add(card, "circle", {"cx": PADDING + 4, "cy": y + 9.5, "r": 2, "fill": "#56606d"})
        else:
            size, indent, text = 13, 0, line
        weight = {"font-weight": "600"} if marks.startswith("#") else {}
        for words in _wrapped(_words(text), width - 2 * PADDING - indent, size):
            y += size * 1.38
            element = _add(card, "text", {"x": PADDING + indent, "y": y - size * 0.3, **weight})
            element.set("style", f"font-size: {size}px")
            _fill(element, words)
        y += 2


def _draw_alarms(card: ET.Element, widget: Widget, width: float) -> None:
    """Draw each alarm with a light that is green."""
    y = _draw_title(card, widget, width) + 2
    x: float = PADDING
    for arn in _of(widget.properties, "alarms", list, widget.name):
        alarm = str(arn).rpartition(":alarm:")[2]
        needed = 20 + _width_of(alarm, 11)
        if x > PADDING and x + needed > width - PADDING:
            x, y = PADDING, y + 17
        _add(card, "circle", {"cx": x + 5, "cy": y + 7, "r": 4.5, "fill": COLORS[2]})
        _add(card, "text", {"x": x + 14, "y": y + 11, "class": "small"}, alarm)
        x += needed + 10


def _draw_graph(
    card: ET.Element, widget: Widget, width: float, height: float, dashboard: Mapping[str, Any]
) -> None:
    properties = widget.properties
    if (view := properties.get("view", "timeSeries")) != "timeSeries":
        raise PictureError(f"{widget.name} has the view {view!r}; drawn is 'timeSeries'")
    limits = _limits(widget)
    series = _series(widget, max((value for _, _, value in limits), default=None))
    stacked = bool(properties.get("stacked", False))
    rights = [s for s in series if s.right]
    lefts = [s for s in series if not s.right]
    axes = properties.get("yAxis", {})

    top = _draw_title(card, widget, width) + 3
    legend = list(_legend(series, width - 2 * PADDING))
    bottom = height - 8 - 16 * (1 + max((row for _, row, _ in legend), default=0))
    for x, row, s in legend:
        box = {"x": PADDING + x, "y": bottom + 16 * row + 1, "width": 10, "height": 10, "rx": 2}
        _add(card, "rect", {**box, "fill": s.color})
        place = {"x": PADDING + x + 14, "y": bottom + 16 * row + 10, "class": "small"}
        _add(card, "text", place, s.label)
    if label := axes.get("left", {}).get("label"):
        _add(card, "text", {"x": PADDING, "y": top + 10, "class": "small"}, str(label))
    if rights and (label := axes.get("right", {}).get("label")):
        place = {"x": width - PADDING, "y": top + 10, "text-anchor": "end", "class": "small"}
        _add(card, "text", place, str(label))

    frame = Frame(PADDING + 34, top + 20, width - PADDING - (34 if rights else 6), bottom - 21)
    curves = _stacked(lefts) if stacked else [s.values for s in lefts]
    highest = max((max(c) for c in curves), default=0.0)
    left_ticks = _ticks(max([highest, *(value for _, _, value in limits)]))
    right_ticks = _ticks(max((max(s.values) for s in rights), default=0.0))
    _draw_axes(card, frame, left_ticks, right_ticks if rights else [])
    _draw_times(card, frame, _hours(widget, dashboard))

    floor = [0.0] * POINTS
    for s, curve in zip(lefts, curves, strict=True):
        if stacked:
            edge = [
                *frame.points(curve, left_ticks[-1]),
                *frame.points(floor, left_ticks[-1])[::-1],
            ]
            shape = {"points": _path(edge), "fill": s.color, "fill-opacity": "0.75"}
            _add(card, "polygon", shape)
            floor = list(curve)
        else:
            _draw_line(card, frame.points(curve, left_ticks[-1]), s.color)
    for s in rights:
        _draw_line(card, frame.points(s.values, right_ticks[-1]), s.color)
    for label, color, value in limits:
        y = frame.height_of(value, left_ticks[-1])
        line = {"x1": frame.left, "x2": frame.right, "y1": y, "y2": y}
        _add(
            card, "line", {**line, "stroke": color, "stroke-width": 1.5, "stroke-dasharray": "5 3"}
        )
        place = {"x": frame.right, "y": y - 4, "text-anchor": "end", "class": "small"}
        _add(card, "text", {**place, "style": f"fill: {color}"}, label)


def _draw_title(card: ET.Element, widget: Widget, width: float) -> float:
    """Draw the title in as many lines as it needs, and give the height it takes."""
    y = 7.0
    room = width - 2 * PADDING
    title = str(widget.properties.get("title", ""))
    subject, colon, rest = title.partition(": ")
    parts = [title]
    if colon and _width_of(title, 13, "strong") > room:
        parts = [f"{subject}:", rest]
    for part in parts:
        for line in _wrapped(_words(part, plain=True), room, 13, bold=True):
            y += 17
            text = "".join(word for word, _ in line).rstrip()
            _add(card, "text", {"x": PADDING, "y": y - 4, "class": "title"}, text)
    return y


def _draw_axes(
    card: ET.Element, frame: Frame, left: Sequence[float], right: Sequence[float]
) -> None:
    for ticks, x, anchor in ((left, frame.left - 5, "end"), (right, frame.right + 5, "start")):
        for tick in ticks:
            y = frame.height_of(tick, ticks[-1])
            if ticks is left:
                kind = "grid" if tick else "axis"
                line = {"x1": frame.left, "x2": frame.right, "y1": y, "y2": y, "class": kind}
                _add(card, "line", line)
            place = {"x": x, "y": y + 3.5, "text-anchor": anchor, "class": "small"}
            _add(card, "text", place, _short(tick))


def _draw_times(card: ET.Element, frame: Frame, hours: float) -> None:
    middle = (frame.left + frame.right) / 2
    for x, anchor, ago in (
        (frame.left, "start", hours),
        (middle, "middle", hours / 2),
        (frame.right, "end", 0),
    ):
        text = "now" if not ago else f"{ago / 24:g} d ago" if ago > _DAYS else f"{ago:g} h ago"
        place = {"x": x, "y": frame.bottom + 14, "text-anchor": anchor, "class": "small"}
        _add(card, "text", place, text)


def _draw_line(card: ET.Element, points: Iterable[tuple[float, float]], color: str) -> None:
    line = {"fill": "none", "stroke": color, "stroke-width": 1.7, "stroke-linejoin": "round"}
    _add(card, "polyline", {"points": _path(points), **line})


def _limits(widget: Widget) -> list[tuple[str, str, float]]:
    """Give the label, the colour and the value of each line at a limit."""
    return [
        (
            str(line.get("label", "")),
            str(line.get("color", COLORS[3])),
            _number(line, "value", widget.name),
        )
        for line in widget.properties.get("annotations", {}).get("horizontal", [])
    ]


def _series(widget: Widget, limit: float | None) -> list[Series]:
    """Give the visible series; below a limit they stay, and are high enough to be seen."""
    shown: list[Series] = []
    for metric in _of(widget.properties, "metrics", list, widget.name):
        options = metric[-1] if metric and isinstance(metric[-1], dict) else {}
        words = [word for word in metric if isinstance(word, str)]
        if not set(words).isdisjoint({".", "..."}):
            raise PictureError(f"{widget.name} abbreviates metrics by '.'; write them in full")
        if not words and "expression" not in options:
            raise PictureError(f"{widget.name} has a metric without name and expression")
        if not options.get("visible", True):
            continue
        name = words[1] if words else ""
        label = str(options.get("label", name or options["expression"]))
        color = str(options.get("color", COLORS[len(shown) % len(COLORS)]))
        statistic = str(options.get("stat", widget.properties.get("stat", "Average")))
        identity = " ".join(words) or f"{options['expression']} {label}"
        values = sample(identity, name, statistic, rare=bool(_RARE.search(f"{identity} {label}")))
        shown.append(Series(label, color, options.get("yAxis") == "right", values))
    highest = max((max(s.values) for s in shown), default=0.0)
    if limit is None or not highest:
        return shown
    scale = 0.62 * limit / highest
    return [Series(s.label, s.color, s.right, [value * scale for value in s.values]) for s in shown]


def sample(identity: str, metric: str, statistic: str, *, rare: bool) -> list[float]:
    """Make up values that look like a metric's.

    Parameters
    ----------
    identity
        Namespace, name and dimensions: what the values follow from.
    metric
        The metric's name, from which the usual size is known.
    statistic
        Percentiles of one metric lie above each other.
    rare
        Whether it is zero but for a short time, as errors are.

    Returns
    -------
    list of float
        ``POINTS`` values, none negative.
    """
    seeds = [
        byte / 255
        for part in range(1 + POINTS // 32)
        for byte in hashlib.sha256(f"{part} {identity}".encode()).digest()
    ]
    percentile = _PERCENTILE.fullmatch(statistic)
    size = USUAL.get(metric, 100) * (0.9 + 0.2 * seeds[0])
    if percentile:
        size *= 1 + (float(percentile[1]) / 100) ** 8 * 2.2
    times = [point / (POINTS - 1) for point in range(POINTS)]
    if rare:
        middle = 0.3 + 0.5 * seeds[1]
        peak = 1 + round(4 * seeds[2])
        return [peak * max(0.0, 1 - (abs(time - middle) / 0.035) ** 2) for time in times]
    if _TOTAL.search(metric):
        return [size * (0.7 + 0.3 * time + 0.01 * seeds[i]) for i, time in enumerate(times)]
    return [
        size
        * (0.35 + 0.65 * math.sin(math.pi * time) ** 2)
        * (
            1
            + 0.08 * math.sin(2 * math.pi * (time * 7 + seeds[3]))
            + 0.06 * math.sin(2 * math.pi * (time * 17 + seeds[4]))
            + 0.16 * (seeds[i] - 0.5)
        )
        for i, time in enumerate(times)
    ]


def _stacked(series: Sequence[Series]) -> list[list[float]]:
    sums = [0.0] * POINTS
    curves = []
    for s in series:
        sums = [below + value for below, value in zip(sums, s.values, strict=True)]
        curves.append(sums)
    return curves


def _legend(series: Iterable[Series], width: float) -> Iterator[tuple[float, int, Series]]:
    """Place the labels in rows: x, row and series of each."""
    x, row = 0.0, 0
    for s in series:
        needed = 14 + _width_of(s.label, 11)
        if x and x + needed > width:
            x, row = 0.0, row + 1
        yield x, row, s
        x += needed + 12


def _ticks(highest: float) -> list[float]:
    """Give round numbers from zero up to the highest value or just above."""
    if highest <= 0:
        return [0, 1]
    magnitude = 10 ** math.floor(math.log10(highest / 3))
    step = next(f * magnitude for f in (1, 2, 2.5, 5, 10) if f * magnitude * 4 >= highest)
    return [step * n for n in range(math.ceil(highest / step) + 1)]


def _short(value: float) -> str:
    for size, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:g}"


def _hours(widget: Widget, dashboard: Mapping[str, Any]) -> float:
    """Give the hours that a graph goes back: its own, the dashboard's, or CloudWatch's 3."""
    start = str(widget.properties.get("start", dashboard.get("start", "-PT3H")))
    found = _RANGE.fullmatch(start)
    hours = 0.0
    if found:
        weeks, days, full, minutes = (int(part or 0) for part in found.groups())
        hours = weeks * 168 + days * 24 + full + minutes / 60
    if not hours:
        raise PictureError(f"{widget.name} starts at {start!r}; drawn are times like -PT6H")
    return hours


def _words(text: str, *, plain: bool = False) -> list[tuple[str, str]]:
    """Split a line of Markdown into words and the spaces before them, each with its style."""
    words: list[tuple[str, str]] = []
    position = 0
    for span in [] if plain else _SPANS.finditer(text):
        words += [(word, "") for word in re.findall(r"\s+|\S+", text[position : span.start()])]
        style = span.lastgroup or ""
        words += [(word, style) for word in re.findall(r"\s+|\S+", span[style])]
        position = span.end()
    return words + [(word, "") for word in re.findall(r"\s+|\S+", text[position:])]


def _wrapped(
    words: Iterable[tuple[str, str]], width: float, size: float, *, bold: bool = False
) -> Iterator[list[tuple[str, str]]]:
    """Break words into lines at spaces."""
    line: list[tuple[str, str]] = []
    used = 0.0
    for unit in _unbroken(words):
        needed = sum(
            _width_of(word, size, style or ("strong" if bold else "")) for word, style in unit
        )
        if line and used + needed > width and not unit[0][0].isspace():
            yield line
            line, used = [], 0.0
        if line or not unit[0][0].isspace():
            line += unit
            used += needed
    if line:
        yield line


def _unbroken(words: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Keep together what no space is between, such as code and the comma after it."""
    unit: list[tuple[str, str]] = []
    for word in words:
        if unit and (word[0].isspace() or unit[-1][0].isspace()):
            yield unit
            unit = []
        unit.append(word)
    if unit:
        yield unit


def _width_of(text: str, size: float, style: str = "") -> float:
    """Estimate the width of a text in pixels, for the widest of the fonts that may be there."""
    if style == "code":
        return len(text) * size * 0.6
    narrow = sum(letter in " .,:;'|!ijltfr()[]-" for letter in text)
    wide = sum(letter.isupper() or letter in "mw" for letter in text)
    ems = len(text) * 0.63 - narrow * 0.26 + wide * 0.2
    return ems * size * (1.12 if style == "strong" else 1)


def _fill(element: ET.Element, words: Iterable[tuple[str, str]]) -> None:
    """Fill a text with words, a ``tspan`` for each run of a style."""
    runs: list[tuple[str, str]] = []
    for word, style in words:
        if runs and runs[-1][1] == style:
            runs[-1] = (runs[-1][0] + word, style)
        else:
            runs.append((word, style))
    for text, style in runs:
        _add(element, "tspan", {"class": style} if style in {"code", "strong"} else {}, text)


def _path(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _add(
    parent: ET.Element, tag: str, attributes: Mapping[str, object], text: str = ""
) -> ET.Element:
    values = {
        name: f"{round(value, 1):g}" if isinstance(value, int | float) else _clean(str(value))
        for name, value in attributes.items()
    }
    element = ET.SubElement(parent, tag, values)
    if text:
        element.text = _clean(text)
    return element


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _break_lines(svg: ET.Element) -> None:
    """Put each element on a line of its own, but within a text, where a line is a space."""
    for holder in svg.iter("svg"):
        holder.text = "\n"
        for element in holder:
            element.tail = "\n"


if __name__ == "__main__":
    sys.exit(main())
