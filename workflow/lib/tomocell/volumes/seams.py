"""Where two fields of view that overlap lie to each other, to a whole voxel."""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.volumes.settings import LEAST_SEAM_VOXELS
from tomocell.volumes.volume import AXES, Region, Shape, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.settings import StitchSettings

log = logging.getLogger(__name__)
WINDOW_EDGE = 96  # 96^3 voxels: some 50 MB while they are correlated; the same whatever the memory limit
PATCHES = 3  # along each axis across the seam


class Seam(NamedTuple):
    """How a field lies: voxels (z, y, x) from where the overlap puts it, and the correlation there."""

    offset_voxels: Shape
    correlation: float


def find_seam(first: Volume, second: Volume, settings: StitchSettings) -> Seam:
    """Return the offset of ``second`` at which its overlap with ``first`` correlates best.

    Pearson's correlation of the voxels of up to nine patches across the overlap, pooled, for every whole offset up to
    ``search_voxels`` along each axis. Patches are small enough to be held; what they do not cover is not compared.
    Artefacts that stand still in every field (rings, cupping) also correlate, at an offset of their own.

    Raises:
        BadInput: If the best correlation is below ``least_correlation``, or the best offset the farthest one tried.
    """
    search = settings.search_voxels
    patches = _patches(second, settings)
    middle = float(_finite(second, patches[0]).mean())  # far from zero, squares of grey values would drown their spread
    sums = sum(_sums(first, second, patch, settings, middle) for patch in patches)
    correlation = _correlation(np.asarray(sums))
    best = np.unravel_index(int(np.argmax(correlation)), correlation.shape)
    z, y, x = (int(index) - search for index in best)
    seam = Seam((z, y, x), round(float(correlation[best]), 6))
    log.info("%s: offset %s, correlation %.3f to %s", second.name, seam.offset_voxels, seam.correlation, first.name)
    _check(first, second, seam, settings)
    return seam


def _check(first: Volume, second: Volume, seam: Seam, settings: StitchSettings) -> None:
    where = f"{second.name}, its seam with {first.name}"
    if seam.correlation < settings.least_correlation:
        expected = f"at least {settings.least_correlation} (convert.stitch.least_correlation)"
        remedy = "correct convert.stitch (axis, overlap_voxels), the order of the fields, or search farther"
        raise BadInput(Fault(where, f"correlation {seam.correlation:.3f}", expected, remedy))
    if settings.search_voxels and settings.search_voxels in map(abs, seam.offset_voxels):
        expected = f"an offset within {settings.search_voxels - 1} voxels along {', '.join(AXES)}"
        raise BadInput(Fault(where, seam.offset_voxels, expected, "correct overlap_voxels, or raise search_voxels"))


def _patches(second: Volume, settings: StitchSettings) -> list[Region]:
    """Return the boxes of the later field that are compared: inside the overlap at every offset tried."""
    search = settings.search_voxels
    most = WINDOW_EDGE - 2 * search
    spans = []
    for name, length in zip(AXES, second.shape, strict=True):
        along = name == settings.axis
        low, high = (0, settings.overlap_voxels - search) if along else (search, length - search)
        if high - low < LEAST_SEAM_VOXELS:
            remedy = "search less far, or give larger fields"
            expected = f"at least {2 * search + LEAST_SEAM_VOXELS} voxels to search {search} far"
            raise BadInput(Fault(f"{second.name}, along {name}", length, expected, remedy))
        spans.append(_places(low, high, most, 1 if along else PATCHES))
    return [(z, y, x) for z, y, x in itertools.product(*spans)]


def _places(low: int, high: int, most: int, count: int) -> list[slice]:
    edge = min(most, high - low)
    room = high - low - edge
    starts = {low + room // 2} if count == 1 else {low + room * place // (count - 1) for place in range(count)}
    return [slice(start, start + edge) for start in sorted(starts)]


def _sums(first: Volume, second: Volume, patch: Region, settings: StitchSettings, middle: float) -> NDArray[np.float64]:
    """Return, for every offset, the sums of a, b, aa, bb, ab and 1 over a patch; shape (6, offsets...)."""
    search = settings.search_voxels
    place = AXES.index(settings.axis)
    shift = first.shape[place] - settings.overlap_voxels
    window = [slice(part.start - search, part.stop + search) for part in patch]
    window[place] = slice(window[place].start + shift, window[place].stop + shift)
    a = _finite(first, (window[0], window[1], window[2])) - middle
    b = _finite(second, patch) - middle
    count = [float(b.size), float(b.sum()), float((b * b).sum())]
    ab = _products(a, b)
    ones, sum_b, sum_bb = (np.full(ab.shape, value) for value in count)
    return np.stack([_box_sum(a, b.shape), sum_b, _box_sum(a * a, b.shape), sum_bb, ab, ones])


def _finite(volume: Volume, region: Region) -> NDArray[np.float64]:
    voxels = volume.read(region).astype(np.float64)
    if not np.isfinite(voxels).all():
        remedy = "reconstruct again, or replace such voxels before conversion"
        raise BadInput(Fault(volume.name, "voxels that are no numbers in the overlap", "finite grey values", remedy))
    return voxels


def _products(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of products of ``b`` with every box of its size inside ``a``.

    Fourier's transform of the size of ``a`` wraps around, but not where ``b`` lies inside.
    """
    from scipy.fft import irfftn, rfftn

    product = irfftn(rfftn(a) * np.conj(rfftn(b, a.shape)), a.shape)
    z, y, x = (slice(0, whole - part + 1) for whole, part in zip(a.shape, b.shape, strict=True))
    return np.asarray(product[z, y, x])


def _box_sum(voxels: NDArray[np.float64], edges: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the sum over every box of ``edges`` that lies inside."""
    for axis, edge in enumerate(edges):
        total = np.insert(np.cumsum(voxels, axis), 0, 0.0, axis)
        count = total.shape[axis]
        voxels = total.take(range(edge, count), axis) - total.take(range(count - edge), axis)
    return voxels


def _correlation(sums: NDArray[Any]) -> NDArray[np.float64]:
    """Return Pearson's correlation from sums; 0 where one of the two does not vary."""
    a, b, aa, bb, ab, count = sums
    spread = np.maximum(aa - a * a / count, 0) * np.maximum(bb - b * b / count, 0)
    scale = np.maximum(aa * bb, np.finfo(float).tiny)
    flat = spread <= scale * 1e-18  # what rounding leaves of a constant
    return np.where(flat, 0.0, (ab - a * b / count) / np.sqrt(np.where(flat, 1.0, spread)))
