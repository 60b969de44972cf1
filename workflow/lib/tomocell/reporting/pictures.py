"""Planes of stores as small pictures: read a plane of a coarse level, grey window, class colours, scale bar."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from PIL import Image

from tomocell.reporting.content import Frame, ScaleBar
from tomocell.reporting.numbers import format_value
from tomocell.volumes.pyramid import level_shapes
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.store import StoreVolume
    from tomocell.volumes.volume import Classes, Region

MOST_PIXELS = 720  # longest edge: as wide as a column of the page
JPEG_QUALITY = 84
WINDOW_PERCENT = (0.5, 99.5)
SMALLEST_SHARE = 0.02
BAR_SHARE = 0.25  # the scale bar is the longest round length below this share of the width
DULL = 0.5  # a middle plane with less than this share of the best plane's entropy is passed over
BARELY = 1e-6  # of a voxel: less of it is rounding
COLORS = 160  # a colour map, its bar and grey letters need no more
UNKNOWN_COLOR = "#ff00ff"

T = TypeVar("T")


@dataclass(frozen=True)
class Plane:
    """A plane of a volume: pixels (rows, columns) and their edges in um."""

    pixels: NDArray[Any]
    pixel_um: tuple[float, float]


def read_plane(volume: StoreVolume, axis: int, share: float, frame: StoreVolume | None = None) -> Plane:
    """Read the plane across ``axis`` at ``share`` (0 to 1) of its length, from a level no finer than is shown.

    ``frame``, if given, is the store whose length and extent are meant, cut from the frame of ``volume``: the picture
    shows the same part of the sample as one of ``frame``.
    """
    coarse = volume.coarser(_level(volume, axis))
    region = list(_part(coarse, frame or volume))
    low, high = region[axis].start, region[axis].stop
    index = min(low + int(share * (high - low)), high - 1)
    region[axis] = slice(index, index + 1)
    rows, columns = (size for other, size in enumerate(coarse.size) if other != axis)
    return Plane(coarse.read(_region(region)).squeeze(axis), (rows, columns))


def _part(coarse: StoreVolume, frame: StoreVolume) -> Region:
    """Return the part of a level that lies in the extent of ``frame``: the whole, if the two are alike."""
    ends = zip(coarse.shape, coarse.size, coarse.origin_um, frame.origin_um, frame.shape, frame.size, strict=True)
    parts = []
    for length, edge, own, origin, count, fine in ends:
        first = min(max(round((origin - own) / edge), 0), length - 1)
        stop = max(first + 1, min(math.ceil((origin - own + count * fine) / edge - BARELY), length))
        parts.append(slice(first, stop))
    return _region(parts)


def telling_share(volume: StoreVolume, axis: int) -> float:
    """Return where across ``axis`` to look: the middle, or the plane that shows most where the middle shows little.

    What a plane shows is the entropy of its classes, at the coarsest level.
    """
    coarse = volume.coarser(volume.manifest.levels - 1)
    voxels = np.moveaxis(coarse.read(whole(coarse.shape)), axis, 0)
    entropies = [_entropy(plane) for plane in voxels]
    middle = len(entropies) // 2
    best = int(np.argmax(entropies))
    index = middle if entropies[middle] >= DULL * entropies[best] else best
    return (index + 0.5) / len(entropies)


def grey_window(planes: Sequence[Plane]) -> tuple[float, float]:
    """Return the grey values shown as black and white, the same for all ``planes``; zeros are no data."""
    values = np.concatenate([plane.pixels[plane.pixels != 0][::7] for plane in planes])
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values.astype(np.float64), WINDOW_PERCENT)
    return float(low), float(high) if high > low else float(low) + 1.0


def grey_picture(plane: Plane, window: tuple[float, float]) -> Image.Image:
    """Return a plane of grey values between the values of ``window``, with square pixels."""
    low, high = window
    scaled = np.clip((plane.pixels.astype(np.float32) - low) / (high - low), 0, 1) * 255
    return _square(Image.fromarray(scaled.round().astype(np.uint8)), plane, Image.Resampling.BICUBIC)


def class_picture(plane: Plane, classes: Classes) -> Image.Image:
    """Return a plane of labels in the colours of the ``classes``; magenta where a value has no class."""
    palette = [UNKNOWN_COLOR] * 256
    for member in classes:
        palette[member.value] = member.color
    picture = Image.fromarray(plane.pixels.astype(np.uint8))
    picture.putpalette([int(color[start : start + 2], 16) for color in palette for start in (1, 3, 5)])
    return _square(picture, plane, Image.Resampling.NEAREST)


def encode_jpeg(picture: Image.Image) -> bytes:
    """Return a grey picture as JPEG: noise takes a quarter of the bytes of a PNG."""
    return _encoded(picture, "JPEG", quality=JPEG_QUALITY)


def encode_png(picture: Image.Image) -> bytes:
    """Return a picture of few colours as PNG, without loss."""
    return _encoded(picture, "PNG")


def fit(things: Sequence[T], encode: Callable[[T, float], bytes], budget_bytes: int) -> list[bytes]:
    """Return a picture of each of ``things``, all made smaller alike until together they keep to the budget.

    ``encode`` makes the picture of one thing at a share of its size, so that no more than one is held unencoded.
    """
    share = 1.0
    while True:
        coded = [encode(thing, share) for thing in things]
        total = sum(map(len, coded))
        if total <= budget_bytes or share < SMALLEST_SHARE:
            return coded
        share *= 0.95 * math.sqrt(budget_bytes / total)


def recode(path: Path, share: float) -> bytes:
    """Return a picture file as it is at a share of 1, else with fewer colours and smaller."""
    if share >= 1:
        return path.read_bytes()
    with Image.open(path) as picture:
        smaller = shrink(picture.convert("RGB"), share)
    return encode_png(smaller.quantize(COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE))


def shrink(picture: Image.Image, share: float) -> Image.Image:
    """Return ``picture`` at a share of its size."""
    if share >= 1:
        return picture
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    # A palette cannot be averaged: the nearest colour is right where the colours are classes.
    return picture.resize(size, Image.Resampling.NEAREST if picture.mode == "P" else Image.Resampling.LANCZOS)


def frame(coded: bytes, width_um: float | None = None) -> Frame:
    """Return a picture as a frame, with a scale bar where its width is known."""
    with Image.open(io.BytesIO(coded)) as picture:
        kind, size = str(picture.format).lower(), picture.size
    uri = f"data:image/{kind};base64,{base64.b64encode(coded).decode()}"
    return Frame(uri, size, scale_bar(width_um) if width_um else None)


def scale_bar(width_um: float) -> ScaleBar:
    """Return a bar of 1, 2 or 5 times a power of ten, at most a quarter as wide as the picture."""
    most = BAR_SHARE * width_um
    power = 10.0 ** math.floor(math.log10(most))
    length: float = next(digit * power for digit in (5, 2, 1) if digit * power <= most)
    unit, scale = ("µm", 1.0) if length >= 1 else ("nm", 1e3)
    if length >= 1e3:  # noqa: PLR2004
        unit, scale = "mm", 1e-3
    return ScaleBar(100 * length / width_um, format_value(round(length * scale), unit=unit))


def width_um(plane: Plane) -> float:
    """Return the physical width of a plane."""
    return float(plane.pixels.shape[1] * plane.pixel_um[1])


def _level(volume: StoreVolume, axis: int) -> int:
    shapes = level_shapes(volume.shape)
    sizes = [max(size for other, size in enumerate(shape) if other != axis) for shape in shapes]
    return next(level for level, size in enumerate(sizes) if size <= MOST_PIXELS)


def _region(parts: list[slice]) -> Region:
    return (parts[0], parts[1], parts[2])


def _entropy(labels: NDArray[Any]) -> float:
    counts = np.unique(labels, return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _square(picture: Image.Image, plane: Plane, resampling: Image.Resampling) -> Image.Image:
    rows_um, columns_um = plane.pixel_um
    fine = min(plane.pixel_um)
    size = (round(picture.width * columns_um / fine), round(picture.height * rows_um / fine))
    share = min(1.0, MOST_PIXELS / max(size))
    size = (max(1, round(size[0] * share)), max(1, round(size[1] * share)))
    return picture if size == picture.size else picture.resize(size, resampling)


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
