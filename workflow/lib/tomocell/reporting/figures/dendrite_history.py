"""Dendrites through time: the tree of the largest tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.reporting.content import Chart, Details, Row, number_table
from tomocell.reporting.svg import PALETTE
from tomocell.reporting.timeaxis import time_axis
from tomocell.reporting.tree import Node, draw_tree, important_tracks

if TYPE_CHECKING:
    import pandas as pd

    from tomocell.reporting.content import Block
    from tomocell.reporting.sources import Source

REPLACES = frozenset({"objects"})
NAME = "dendrite_history"
MOST_TRACKS = 30
MOST_ROWS = 200
COLUMNS = ("timestep", "volume_um3", "height_um", "tip_z_um", "event", "fate")
NOTE = (
    "Thickness grows with the square root of the volume. A dot is a birth, a merger or a split; an open one the last "
    "sight of a dendrite that nothing continues."
)


def draw(source: Source) -> tuple[Block, ...]:
    """Return the tree, and a table of its tracks."""
    table = source.objects_of_series(NAME)
    if table is None or table.empty or not {"track", "timestep", "label", "volume_um3"} <= set(table.columns):
        return ()
    axis = time_axis(source.samples)
    nodes = [node for node in _nodes(table) if node.step in axis.positions]
    tracks = important_tracks(nodes, MOST_TRACKS)
    count = table["track"].nunique()
    title = f"All {count} tracks" if count <= MOST_TRACKS else f"The {MOST_TRACKS} largest of {count} tracks"
    drawing = draw_tree(f"Dendrites through time. {title}", nodes, tracks, axis, _color(source))
    return Row((Chart(title, drawing, note=NOTE, is_wide=True),)), _rows(table, tracks)


def _nodes(table: pd.DataFrame) -> list[Node]:
    return [
        Node(
            int(row["track"]),
            str(row["timestep"]),
            str(row["label"]),
            float(row["volume_um3"]),
            str(row.get("event") or ""),
            str(row.get("fate") or ""),
            _parents(row.get("parents")),
        )
        for row in table.to_dict("records")
    ]


def _parents(text: object) -> tuple[tuple[str, str], ...]:
    """Return what ``timestep:label;timestep:label`` names."""
    named = (part.rpartition(":") for part in str(text or "").split(";") if ":" in part)
    return tuple((step, label) for step, _, label in named)


def _color(source: Source) -> str:
    name = str(source.project.study.series.get(NAME, {}).get("of", "dendrite"))
    return source.colors.get(name, PALETTE[0])


def _rows(table: pd.DataFrame, tracks: list[int]) -> Details:
    shown = table[table["track"].isin(tracks)].sort_values(["track", "timestep"]).head(MOST_ROWS)
    keys = [key for key in COLUMNS if key in shown]
    return Details(
        f"Table of {len(shown)} rows", (number_table("One row per dendrite and timestep", shown, keys, "track"),)
    )
