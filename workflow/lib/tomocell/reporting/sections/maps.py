"""Maps that the analyses drew, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.reporting import pictures
from tomocell.reporting.content import Pane, Section, View, Viewer
from tomocell.reporting.numbers import describe
from tomocell.reporting.steps import step_names

if TYPE_CHECKING:
    from tomocell.reporting.sources import Source

PLACE = 60
MAP_BYTES = 3_500_000


def build(source: Source) -> list[Section]:
    """Return the chapter of maps."""
    maps = source.maps()
    if not maps:
        return []
    keys = [(name, step) for name, steps in maps.items() for step in steps]
    coded = pictures.fit([maps[name][step] for name, step in keys], pictures.recode, MAP_BYTES)
    frames = {key: pictures.frame(code) for key, code in zip(keys, coded, strict=True)}
    views = tuple(
        View(describe(name).label, (Pane("", tuple(frames.get((name, step)) for step in source.timesteps)),))
        for name in maps
    )
    lead = "Each map has a colour scale of its own: read the bar before comparing two of them."
    return [Section("maps", "Maps", (Viewer("maps", step_names(source), views),), lead)]
