"""Draw a CloudWatch dashboard as an SVG picture, from the dashboard's JSON.

The layout, the titles, the legends, the axes and the lines at limits are those of the dashboard.
The curves are sample data, derived from the names of the metrics, and the picture says so. The same
JSON gives the same picture, byte for byte.

The JSON: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import json
import math
import random
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple
from xml.etree import ElementTree as ET

import msgspec

WIDTH = 1200
COLUMNS = 24
ROW_HEIGHT = 40
MARGIN = 14
GAP = 8
BANNER_HEIGHT = 34
PADDING = 12
# The average width of a letter, in font sizes, in the widest of the fonts that may be there.
EM = 0.53

STYLE = """
text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial,
  sans-serif; font-size: 12px; fill: #16191f; }
.title { font-size: 13px; font-weight: 600; }
.small { font-size: 11px; fill: #56606d; }
.code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.92em; }
.strong { font-weight: 600; }
.card { fill: #ffffff; stroke: #d3d9df; }
.grid { stroke: #e6eaee; }
.axis { stroke: #aab4bf; }
"""
COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f")
SAMPLE = "Sample data: the layout is the module's, the curves are made up"

POINTS = 96
# A metric's size in a busy period, in its unit; 100 for any other.
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
_TOTAL = {"BucketSizeBytes", "NumberOfObjects"}
_PERCENTILE = re.compile(r"p(\d+(?:\.\d+)?)")
_RANGE = r"^-P(?=.*[1-9])(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$"
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_MARK = re.compile(r"(`|\*\*)")
_STYLES = {"`": "code", "**": "strong"}
# XML 1.0 has no way to write these, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class PictureError(Exception):
    """The dashboard can't be drawn; the message says what is wrong, and where."""


class Options(msgspec.Struct, frozen=True, rename="camel"):
    """The last element of a metric."""

    color: str = ""
    expression: str = ""
    label: str = ""
    stat: str = ""
    visible: bool = True
    y_axis: str = "left"


class Limit(msgspec.Struct, frozen=True):
    """A horizontal line."""

    value: float
    color: str = COLORS[3]
    label: str = ""


class Axis(msgspec.Struct, frozen=True):
    """An axis from bottom to top."""

    label: str = ""


type Metric = tuple[str | Options, ...]
type Start = Annotated[str, msgspec.Meta(pattern=_RANGE)]


class Properties(msgspec.Struct, frozen=True, rename="camel"):
    """What a widget shows; each kind of widget has some of these."""

    alarms: tuple[str, ...] | None = None
    annotations: Mapping[Literal["horizontal"], tuple[Limit, ...]] = {}
    markdown: str | None = None
    metrics: tuple[Metric, ...] | None = None
    stacked: bool = False
    start: Start | None = None
    stat: str = "Average"
    title: str = ""
    view: Literal["timeSeries"] = "timeSeries"
    y_axis: Mapping[str, Axis] = {}

    def __post_init__(self) -> None:
        """Refuse metrics that aren't written in full."""
        for words, options in map(_split, self.metrics or ()):
            if not {".", "..."}.isdisjoint(words):
                raise ValueError("metrics are abbreviated by '.'; write them in full")
            if not words and not options.expression:
                raise ValueError("a metric has neither a name nor an expression")


class Widget(msgspec.Struct, frozen=True):
    """A widget, and its place on the grid of 24 columns."""

    type: Literal["alarm", "metric", "text"]
    x: Annotated[int, msgspec.Meta(ge=0)]
    y: Annotated[int, msgspec.Meta(ge=0)]
    width: Annotated[int, msgspec.Meta(ge=1)]
    height: Annotated[int, msgspec.Meta(ge=1)]
    properties: Properties

    def __post_init__(self) -> None:
        """Refuse a place that isn't on the grid, and a widget with nothing to show."""
        if self.x + self.width > COLUMNS:
            raise ValueError(f"the widget leaves the grid of {COLUMNS} columns")
        needed = {"alarm": "alarms", "metric": "metrics", "text": "markdown"}[self.type]
        if getattr(self.properties, needed) is None:
            raise ValueError(f"a widget of type {self.type} needs {needed!r}")


class Dashboard(msgspec.Struct, frozen=True):
    """A dashboard's body."""

    widgets: tuple[Widget, ...]
    start: Start = "-PT3H"


class Series(NamedTuple):
    """A visible curve, with its sample data."""

    label: str
    color: str
    right: bool
    values: list[float]


class Frame(NamedTuple):
    """The rectangle that curves are drawn in, in pixels of its card."""

    left: float
    top: float
    right: float
    bottom: float

    def y(self, value: float, highest: float) -> float:
        """Place a value from top to bottom, if the frame's height is the highest one's."""
        return self.bottom - (self.bottom - self.top) * value / highest

    def points(self, values: Iterable[float], highest: float) -> list[str]:
        """Place a curve's values from left to right."""
        step = (self.right - self.left) / (POINTS - 1)
        return [
            f"{self.left + n * step:.1f},{self.y(value, highest):.1f}"
            for n, value in enumerate(values)
        ]


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
        It isn't the JSON of a dashboard, or has something that isn't drawn.
    """
    try:
        dashboard = msgspec.convert(json.loads(body), Dashboard)
    except json.JSONDecodeError as error:
        raise PictureError(f"the dashboard is no JSON: {error}") from error
    except msgspec.ValidationError as error:
        raise PictureError(f"the dashboard can't be drawn: {error}") from error
    widgets = dashboard.widgets
    height = BANNER_HEIGHT + max((w.y + w.height for w in widgets), default=0) * ROW_HEIGHT + MARGIN
    svg = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height}")
    _set(svg, width=WIDTH, height=height, role="img", aria_labelledby="title description")
    heading = next((m for w in widgets if (m := w.properties.markdown or "").startswith("# ")), "")
    titles = "; ".join(w.properties.title for w in widgets if w.properties.title)
    name = f"CloudWatch dashboard {heading[2:].partition(chr(10))[0]}".strip()
    _add(svg, "title", name, id="title")
    _add(svg, "desc", f"{SAMPLE}. Shown are: {titles}.", id="description")
    _add(svg, "style", STYLE)
    # A background of its own: the page around it may be light or dark.
    _add_box(svg, WIDTH, height, rx=8, fill="#f2f4f6", stroke="#d3d9df")
    _add_small(svg, MARGIN + GAP / 2, 23, SAMPLE)
    for widget in widgets:
        _draw(svg, widget, dashboard.start)
    # Each element is on a line of its own, but not within a text, where a line break is a space.
    for holder in svg.iter("svg"):
        holder.text = "\n"
        for element in holder:
            element.tail = "\n"
    return ET.tostring(svg, encoding="unicode") + "\n"


def _draw(svg: ET.Element, widget: Widget, start: str) -> None:
    column = (WIDTH - 2 * MARGIN) / COLUMNS
    width, height = widget.width * column - GAP, widget.height * ROW_HEIGHT - GAP
    # An inner svg cuts off what is too long for its card, as CloudWatch does.
    x, y = MARGIN + widget.x * column + GAP / 2, BANNER_HEIGHT + widget.y * ROW_HEIGHT + GAP / 2
    card = _add(svg, "svg", x=x, y=y, width=width, height=height)
    _add_box(card, width, height, rx=6, class_="card")
    properties = widget.properties
    if properties.markdown is not None:
        _draw_text(card, properties.markdown, width)
        return
    y = _draw_title(card, properties.title, width) + 3
    if properties.alarms is not None:
        lights = [(arn.rpartition(":alarm:")[2], COLORS[2]) for arn in properties.alarms]
        _draw_legend(card, y, _rows(lights, width), radius=5)
    else:
        _draw_graph(card, properties, Frame(PADDING, y, width - PADDING, height - 8), start)


def _draw_text(card: ET.Element, markdown: str, width: float) -> None:
    """Draw Markdown: headings, paragraphs, lists, code, bold, and the texts of links."""
    y = 8.0
    for line in markdown.splitlines():
        marks, _, rest = line.partition(" ")
        is_heading, is_item = bool(re.fullmatch("#{1,6}", marks)), marks in {"-", "*"}
        size, indent = {"#": 20, "##": 16}.get(marks, 13), 14 if is_item else 0
        if is_item:
            _add(card, "circle", cx=PADDING + 4, cy=y + 9.5, r=2, fill="#56606d")
        text = _LINK.sub(r"\1", rest if is_heading or is_item else line)
        style = ""
        for words in _wrapped(text, width - indent, size):
            y += size * 1.38
            element = _add(card, "text", x=PADDING + indent, y=y - size * 0.3)
            _set(element, style=f"font-size: {size}px; font-weight: {600 if is_heading else 400}")
            for part in _MARK.split(words):
                if part in _STYLES:
                    style = "" if style else _STYLES[part]
                elif part:
                    _add(element, "tspan", part, **({"class": style} if style else {}))
        y += 2 if line.strip() else 5


def _draw_title(card: ET.Element, title: str, width: float) -> float:
    """Draw the title in as many lines as it needs, and return the height it takes."""
    y = 7.0
    lines = _wrapped(title, width, 14)
    if len(lines) > 1:
        subject, colon, rest = title.partition(": ")
        lines = [*_wrapped(subject + colon, width, 14), *_wrapped(rest, width, 14)]
    for line in lines:
        y += 17
        _add(card, "text", line, x=PADDING, y=y - 4, class_="title")
    return y


def _draw_legend(
    card: ET.Element, top: float, labels: Iterable[tuple[float, int, str, str]], radius: float
) -> None:
    for x, row, label, color in labels:
        y = top + 16 * row + 1
        _add(card, "rect", x=x, y=y, width=10, height=10, rx=radius, fill=color)
        _add_small(card, x + 14, y + 9, label)


def _draw_graph(card: ET.Element, graph: Properties, room: Frame, start: str) -> None:
    limits = graph.annotations.get("horizontal", ())
    series = _series(graph, max((limit.value for limit in limits), default=None))
    lefts, rights = [s for s in series if not s.right], [s for s in series if s.right]
    legend = list(_rows([(s.label, s.color) for s in series], room.right + PADDING))
    bottom = room.bottom - 16 * (1 + max((row for _, row, _, _ in legend), default=0))
    _draw_legend(card, bottom, legend, radius=2)

    frame = Frame(room.left + 34, room.top + 20, room.right - (34 if rights else 6), bottom - 21)
    curves = [s.values for s in lefts]
    if graph.stacked:
        curves = [[*map(sum, zip(*curves[: n + 1], strict=True))] for n in range(len(curves))]
    top = _draw_axis(card, frame, "left", graph, [*curves, [limit.value for limit in limits]])
    below: Sequence[float] = [0.0] * POINTS
    for s, values in zip(lefts, curves, strict=True):
        curve = frame.points(values, top)
        if graph.stacked:
            edge = " ".join([*curve, *frame.points(below, top)[::-1]])
            _add(card, "polygon", points=edge, fill=s.color, fill_opacity=0.75)
            below = values
        else:
            _draw_curve(card, curve, s.color)
    if rights:
        highest = _draw_axis(card, frame, "right", graph, [s.values for s in rights])
        for s in rights:
            _draw_curve(card, frame.points(s.values, highest), s.color)
    for limit in limits:
        y = frame.y(limit.value, top)
        line = _add(card, "line", x1=frame.left, x2=frame.right, y1=y, y2=y)
        _set(line, stroke=limit.color, stroke_width=1.5, stroke_dasharray="5 3")
        _add_small(card, frame.right, y - 4, limit.label, "end", style=f"fill: {limit.color}")
    _draw_times(card, frame, graph.start or start)


def _draw_axis(
    card: ET.Element,
    frame: Frame,
    side: Literal["left", "right"],
    graph: Properties,
    curves: Iterable[Sequence[float]],
) -> float:
    """Draw an axis that reaches all values; return its highest tick."""
    ticks = _ticks(max((max(values, default=0) for values in curves), default=0))
    label = graph.y_axis.get(side, Axis()).label
    is_left = side == "left"
    anchor, other = ("start", "end") if is_left else ("end", "start")
    _add_small(
        card, frame.left - 34 if is_left else frame.right + 34, frame.top - 10, label, anchor
    )
    for tick in ticks:
        y = frame.y(tick, ticks[-1])
        if is_left:
            kind = "grid" if tick else "axis"
            _add(card, "line", x1=frame.left, x2=frame.right, y1=y, y2=y, class_=kind)
        x = frame.left - 5 if is_left else frame.right + 5
        _add_small(card, x, y + 3.5, _short(tick), other)
    return ticks[-1]


def _draw_times(card: ET.Element, frame: Frame, start: str) -> None:
    """Draw how far the graph goes back: at its beginning, in its middle, and now."""
    found = re.fullmatch(_RANGE, start)
    units = zip((168, 24, 1, 1 / 60), found.groups(default="0") if found else (), strict=True)
    hours = sum(unit * int(number) for unit, number in units)
    for part, anchor in ((1, "start"), (0.5, "middle"), (0, "end")):
        ago = hours * part
        text = f"{ago / 24:g} d ago" if ago > _DAYS else f"{ago:g} h ago" if ago else "now"
        x = frame.right - (frame.right - frame.left) * part
        _add_small(card, x, frame.bottom + 14, text, anchor)


def _draw_curve(card: ET.Element, points: Iterable[str], color: str) -> None:
    curve = _add(card, "polyline", points=" ".join(points), fill="none", stroke=color)
    _set(curve, stroke_width=1.7, stroke_linejoin="round")


def _split(metric: Metric) -> tuple[list[str], Options]:
    """Split a metric into its names and its options."""
    words = [word for word in metric if isinstance(word, str)]
    return words, next((part for part in metric if isinstance(part, Options)), Options())


def _series(graph: Properties, limit: float | None) -> list[Series]:
    """List the visible series; below a limit they stay, and are high enough to be seen."""
    shown: list[Series] = []
    for words, options in map(_split, graph.metrics or ()):
        if options.visible:
            name = words[1] if words else ""
            label = options.label or name or options.expression
            identity = " ".join(words) or f"{options.expression} {label}"
            rare = bool(_RARE.search(f"{identity} {label}"))
            values = sample(identity, name, options.stat or graph.stat, rare=rare)
            color = options.color or COLORS[len(shown) % len(COLORS)]
            shown.append(Series(label, color, options.y_axis == "right", values))
    highest = max((max(s.values) for s in shown), default=0.0)
    scale = 0.62 * limit / highest if limit is not None and highest else 1
    return [s._replace(values=[value * scale for value in s.values]) for s in shown]


def sample(identity: str, metric: str, statistic: str, *, rare: bool) -> list[float]:
    """Make up ``POINTS`` values, none negative, that look like a metric's.

    They follow from its identity: namespace, name and dimensions. What is rare, as errors are, is
    zero but for a short time; percentiles of one metric lie above each other.
    """
    chance = random.Random(identity).random  # noqa: S311 (a picture's curves keep no secret)
    size = USUAL.get(metric, 100) * (0.9 + 0.2 * chance())
    if percentile := _PERCENTILE.fullmatch(statistic):
        size *= 1 + (float(percentile[1]) / 100) ** 8 * 2.2
    times = [point / (POINTS - 1) for point in range(POINTS)]
    phase, peak = chance(), 1 + round(4 * chance())
    if rare:
        middle = 0.3 + 0.5 * phase
        return [peak * max(0.0, 1 - (abs(time - middle) / 0.035) ** 2) for time in times]
    if metric in _TOTAL:
        return [size * (0.7 + 0.3 * time + 0.01 * chance()) for time in times]
    day = [0.35 + 0.65 * math.sin(math.pi * time) ** 2 for time in times]
    waves = [1 + 0.1 * math.sin(2 * math.pi * (time * 7 + phase)) for time in times]
    noise = [0.9 + 0.2 * chance() for _ in times]
    return [size * math.prod(parts) for parts in zip(day, waves, noise, strict=True)]


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


def _rows(labels: Iterable[tuple[str, str]], width: float) -> Iterator[tuple[float, int, str, str]]:
    """Place labels in rows: x, the row, and the label with its colour."""
    x, row = float(PADDING), 0
    for label, color in labels:
        needed = 14 + len(label) * 11 * EM
        if x > PADDING and x + needed > width - PADDING:
            x, row = PADDING, row + 1
        yield x, row, label, color
        x += needed + 12


def _wrapped(text: str, width: float, size: float) -> list[str]:
    """Break a text at spaces into lines that fit a card of a width."""
    letters = max(1, int((width - 2 * PADDING) / (size * EM)))
    return textwrap.wrap(text, letters, break_long_words=False, break_on_hyphens=False)


def _add_box(parent: ET.Element, width: float, height: float, **attributes: object) -> None:
    _add(parent, "rect", x=0.5, y=0.5, width=width - 1, height=height - 1, **attributes)


def _add_small(
    parent: ET.Element, x: float, y: float, text: str, anchor: str = "start", **attributes: object
) -> None:
    if text:
        _add(parent, "text", text, x=x, y=y, text_anchor=anchor, class_="small", **attributes)


def _add(parent: ET.Element, tag: str, text: str = "", /, **attributes: object) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
    _set(element, **attributes)
    return element


def _set(element: ET.Element, **attributes: object) -> None:
    for name, value in attributes.items():
        text = f"{round(value, 1):g}" if isinstance(value, int | float) else str(value)
        attribute = name.rstrip("_").replace("_", "-")
        element.set(attribute, _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))
