"""Line charts drawn by hand as small SVG pictures, in the letters and colours of the page, light or dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gradus.ship.page import Html, element, markup, shown

Point = tuple[float, float]
Kind = Literal["noisy", "exact", "dots"]

WIDTH, HEIGHT = 400, 215
TOP, RIGHT, BOTTOM = 10, 12, 24
TONES = 6  # colours of the style sheet
MANY = 20  # measurements from which a line is smoothed
SPAN = 30.0  # a series whose largest value is so many times its smallest is shown on a log scale
DRAWN = 240  # buckets that a long series is drawn in, less than a pixel each


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One line: a value by step. NaN is a gap."""

    key: str
    """What the line is, beside its colour."""
    points: Sequence[Point]
    kind: Kind = "noisy"
    """Noisy lines are smoothed over a faint one of what was measured; dots are few, and each is marked."""
    tone: int = 0
    """Which colour of the style sheet."""
    ringed_step: float | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a value lies between two ends of the picture."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def chart(title: str, series: Sequence[Series], *, may_be_log: bool = False, from_zero: bool = False) -> Html:
    """A figure: its title, a key to its lines, and the lines over the steps."""
    finite = [y for line in series for _, y in line.points if math.isfinite(y)]
    steps = [x for line in series for x, _ in line.points]
    if not finite:
        return element("figure", element("figcaption", element("b", title), "no finite value"))
    log = may_be_log and min(finite) > 0 and max(finite) > SPAN * min(finite)
    low, high = _ends(finite, log=log, from_zero=from_zero)
    marks = log_ticks(low, high) if log else ticks(low, high)
    left = 12 + 6.6 * max(len(short(mark)) for mark in marks)
    across = Scale(min(0.0, *steps), max(steps) or 1.0, left, WIDTH - RIGHT)
    up = Scale(low, high, HEIGHT - BOTTOM, TOP, log)
    picture = element(
        "svg",
        *(_level(mark, up(mark), left) for mark in marks),
        _rule(left, HEIGHT - BOTTOM, class_="axis"),
        *(_step_label(mark, across) for mark in ticks(across.low, across.high)),
        *(_line(line, across, up) for line in series),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"{title} over steps: {'; '.join(line.key for line in series)}",
    )
    named = element("b", title, element("small", " on a log scale" if log else ""))
    return element("figure", element("figcaption", named, *(_key(line) for line in series)), picture)


