"""Maps as pictures of one colour scale: read small, coloured alike, with the bar that tells the values."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from tomocell.keys import UNITS
from tomocell.reporting.numbers import fixed, format_value
from tomocell.reporting.pictures import shrink
from tomocell.reporting.scales import Scale, nice_ticks
from tomocell.volumes.maps import Map, read_map

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MOST_PIXELS = 480  # longest edge of a map in the page
LOSSLESS_PIXELS = 60_000  # a small map keeps every pixel; a large one as WebP takes a tenth of the bytes of a PNG
WEBP_QUALITY = 82
TOP_PERCENTILE = 99.8  # one tall dendrite must not darken the whole series
CLIPPED = 1.05  # a largest value beyond this share of the scale's end is told by a sign
LEVELS = 255
NO_DATA = 255
NO_DATA_COLOR = (128, 128, 128)
SEQUENTIAL, DIVERGING = "viridis", "RdBu_r"
BAR_WIDTH, BAR_HEIGHT, BAR_SIDE, BAR_STEPS = 460, 48, 26, 64


@dataclass(frozen=True)
class Span:
    """The values at the two ends of a colour scale, and the largest value there is."""

    low: float
    high: float
    largest: float

    @property
    def colors(self) -> str:
        """Name of the colours: two from a middle of nought where values have both signs."""
        return DIVERGING if self.low < 0 < self.high else SEQUENTIAL


def read_small(path: Path, most: int = MOST_PIXELS) -> Map:
    """Read a map, averaged over blocks of pixels until no edge is longer than ``most``; NaN is no data.

    Raises:
        BadInput: If the file is no map.
    """
    whole = read_map(path)
    factor = math.ceil(max(whole.values.shape) / most)
    if factor == 1:
        return whole
    rows_um, columns_um = whole.pixel_size_um
    return Map(_averaged(whole.values, factor), (rows_um * factor, columns_um * factor), whole.unit)


def span_of(maps: Iterable[Map]) -> Span:
    """Return the scale that all ``maps`` share: from nought, or as far below it as above, to nearly the largest."""
    values = np.concatenate([content.values[np.isfinite(content.values)] for content in maps])
    if not values.size:
        return Span(0.0, 1.0, 1.0)
    low, largest = float(values.min()), float(values.max())
    sizes = np.abs(values[values != 0])
    high = float(np.percentile(sizes, TOP_PERCENTILE)) if sizes.size else 1.0
    most = float(sizes.max(initial=0.0))
    high = most if 0 < most <= CLIPPED * high else high
    if low >= 0:
        return Span(0.0, high, largest)
    return Span(-high, high, largest) if largest > 0 else Span(low, 0.0, largest)


def picture(content: Map, span: Span) -> Image.Image:
    """Return a map in the colours of ``span``, with square pixels; grey where there is no data."""
    width = span.high - span.low or 1.0
    shares = np.clip((content.values - span.low) / width, 0, 1)
    indices = np.where(np.isfinite(shares), np.nan_to_num(shares) * (LEVELS - 1), NO_DATA).round().astype(np.uint8)
    coloured = Image.fromarray(indices)
    coloured.putpalette(_palette(span.colors).ravel().tolist())
    return square(coloured, content.pixel_size_um)


def square(image: Image.Image, pixel_um: tuple[float, float]) -> Image.Image:
    """Return ``image`` with pixels as high as wide."""
    fine = min(pixel_um)
    size = (round(image.width * pixel_um[1] / fine), round(image.height * pixel_um[0] / fine))
    return image if size == image.size else image.resize(size, Image.Resampling.NEAREST)


def encode(image: Image.Image, share: float = 1.0) -> bytes:
    """Return a coloured map at a share of its size: without loss where it is small and whole."""
    buffer = io.BytesIO()
    if share >= 1 and image.width * image.height <= LOSSLESS_PIXELS:
        image.save(buffer, "PNG")
    else:
        shrink(image.convert("RGB"), share).save(buffer, "WEBP", quality=WEBP_QUALITY)
    return buffer.getvalue()


def width_um(content: Map) -> float:
    """Return the physical width of a map."""
    return float(content.values.shape[1] * content.pixel_size_um[1])


def color_bar(span: Span, unit: str, shades: Sequence[Sequence[int]] | None = None) -> Markup:
    """Return the bar of a scale with its ticks; ``shades`` are its colours from low to high where they are special."""
    unit = printed_unit(unit)
    colors = shades if shades is not None else _palette(span.colors)[:LEVELS].tolist()
    told = f"Colour scale from {format_value(span.low, unit=unit)} to {format_value(span.high, unit=unit)}"
    opening = Markup('<svg class="plot scale-bar" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    parts = [opening.format(BAR_WIDTH, BAR_HEIGHT, told)]
    room = (BAR_WIDTH - 2 * BAR_SIDE) / BAR_STEPS
    rect = Markup('<rect x="{}" y="2" width="{}" height="12" fill="#{}"/>')
    for index in range(BAR_STEPS):
        red, green, blue = colors[round(index / (BAR_STEPS - 1) * (len(colors) - 1))][:3]
        parts.append(
            rect.format(fixed(BAR_SIDE + index * room, 2), fixed(room + 0.4, 2), bytes((red, green, blue)).hex())
        )
    return Markup("").join([*parts, *_ticks(span, unit), Markup("</svg>")])


def printed_unit(unit: str) -> str:
    """Return the unit of a map as the page prints it."""
    return UNITS.get(unit, unit.replace("um", "µm").replace("cm2", "cm²"))


def _ticks(span: Span, unit: str) -> list[Markup]:
    scale = Scale(span.low, span.high, BAR_SIDE, BAR_WIDTH - BAR_SIDE)
    ticks = nice_ticks(span.low, span.high, 4)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else span.high - span.low or 1.0
    places = max(0, -math.floor(math.log10(step) + 1e-9)) + (1 if f"{step:e}"[:3] == "2.5" else 0)
    text = Markup('<text class="tick middle" x="{}" y="29">{}</text>')
    parts = []
    for index, tick in enumerate(ticks):
        words = fixed(tick, places)
        words = f"{words} {unit}".strip() if index == len(ticks) - 1 else words
        parts.append(text.format(fixed(scale(tick), 1), words))
    if span.largest > CLIPPED * span.high > 0:
        most = f"largest value {format_value(span.largest, unit=unit)}"
        parts.append(Markup('<text class="tick middle" x="{}" y="45">{}</text>').format(BAR_WIDTH / 2, most))
    return parts


@cache
def _palette(name: str) -> NDArray[np.uint8]:
    """Return 256 colours, the last of them that of no data."""
    from matplotlib import colormaps

    shades = (colormaps[name](np.linspace(0, 1, LEVELS))[:, :3] * 255).round().astype(np.uint8)
    return np.concatenate([shades, np.array([NO_DATA_COLOR], np.uint8)])


def _averaged(values: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Return the mean of what is known in each block of pixels, those that are left over at the ends included."""
    known = np.isfinite(values)
    if known.all():
        return _block_means(values, factor)
    with np.errstate(invalid="ignore"):
        return _block_means(np.where(known, values, np.float32(0)), factor) / _block_means(known, factor)


def _block_means(values: NDArray[Any], factor: int) -> NDArray[np.float32]:
    # Pillow's box is faster than NumPy's reduceat, along rows above all.
    return np.asarray(Image.fromarray(values.astype(np.float32)).reduce(factor))
