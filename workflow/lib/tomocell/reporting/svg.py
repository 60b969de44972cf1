"""Line charts as SVG, written by hand: a few kilobytes each, sharp at any size, coloured by the page's theme.

Every string is escaped by ``markupsafe`` as it is put in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from markupsafe import Markup

from tomocell.reporting.numbers import common_power, fixed, format_setting, format_value, is_number, power_of_ten
from tomocell.reporting.scales import Scale, minute_ticks, nice_ticks, padded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH, HEIGHT = 460, 270
LEFT, RIGHT, TOP, BOTTOM = 50, 14, 34, 42
LIGHT_PAGE, DARK_PAGE = 1.0, 0.012  # relative luminances of the two themes' pages
WORD_WIDTH = 64  # a band narrower than its name tells it as a tooltip only
FAINT = 1.7  # contrast below which a line needs a rim
PALETTE = ("#2f74b5", "#d97a2b", "#2f9e7e", "#b84a86", "#8a7a2f", "#6b7785")


@dataclass(frozen=True)
class Line:
    """A curve; what is not finite is a gap.

    ``error`` holds standard uncertainties, where known, ``is_open`` tells which marks are drawn open, and ``look`` is
    a further class of the style.
    """

    name: str
    color: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    error: tuple[float | None, ...] = ()
    is_dashed: bool = False
    has_marks: bool = True
    is_open: tuple[bool, ...] = ()
    look: str = ""


@dataclass(frozen=True)
class Band:
    """A stretch of the x axis with a meaning, such as charge."""

    start: float
    stop: float
    look: str
    name: str


@dataclass(frozen=True)
class Guide:
    """A level to compare with, such as a tolerance."""

    value: float
    name: str


@dataclass(frozen=True)
class Axes:
    """What the axes say.

    Attributes:
        x_label: Name and unit along x.
        y_name: Name along y; may be empty where the title says it.
        y_unit: Its unit.
        x_names: Names of x = 0, 1, 2, ... where x is not a number.
        bands: Stretches of x with a meaning.
        guides: Levels to compare with.
        is_time: Whether x counts minutes.
        is_log: Whether x is logarithmic.
        is_down: Whether y grows downwards, as depth does.
    """

    x_label: str
    y_name: str = ""
    y_unit: str = ""
    x_names: tuple[str, ...] = ()
    bands: tuple[Band, ...] = ()
    guides: tuple[Guide, ...] = ()
    is_time: bool = False
    is_log: bool = False
    is_down: bool = False


@dataclass(frozen=True)
class _Canvas:
    """The scales of one chart."""

    axes: Axes
    x: Scale
    y: Scale
    power: int
    x_ticks: list[float] = field(default_factory=list)
    y_ticks: list[float] = field(default_factory=list)


def draw(title: str, axes: Axes, lines: Sequence[Line]) -> Markup:
    """Return a chart of ``lines``; ``title`` is what a screen reader calls it."""
    canvas = _canvas(axes, lines)
    parts = [*_bands(canvas), *_grid(canvas), *_guides(canvas)]
    for line in lines:
        parts.extend(_line(canvas, line))
    opening = Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    return opening.format(WIDTH, HEIGHT, title) + Markup("").join(parts) + Markup("</svg>")


def _canvas(axes: Axes, lines: Sequence[Line]) -> _Canvas:
    low, high = padded([value for line in lines for value in _extent(line)] + [guide.value for guide in axes.guides])
    # Charts over time keep one axis, also where a quantity is known for a part of it.
    xs = [value for line in lines for value in line.x] + [end for band in axes.bands for end in (band.start, band.stop)]
    power = common_power([abs(low), abs(high)])
    x = Scale(min(xs, default=0.0), max(xs, default=1.0), LEFT + 8, WIDTH - RIGHT - 8, is_log=axes.is_log)
    y = Scale(low, high, *((TOP, HEIGHT - BOTTOM) if axes.is_down else (HEIGHT - BOTTOM, TOP)))
    return _Canvas(axes, x, y, power, _x_ticks(axes, x), nice_ticks(low, high, 5))


def _extent(line: Line) -> Iterator[float]:
    for value, error in zip(line.y, line.error or [None] * len(line.y), strict=True):
        if value is not None and is_number(value):
            yield value - (error or 0.0)
            yield value + (error or 0.0)


def _x_ticks(axes: Axes, scale: Scale) -> list[float]:
    if axes.x_names:
        step = math.ceil(len(axes.x_names) / 8)
        return [float(index) for index in range(0, len(axes.x_names), step)]
    if axes.is_time:
        return minute_ticks(scale.low, scale.high)
    return nice_ticks(scale.low, scale.high, 6, is_log=axes.is_log)


def _grid(canvas: _Canvas) -> Iterator[Markup]:
    axes, base = canvas.axes, HEIGHT - BOTTOM
    for tick in canvas.y_ticks:
        yield stroke("grid", LEFT, canvas.y(tick), WIDTH - RIGHT, canvas.y(tick))
        yield words("tick end", LEFT - 7, canvas.y(tick) + 4, _tick_text(tick, canvas.y_ticks, canvas.power))
    for tick in canvas.x_ticks:
        yield stroke("axis", canvas.x(tick), base, canvas.x(tick), base + 4)
        text = _x_text(canvas, tick)
        yield words("tick middle", canvas.x(tick), base + 17, text)
    yield stroke("axis", LEFT, base, WIDTH - RIGHT, base)
    if canvas.y.low < 0 < canvas.y.high:
        yield stroke("zero", LEFT, canvas.y(0.0), WIDTH - RIGHT, canvas.y(0.0))
    yield words("label middle", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, axes.x_label)
    yield words("label", 4, 14, _y_label(axes, canvas.power))


def _x_text(canvas: _Canvas, tick: float) -> str:
    if canvas.axes.x_names:
        return canvas.axes.x_names[int(tick)]
    return format_setting(tick) if canvas.axes.is_log else _tick_text(tick, canvas.x_ticks, 0)


def _y_label(axes: Axes, power: int) -> str:
    unit = "degrees" if axes.y_unit == "°" else axes.y_unit  # a lone ° is easily missed
    unit = f"{power_of_ten(power)} {unit}".strip() if power else unit
    return f"{axes.y_name} ({unit})" if axes.y_name and unit else axes.y_name or unit


def _tick_text(tick: float, ticks: list[float], power: int) -> str:
    step = min((abs(after - before) for before, after in pairwise(ticks)), default=1.0)
    step /= 10.0**power
    # 2.5 needs one decimal more than its size tells.
    places = 0
    while places < 6 and abs(round(step, places) - step) > 1e-6 * step:  # noqa: PLR2004
        places += 1
    return fixed(tick / 10.0**power, places)


def _bands(canvas: _Canvas) -> Iterator[Markup]:
    for band in canvas.axes.bands:
        left, right = canvas.x(band.start), canvas.x(band.stop)
        shape = Markup('<rect class="band {}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>')
        yield shape.format(band.look, at(left), TOP, at(right - left), HEIGHT - TOP - BOTTOM, band.name)
        if right - left > WORD_WIDTH:
            yield words(f"state middle {band.look}", (left + right) / 2, TOP - 4, band.name)


def _guides(canvas: _Canvas) -> Iterator[Markup]:
    for guide in canvas.axes.guides:
        yield stroke("guide", LEFT, canvas.y(guide.value), WIDTH - RIGHT, canvas.y(guide.value))
        yield words("tick", LEFT + 6, canvas.y(guide.value) - 5, guide.name)


def _line(canvas: _Canvas, line: Line) -> Iterator[Markup]:
    path = _path(canvas, line)
    rim = rim_class(line.color)
    if rim:
        yield Markup('<path class="rim {}" d="{}"/>').format(rim, path)
    dash = Markup(' stroke-dasharray="6 4"') if line.is_dashed else Markup("")
    look = f"curve {line.look}".strip()
    yield Markup('<path class="{}" stroke="{}"{} d="{}"/>').format(look, line.color, dash, path)
    if line.has_marks:
        yield from _marks(canvas, line)


def _path(canvas: _Canvas, line: Line) -> str:
    commands, pen = [], "M"
    for x, y in zip(line.x, line.y, strict=True):
        if y is None or not is_number(y):
            pen = "M"
            continue
        commands.append(f"{pen}{at(canvas.x(x))} {at(canvas.y(y))}")
        pen = "L"
    return "".join(commands)


def _marks(canvas: _Canvas, line: Line) -> Iterator[Markup]:
    for index, (x, y) in enumerate(zip(line.x, line.y, strict=True)):
        if y is None or not is_number(y):
            continue
        error = line.error[index] if line.error else None
        if error:
            yield _error_bar(canvas, line.color, x, y, error)
        where = canvas.axes.x_names[int(x)] if canvas.axes.x_names else format_value(x)
        text = f"{line.name} at {where}: {format_value(y, error, canvas.axes.y_unit)}"
        is_open = bool(line.is_open) and line.is_open[index]
        look, paint = ("open", "stroke") if is_open else (f"mark {rim_class(line.color)}", "fill")
        shape = Markup('<circle class="{}" {}="{}" cx="{}" cy="{}" r="3.2"><title>{}</title></circle>')
        yield shape.format(look, paint, line.color, at(canvas.x(x)), at(canvas.y(y)), text)


def _error_bar(canvas: _Canvas, color: str, x: float, y: float, error: float) -> Markup:
    middle, top, bottom = canvas.x(x), canvas.y(y + error), canvas.y(y - error)
    path = f"M{at(middle)} {at(top)}V{at(bottom)}M{at(middle - 3)} {at(top)}h6M{at(middle - 3)} {at(bottom)}h6"
    return Markup('<path class="error" stroke="{}" d="{}"/>').format(color, path)


def rim_class(color: str) -> str:
    """Return the class of a rim where ``color`` would vanish on the light or the dark page, else nothing."""
    luminance = _luminance(color)
    if _contrast(luminance, LIGHT_PAGE) < FAINT:
        return "on-light"
    return "on-dark" if _contrast(luminance, DARK_PAGE) < FAINT else ""


def _luminance(color: str) -> float:
    """Relative luminance of #rrggbb, WCAG 2."""
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)  # noqa: PLR2004
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(first: float, second: float) -> float:
    bright, dark = max(first, second), min(first, second)
    return (bright + 0.05) / (dark + 0.05)


def stroke(look: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    """Return a straight line that is styled as ``look``."""
    shape = Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>')
    return shape.format(look, at(x1), at(y1), at(x2), at(y2))


def words(look: str, x: float, y: float, text: str) -> Markup:
    """Return words that are styled as ``look``."""
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(look, at(x), at(y), text)


def at(value: float) -> str:
    """Return a position to a tenth of a pixel."""
    return f"{value:.1f}".rstrip("0").rstrip(".")
