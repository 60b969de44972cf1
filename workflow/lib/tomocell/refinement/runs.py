"""Objects to be changed, as runs of voxels: found once over the whole volume, filled in block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, map_blocks
from tomocell.objects.labelling import LabelledBlock, Target, label_block

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.objects.labelling import Joined
    from tomocell.volumes.volume import Region, Shape, Volume

    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ObjectRuns:
    """The voxels of some objects, as runs along x; 16 bytes a run.

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
        """Give ``becomes`` to the objects' voxels among ``voxels``, which are those of ``region``, in place.

        Objects were chosen by the whole of them, so the outcome does not depend on how regions are cut.
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


def runs_of_block(block: LabelledBlock, wanted: NDArray[np.bool_]) -> Ints:
    """Return the runs (start, length, piece from 0) of the ``wanted`` pieces in the core of a block."""
    from tomocell.objects import scans

    runs = np.zeros((0, 3), np.int64)
    runs = np.zeros((scans.find_runs(block.labels, block.frame, wanted, runs), 3), np.int64)
    scans.find_runs(block.labels, block.frame, wanted, runs)
    runs[:, 2] -= 1
    return runs


def sorted_runs(shape: Shape, runs: Ints, objects: int) -> ObjectRuns:
    """Return ``runs`` (start, length, ...) of a volume of ``shape`` in raster order."""
    runs = runs[np.argsort(runs[:, 0])]
    return ObjectRuns(shape, runs[:, 0].copy(), runs[:, 1].copy(), objects)


def runs_of_objects(
    volume: Volume, value: int, blocks: list[Block], joined: Joined[Any], chosen: NDArray[np.bool_], limits: Limits
) -> ObjectRuns:
    """Return the runs of the ``chosen`` objects of ``joined``; the blocks are labelled again, just as they were.

    So only the runs of what is changed are ever held, however much else the class has.
    """
    target = Target((value,))
    pieces = chosen[joined.objects]

    def work(block: Block) -> Ints:
        first, last = joined.offsets[block.index : block.index + 2]
        if not pieces[first:last].any():
            return np.zeros((0, 3), np.int64)
        return runs_of_block(label_block(volume, block, target), pieces[first:last])

    runs = np.concatenate(list(map_blocks(work, blocks, limits.workers)))
    return sorted_runs(volume.shape, runs, int(chosen.sum()))
