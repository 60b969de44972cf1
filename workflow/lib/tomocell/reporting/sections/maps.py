"""Maps that the analyses drew, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from tomocell.reporting import pictures
from tomocell.reporting.content import Pane, Section, View, Viewer
from tomocell.reporting.numbers import describe
from tomocell.reporting.steps import step_names

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.reporting.sources import Source

PLACE = 60
MAP_BYTES = 3_500_000
COLORS = 160  # a colour map, its bar and grey letters need no more


def build(source: Source) -> list[Section]:
    """Return the chapter of maps."""
    maps = source.maps()
    if not maps:
        return []
    keys = [(name, step) for name, steps in maps.items() for step in steps]
    coded = pictures.fit([maps[name][step] for name, step in keys], _encode, MAP_BYTES)
    frames = {key: pictures.frame(code) for key, code in zip(keys, coded, strict=True)}
    views = tuple(
        View(describe(name).label, (Pane("", tuple(frames.get((name, step)) for step in source.timesteps)),))
        for name in maps
    )
    lead = "Each map has a colour scale of its own: read the bar before comparing two of them."
    return [Section("maps", "Maps", (Viewer("maps", step_names(source), views),), lead)]


def _encode(path: Path, share: float) -> bytes:
    """Return the picture as it is while all of them fit, then with fewer colours and smaller."""
    if share >= 1:
        return path.read_bytes()
    with Image.open(path) as picture:
        smaller = pictures.shrink(picture.convert("RGB"), share)
    return pictures.encode_png(smaller.quantize(COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE))
