"""Bars and matrices as SVG: the shares of classes side by side, and which class was taken for which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from tomocell.reporting.numbers import fixed
from tomocell.reporting.svg import rim_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH = 460
NAME_WIDTH, VALUE_WIDTH = 110, 56
BAR, GAP, TOP = 13, 15, 6
CELL = 46
MOST_NAME = 15  # characters that fit before the bars
PERCENT = 100.0
FAINTEST = 0.12  # of a share that is not nought, so that it can be seen


@dataclass(frozen=True)
class Bar:
    """A share from 0 to 1 with, where known, the ends of its interval; None is told as missing."""

    name: str
    color: str
    share: float | None
    low: float | None = None
    high: float | None = None


def draw_bars(title: str, bars: Sequence[Bar]) -> Markup:
    """Return horizontal bars, from nought to one; ``title`` is what a screen reader calls them."""
    height = TOP + len(bars) * (BAR + GAP)
    opening = Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, height, title)
    parts = [part for index, bar in enumerate(bars) for part in _bar(bar, TOP + index * (BAR + GAP))]
    return opening + Markup("").join(parts) + Markup("</svg>")


def _bar(bar: Bar, top: float) -> Iterator[Markup]:
    room = WIDTH - NAME_WIDTH - VALUE_WIDTH
    middle = top + BAR - 2
    yield _words("label end", NAME_WIDTH - 8, middle, _short(bar.name))
    rect = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" {}="{}"/>')
    yield rect.format("bar", NAME_WIDTH, top, room, BAR, "fill-opacity", "0.1")
    if bar.share is None:
        yield _words("tick", NAME_WIDTH + 6, middle, "none")
        return
    look = f"mark {rim_class(bar.color)}".strip()
    yield rect.format(look, NAME_WIDTH, top, fixed(room * bar.share, 1), BAR, "fill", bar.color)
    if bar.low is not None and bar.high is not None:
        ends = (fixed(NAME_WIDTH + room * end, 1) for end in (bar.low, bar.high))
        line = Markup('<line class="axis" x1="{}" y1="{}" x2="{}" y2="{}"/>')
        yield line.format(next(ends), top + BAR / 2, next(ends), top + BAR / 2)
    yield _words("label end", WIDTH - 2, middle, f"{fixed(PERCENT * bar.share, 2)} %")


def draw_matrix(title: str, names: Sequence[str], counts: Sequence[Sequence[int]]) -> Markup:
    """Return a confusion matrix: rows true, columns found; each cell the share of its row, the darker the larger."""
    left, top = NAME_WIDTH, 24
    width, height = left + len(names) * CELL + 4, top + len(names) * CELL + 4
    opening = Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    parts = [_words("label middle", left + (i + 0.5) * CELL, 15, _short(name, 6)) for i, name in enumerate(names)]
    for row, (name, line) in enumerate(zip(names, counts, strict=True)):
        parts.append(_words("label end", left - 8, top + (row + 0.5) * CELL + 4, _short(name)))
        total = sum(line)
        for column, count in enumerate(line):
            share = count / total if total else None
            place = (left + column * CELL, top + row * CELL)
            told = (
                f"{names[row]} taken for {names[column]}: {count} voxels" if row != column else f"{count} voxels right"
            )
            parts.extend(_cell(place, share, told, right=row == column))
    # At least as wide as bars are: text beside text of one size.
    return opening.format(max(width, WIDTH), height, title) + Markup("").join(parts) + Markup("</svg>")


def _cell(place: tuple[float, float], share: float | None, told: str, *, right: bool) -> Iterator[Markup]:
    x, y = place
    opacity = 0.0 if not share else FAINTEST + (1 - FAINTEST) * share * 0.6
    rect = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" fill-opacity="{}"><title>{}</title></rect>')
    look = "cell right" if right else "cell wrong"
    yield rect.format(look, x + 1, y + 1, CELL - 2, CELL - 2, fixed(opacity, 3), told)
    text = "none" if share is None else fixed(PERCENT * share, 1 if PERCENT * share >= 1 else 2)
    yield _words("label middle", x + CELL / 2, y + CELL / 2 + 4, text)


def _short(name: str, most: int = MOST_NAME) -> str:
    words = name.replace("_", " ")
    return words if len(words) <= most else f"{words[: most - 1]}\u2026"


def _words(look: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(look, fixed(x, 1), fixed(y, 1), text)
