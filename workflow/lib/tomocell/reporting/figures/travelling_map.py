"""Travelling lithium: where it was lost on the plating side, in blue, and gained on the stripping side, in red."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from PIL import Image

from tomocell.reporting import heat, pictures
from tomocell.reporting.content import Pane, View, Viewer

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.reporting.content import Block
    from tomocell.reporting.heat import Span
    from tomocell.reporting.sources import Source
    from tomocell.volumes.maps import Map

REPLACES = frozenset({"maps"})
NAME = "travelling_map"
LOSS, GAIN = "plating_loss", "stripping_gain"
VIEWS = {"_cross_section": "Cross-section", "": "Seen along the normal of the electrodes"}
BLUE, RED = (33, 102, 172), (190, 20, 40)
WHITE = 255
BYTES = 500_000
LABELS = ("Lost on the plating side", "Gained on the stripping side")
NOTE = "From the half to the full cycle; purple where both happened in one line of sight."


def draw(source: Source) -> tuple[Block, ...]:
    """Return loss and gain in one picture for each view that there is.

    Source: Huang et al. 2023, doi:10.1038/s41524-023-01039-y, Fig. 5c.
    """
    paths = source.maps_of_series(NAME)
    views = tuple(
        View(name, (_pane(paths[f"{LOSS}{suffix}_um"], paths[f"{GAIN}{suffix}_um"]),), NOTE)
        for suffix, name in VIEWS.items()
        if f"{LOSS}{suffix}_um" in paths and f"{GAIN}{suffix}_um" in paths
    )
    return (Viewer(NAME, ("",), views),) if views else ()


def _pane(*paths: Path) -> Pane:
    loss, gain = (heat.read_small(path) for path in paths)
    span = heat.span_of((loss, gain))
    blended = heat.square(Image.fromarray(blend(loss, gain, span)), loss.pixel_size_um)
    (coded,) = pictures.fit([blended], heat.encode, BYTES // len(VIEWS))
    bars = [_bar(label, span, loss.unit, color) for label, color in zip(LABELS, (BLUE, RED), strict=True)]
    frame = pictures.frame(coded, heat.width_um(loss))
    return Pane("", (frame,), is_pixelated=frame.size[0] < heat.MOST_PIXELS // 2, bar=Markup("").join(bars))


def blend(loss: Map, gain: Map, span: Span) -> NDArray[np.uint8]:
    """Return (rows, columns, 3): white where nothing happened, each colour the deeper the more there was of it."""
    inks = [
        1 - _share(content, span)[..., None] * (1 - np.array(color) / WHITE)
        for content, color in ((loss, BLUE), (gain, RED))
    ]
    return np.asarray((inks[0] * inks[1] * WHITE).round().astype(np.uint8))


def _share(content: Map, span: Span) -> NDArray[np.float64]:
    return np.nan_to_num(np.clip(content.values / (span.high or 1.0), 0, 1).astype(np.float64))


def _bar(label: str, span: Span, unit: str, color: tuple[int, int, int]) -> Markup:
    steps = np.linspace(0, 1, heat.BAR_STEPS)[:, None]
    shades = ((1 - steps * (1 - np.array(color) / WHITE)) * WHITE).round().astype(int).tolist()
    return Markup('<p class="note bar-name">{}</p>').format(label) + heat.color_bar(span, unit, shades)
