"""Maps as views: each name over time in one colour scale, with a scale bar and the bar of its colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.reporting import heat, pictures
from tomocell.reporting.content import Frame, Pane, View
from tomocell.reporting.numbers import describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tomocell.volumes.maps import Map

Named = dict[str, dict[str, "Map"]]


def map_views(
    paths: Mapping[str, Mapping[str, Path]], steps: Sequence[str], budget_bytes: int, names: Mapping[str, str]
) -> tuple[View, ...]:
    """Return a view for each name of ``paths`` (by name and step), its maps in one colour scale.

    Args:
        paths: Where the maps lie.
        steps: Those of the slider, in order.
        budget_bytes: What all pictures may take together.
        names: What a map is called on the page, where that is not told by its name.

    Raises:
        BadInput: If a file is no map.
    """
    maps = {name: {step: heat.read_small(path) for step, path in found.items()} for name, found in paths.items()}
    frames = frames_of(maps, budget_bytes)
    return tuple(
        View(names.get(name) or describe(name).label, (_pane(found, [frames.get((name, step)) for step in steps]),))
        for name, found in maps.items()
    )


def frames_of(maps: Named, budget_bytes: int) -> dict[tuple[str, str], Frame]:
    """Return the picture of each map, by name and step; one scale for each name."""
    spans = {name: heat.span_of(found.values()) for name, found in maps.items()}
    keys = [(name, step) for name, found in maps.items() for step in found]

    def encode(key: tuple[str, str], share: float) -> bytes:
        name, step = key
        return heat.encode(heat.picture(maps[name][step], spans[name]), share)

    coded = pictures.fit(keys, encode, budget_bytes)
    return {
        key: pictures.frame(code, heat.width_um(maps[key[0]][key[1]])) for key, code in zip(keys, coded, strict=True)
    }


def _pane(found: Mapping[str, Map], frames: Sequence[Frame | None]) -> Pane:
    first = next(iter(found.values()))
    is_coarse = all(frame is None or frame.size[0] < heat.MOST_PIXELS // 2 for frame in frames)
    bar = heat.color_bar(heat.span_of(found.values()), first.unit)
    return Pane("", tuple(frames), is_pixelated=is_coarse, bar=bar)
