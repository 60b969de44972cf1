"""Displacement of the electrodes: their edges at the turns of the cycle, laid over each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tomocell.reporting.content import Chart, Key, Row
from tomocell.reporting.cycle_steps import cycle_steps
from tomocell.reporting.svg import Axes, Line
from tomocell.reporting.svg import draw as draw_chart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from tomocell.reporting.content import Block
    from tomocell.reporting.sources import Source

REPLACES = frozenset({"objects"})
NAME = "electrode_gap"
EDGES = ("stripping_outer", "stripping_inner", "plating_inner", "plating_outer")
COLORS = ("#2f9e44", "#e8890c", "#c2338f")
LOOKS = ("broad", "medium", "")  # so that edges that lie over each other are all seen


def draw(source: Source) -> tuple[Block, ...]:
    """Return a chart for each direction of the face: depth of the edges, averaged across the other direction.

    Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y, Fig. 5b and Supplementary Fig. 10.
    """
    called = cycle_steps(source.samples)
    tables = source.objects(NAME)
    shown = {f"{called[step]}, {step}": tables[step] for step in called if step in tables}
    axes = dict.fromkeys(str(axis) for table in shown.values() for axis in table.get("axis", ()))
    charts = tuple(_chart(axis, shown) for axis in sorted(axes, reverse=True))
    return (Row(charts),) if charts else ()


def _chart(axis: str, tables: Mapping[str, pd.DataFrame]) -> Chart:
    lines = [
        line
        for (name, table), color, look in zip(tables.items(), COLORS, LOOKS, strict=False)
        for line in _edges(Line(name, color, (), (), has_marks=False, look=look), table[table["axis"] == axis])
    ]
    title = f"Edges of the electrodes along {axis}"
    axes = Axes(f"Position {axis} (µm)", "Depth z", "µm", is_down=True)
    legend = tuple(Key(name, color) for name, color in zip(tables, COLORS, strict=False))
    return Chart(title, draw_chart(title, axes, lines), legend)


def _edges(pen: Line, table: pd.DataFrame) -> Iterator[Line]:
    """Yield a line for each edge, drawn with ``pen``."""
    for edge in EDGES:
        key = f"{edge}_um"
        if key in table:
            x, y = tuple(table["position_um"].astype(float)), tuple(table[key].astype(float))
            yield replace(pen, x=x, y=y)
