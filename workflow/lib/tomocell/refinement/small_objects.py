"""Objects too small to be believed: found once over the whole volume, given up block by block, however it is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.objects.labelling import LabelledBlock, Target, cut_for, join_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.objects.labelling import Joined
    from tomocell.volumes.volume import Region, Shape, Volume

    Ints = NDArray[np.int64]
    Found = tuple[Ints, Ints]


@dataclass(frozen=True)
class SmallObjectRuns:
    """The voxels of small objects, as runs along x; 16 bytes a run.

    Attributes:
        shape: Of the volume that they were found in.
        starts: Raster index of each run's first voxel, ascending.
        lengths: Voxels of each run.
        objects: How many objects they make.
    """

    shape: Shape
    starts: Ints
    lengths: Ints
    objects: int

    @property
    def voxels(self) -> int:
        """How many voxels they make."""
        return int(self.lengths.sum())

    def fill(self, voxels: NDArray[Any], region: Region, becomes: int) -> None:
        """Give ``becomes`` to the small objects' voxels among ``voxels``, which are those of ``region``, in place.

        Objects are small or not by their whole size, so the outcome does not depend on how regions are cut.
        """
        plane = self.shape[1] * self.shape[2]
        first, last = np.searchsorted(self.starts, [region[0].start * plane, region[0].stop * plane])
        z, y, x = (np.asarray(index) for index in np.unravel_index(self.starts[first:last], self.shape))
        begin = np.maximum(x, region[2].start)
        length = np.minimum(x + self.lengths[first:last], region[2].stop) - begin
        inside = (y >= region[1].start) & (y < region[1].stop) & (length > 0)
        counts = length[inside]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        planes, rows, columns = (
            np.repeat(index[inside] - part.start, counts) for index, part in zip((z, y, begin), region, strict=True)
        )
        voxels[planes, rows, columns + within] = becomes


def find_small(
    volume: Volume, value: int, least_voxels: int, limits: Limits, *, core: Shape | None = None
) -> SmallObjectRuns:
    """Find the 26-connected objects of a class with fewer than ``least_voxels`` voxels, in one pass.

    An object that the volume's edge cuts counts with the voxels that are in the volume. Blocks have the shape
    ``core``, or are as large as memory allows; the outcome does not depend on it.

    Raises:
        BadInput: If the volume's voxels are not whole numbers from 0 to 255, or ``value`` is not one of these.
    """

    def measure(block: LabelledBlock) -> Found:
        return _small_pieces(block, least_voxels)

    blocks = cut_for(volume, limits, core)
    joined = join_blocks(volume, Target((value,)), blocks, limits.workers, measure)
    sizes = np.zeros(joined.count, np.int64)
    np.add.at(sizes, joined.objects, np.concatenate([counts for counts, _ in joined.measured]))
    small = sizes < least_voxels
    runs = np.concatenate([_global(index, joined) for index in range(len(blocks))])
    runs = runs[small[runs[:, 2]]]
    runs = runs[np.argsort(runs[:, 0])]
    return SmallObjectRuns(volume.shape, runs[:, 0].copy(), runs[:, 1].copy(), int(small.sum()))


def _small_pieces(block: LabelledBlock, least_voxels: int) -> Found:
    """Return the voxel counts of all pieces, and the runs (start, length, piece from 0) of the small ones.

    What is left of a small object in a block is small; whether a small piece is the end of something large is seen
    when all pieces are joined.
    """
    from tomocell.objects import scans

    counts = np.zeros(block.pieces, np.int64)
    scans.count_voxels(block.labels, block.frame, counts)
    runs = np.zeros((0, 3), np.int64)
    runs = np.zeros((scans.find_runs(block.labels, block.frame, counts < least_voxels, runs), 3), np.int64)
    scans.find_runs(block.labels, block.frame, counts < least_voxels, runs)
    runs[:, 2] -= 1
    return counts, runs


def _global(index: int, joined: Joined[Found]) -> Ints:
    """Return the runs of a block with the object in place of the piece."""
    start, length, piece = joined.measured[index][1].T
    return np.column_stack([start, length, joined.objects[joined.offsets[index] + piece]])