def _ends(values: Sequence[float], *, log: bool, from_zero: bool) -> tuple[float, float]:
    """The lowest and highest value that a picture has room for."""
    low, high = min(values), max(values)
    if log:
        return low / 1.15, high * 1.15
    if from_zero and low >= 0:
        return 0.0, high * 1.05 or 1.0
    room = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between two ends, about four: multiples of 1, 2 or 5 times a power of ten."""
    power = math.floor(math.log10(high - low))
    paces = [factor * 10.0**p for p in (power - 1, power) for factor in (1, 2, 5)]
    places = [range(math.ceil(low / pace), math.floor(high / pace) + 1) for pace in paces]
    choices = [[place * pace for place in within] for within, pace in zip(places, paces, strict=True)]
    return min(choices, key=lambda marks: abs(len(marks) - 4))


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between two ends: with round numbers between them where few, thinned where many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors, pace in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), len(powers) // 5 + 1)):
        marks = [factor * 10.0**power for power in powers[::pace] for factor in factors]
        marks = [mark for mark in marks if low <= mark <= high]
        if len(marks) <= 6:
            break
    return marks


def short(value: float) -> str:
    """A round number for an axis."""
    size = abs(value)
    if size != 0 and not 1e-4 <= size < 1e9:
        mantissa, _, exponent = f"{value:.3e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    if size >= 1e6:
        return f"{value / 1e6:g}M"
    if size >= 1e4:
        return f"{value / 1e3:g}k"
    return f"{value:.6g}" if size < 1e3 else f"{value:,.0f}"


def smooth(values: Sequence[float]) -> list[float]:
    """A centred moving average over a fifteenth of the series; narrower near the ends, which it keeps."""
    half = max(1, len(values) // 30)
    out = []
    for place, value in enumerate(values):
        reach = min(half, place, len(values) - 1 - place)
        near = [v for v in values[place - reach : place + reach + 1] if math.isfinite(v)]
        out.append(sum(near) / len(near) if near and math.isfinite(value) else math.nan)
    return out


def thin(points: Sequence[Point]) -> list[Point]:
    """A series light enough to draw: of each of many buckets its lowest and its highest point."""
    if len(points) <= 2 * DRAWN:
        return list(points)
    kept = []
    for bucket in range(DRAWN):
        piece = points[bucket * len(points) // DRAWN : (bucket + 1) * len(points) // DRAWN]
        finite = [point for point in piece if math.isfinite(point[1])] or piece[:1]
        kept += sorted({min(finite, key=lambda p: p[1]), max(finite, key=lambda p: p[1])})
    return kept


def _line(line: Series, across: Scale, up: Scale) -> Html:
    """The marks of one series: a line, a faint one of what was smoothed, dots, and a ring."""
    finite = [point for point in line.points if math.isfinite(point[1])]
    marks = [_path(thin(line.points), across, up)]
    if line.kind == "noisy" and len(line.points) >= MANY:
        means = smooth([y for _, y in line.points])
        smoothed = [(x, mean) for (x, _), mean in zip(line.points, means, strict=True)]
        marks = [_path(thin(line.points), across, up, class_="faint"), _path(thin(smoothed), across, up)]
    if line.kind == "dots" or len(finite) == 1:
        marks += [_dot(point, across, up, radius=2.6) for point in finite if len(finite) <= 2 * MANY]
    ringed = [point for point in finite if point[0] == line.ringed_step]
    marks += [_dot(point, across, up, radius=5, class_="ring") for point in ringed]
    return element("g", *marks, class_=f"{line.kind} tone-{line.tone}")


def _path(points: Sequence[Point], across: Scale, up: Scale, **attributes: str) -> Html:
    """A line through the points, broken at gaps."""
    drawn, pen = [], "M"
    for x, y in points:
        if math.isfinite(y):
            drawn.append(f"{pen}{across(x):.1f} {up(y):.1f}")
        pen = "L" if math.isfinite(y) else "M"
    return element("path", d="".join(drawn), **attributes)


def _dot(point: Point, across: Scale, up: Scale, *, radius: float, **attributes: str) -> Html:
    said = element("title", f"step {point[0]:,.0f}: {shown(point[1])}")
    place = {"cx": f"{across(point[0]):.1f}", "cy": f"{up(point[1]):.1f}"}
    return element("circle", said, **place, r=radius, **attributes)


def _rule(left: float, height: float, *, class_: str) -> Html:
    ends = {"x1": f"{left:.1f}", "x2": WIDTH - RIGHT, "y1": f"{height:.1f}", "y2": f"{height:.1f}"}
    return element("line", **ends, class_=class_)


def _level(mark: float, height: float, left: float) -> Html:
    """A horizontal line with its value beside it."""
    value = element("text", short(mark), x=f"{left - 7:.1f}", y=f"{height + 4:.1f}", text_anchor="end")
    return markup(_rule(left, height, class_="grid"), value)


def _step_label(mark: float, across: Scale) -> Html:
    place = across(mark)
    anchor = "start" if mark == 0 else "end" if place > WIDTH - RIGHT - 20 else "middle"
    said = "step 0" if mark == 0 else short(mark)
    return element("text", said, x=f"{place:.1f}", y=HEIGHT - 5, text_anchor=anchor)


def _key(line: Series) -> Html:
    return element("span", element("i"), line.key, class_=f"key {line.kind} tone-{line.tone}")
