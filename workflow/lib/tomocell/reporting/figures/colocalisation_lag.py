"""Colocalisation with lag: mean correlation of each pair of classes against the lag."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tomocell.reporting.content import Chart, Key, Row
from tomocell.reporting.numbers import is_number
from tomocell.reporting.svg import PALETTE, Axes, Line
from tomocell.reporting.svg import draw as draw_chart

if TYPE_CHECKING:
    from tomocell.reporting.content import Block
    from tomocell.reporting.sources import Source

REPLACES = frozenset({"scalars", "curves", "objects"})
NAME = "colocalisation_lag"
MEAN = re.compile(r"mean_pearson_(.+)_lag_(\d+)")
TITLE = "Mean correlation against the lag"
NOTE = "What stays in its place is alike at any lag: compare with lag 0."


def draw(source: Source) -> tuple[Block, ...]:
    """Return the chart of the record's means."""
    found: dict[str, dict[float, float]] = {}
    for key, value in source.record_of_series(NAME).items():
        match = MEAN.fullmatch(key)
        if match and is_number(value):
            found.setdefault(match[1].replace("_", " "), {})[float(match[2])] = value
    if not found:
        return ()
    lines = [
        Line(pair, PALETTE[index % len(PALETTE)], tuple(sorted(means)), tuple(means[lag] for lag in sorted(means)))
        for index, (pair, means) in enumerate(found.items())
    ]
    longest = int(max(lag for means in found.values() for lag in means))
    axes = Axes("Lag (rows of the sheet)", "Pearson correlation", x_names=tuple(map(str, range(longest + 1))))
    drawing = draw_chart(TITLE, axes, lines)
    return (Row((Chart(TITLE, drawing, tuple(Key(line.name, line.color) for line in lines), NOTE),)),)
