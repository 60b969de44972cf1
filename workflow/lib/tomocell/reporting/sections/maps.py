"""Maps of each timestep, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.reporting.content import Section, Viewer
from tomocell.reporting.mapviews import map_views
from tomocell.reporting.steps import step_names

if TYPE_CHECKING:
    from collections.abc import Collection

    from tomocell.reporting.sources import Source

PLACE = 60
MAP_BYTES = 3_000_000
SAME_PICTURES = ("_density", "_thickness_um")  # of a class: the one is the other over the height of the volume
LEAD = "Seen along the normal of the electrodes. Each map keeps one colour scale over all timesteps."


def build(source: Source) -> list[Section]:
    """Return the chapter of maps."""
    maps = source.maps()
    left_out = [name for name in maps if _is_seen_already(name, maps)]
    views = map_views({name: maps[name] for name in maps if name not in left_out}, source.timesteps, MAP_BYTES, {})
    if not views:
        return []
    lead = LEAD
    if left_out:
        lead += " Densities are not shown: they are the thicknesses divided by the height of the volume."
    return [Section("maps", "Maps", (Viewer("maps", step_names(source), views),), lead)]


def _is_seen_already(name: str, names: Collection[str]) -> bool:
    density, thickness = SAME_PICTURES
    return name.endswith(density) and f"{name.removesuffix(density)}{thickness}" in names
