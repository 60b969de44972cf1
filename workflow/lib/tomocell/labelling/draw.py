"""Voxels drawn from a labelled volume: the same ones however the volume is cut, and on any machine.

Every voxel has a lot, a hash of its place in the volume and the seed; those with the smallest lots are drawn. So a
block can draw for itself, and the draws of two blocks can be joined, without anyone knowing the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, reduce_volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region, Shape, Volume

BYTES_PER_VOXEL = 96.0  # labels, a mask, and where all are labelled alike: indices, places and lots of each


@dataclass(frozen=True)
class Draw:
    """Voxels of one class.

    Attributes:
        places: Indices into the volume in C order, ascending, shape (voxels,).
        count: Voxels that the class has in all.
    """

    places: NDArray[np.int64]
    count: int


def draw_voxels(labels: Volume, values: Sequence[int], most: int, seed: int, limits: Limits) -> dict[int, Draw]:
    """Return up to ``most`` voxels of each label value, drawn without regard to where they are."""

    def kernel(voxels: NDArray[Any], block: Block) -> dict[int, Draw]:
        return {value: _of_block(voxels == value, block.core, labels.shape, most, seed) for value in values}

    drawn = {value: Draw(np.empty(0, np.int64), 0) for value in values}
    for _, found in reduce_volume(kernel, labels, Need(bytes_per_voxel=BYTES_PER_VOXEL), limits):
        drawn = {value: _join(drawn[value], found[value], most, seed) for value in values}
    return {value: Draw(np.sort(draw.places), draw.count) for value, draw in drawn.items()}


def coordinates(places: NDArray[np.int64], shape: Shape) -> NDArray[np.int64]:
    """Return (z, y, x) of each place, shape (voxels, 3)."""
    return np.stack(np.unravel_index(places, shape), axis=1).astype(np.int64)


def _of_block(mask: NDArray[np.bool_], core: Region, shape: Shape, most: int, seed: int) -> Draw:
    z, y, x = (axis + part.start for axis, part in zip(np.nonzero(mask), core, strict=True))
    places = (z * shape[1] + y) * shape[2] + x
    return Draw(_smallest_lots(places, most, seed), len(places))


def _join(one: Draw, other: Draw, most: int, seed: int) -> Draw:
    if not other.count:
        return one
    return Draw(_smallest_lots(np.concatenate([one.places, other.places]), most, seed), one.count + other.count)


def _smallest_lots(places: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    if len(places) <= most:
        return places
    return places[np.argpartition(_lots(places, seed), most)[:most]]


def _lots(places: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """Return a hash of each place (SplitMix64, doi:10.1145/2660193.2660195): one to one, so that none are equal."""
    mixed = places.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % (1 << 64))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
