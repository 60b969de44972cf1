"""One walk through labels and truth: the confusion matrix of each cell, boundary crossings, columns along z."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tomocell.blocks import Block, Limits, Need, choose_core, cut, map_blocks
from tomocell.evaluation.pair import require_declared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.evaluation.pair import Pair
    from tomocell.volumes.volume import Region

    Ints = NDArray[np.int64]

MB = 1 << 20
DIRECTIONS = 7
BYTES_PER_VOXEL = 8.0  # two volumes as read, their codes, masks


@dataclass(frozen=True)
class Counts:
    """What was counted of labels beside their truth; integers, so that blocks cannot matter.

    Attributes:
        cells: Shape (cells, classes, classes): voxels by true class (rows) and class found, of each cell with any.
        crossings: Shape (2, classes, 7): for truth and labels, pairs of neighbouring voxels of which one is of the
            class, by kind of direction; the volume's faces are no boundary.
        columns: Shape (classes, rows, columns): voxels along z, labels minus truth.
    """

    cells: Ints
    crossings: Ints
    columns: NDArray[np.int32]

    @property
    def confusion(self) -> Ints:
        """Voxels by true class (rows) and class found, of the whole volume."""
        return np.asarray(self.cells.sum(axis=0))


def count(pair: Pair, edge: int, limits: Limits) -> Counts:
    """Count ``pair``, block by block; cells have ``edge`` voxels.

    Takes 4 bytes a class and column beside its blocks, and 8 bytes a cell and pair of classes.

    Raises:
        BadInput: If values occur that no class has.
    """
    shape, codes = pair.truth.shape, len(pair.classes) + 1
    grid = [math.ceil(size / edge) for size in shape]
    confusion = np.zeros((*grid, codes, codes), np.int64)
    crossings = np.zeros((2, codes, DIRECTIONS), np.int64)
    columns = np.zeros((codes, *shape[1:]), np.int32)
    used_mb = math.ceil((confusion.nbytes + columns.nbytes) / MB)
    need = Need((1, 1, 1), BYTES_PER_VOXEL + 4 * codes)
    core = choose_core(shape, need, Limits(max(limits.memory_mb - used_mb, 1), limits.workers))
    blocks = cut(shape, core, need.halo)
    for block, part in zip(blocks, map_blocks(partial(_count_block, pair, edge), blocks, limits.workers), strict=True):
        require_declared(pair, part.strange)
        confusion[_cells(block, edge)] += part.confusion
        crossings += part.crossings
        columns[:, block.core[1], block.core[2]] += part.columns
    return _counts(confusion, crossings, columns)


@dataclass(frozen=True)
class _Part:
    """What was counted in a block; ``strange`` lists values that no class has."""

    confusion: Ints
    crossings: Ints
    columns: NDArray[np.int32]
    strange: list[int]


def _count_block(pair: Pair, edge: int, block: Block) -> _Part:
    from tomocell.evaluation.kernels import count_block

    codes = len(pair.classes) + 1
    true, found = pair.read(block.outer)
    region = _cells(block, edge)
    sizes = [part.stop - part.start for part in region]
    rows, columns = (part.stop - part.start for part in block.inner[1:])
    confusion = np.zeros((*sizes, codes, codes), np.int64)
    crossings = np.zeros((2, codes, DIRECTIONS), np.int64)
    heights = np.zeros((codes, rows, columns), np.int32)
    core = np.array([[part.start, part.stop] for part in block.inner])
    z, y, x = (np.arange(part.start, part.stop) // edge - part.start // edge for part in block.core)
    count_block(true, found, core, (z, y, x), (confusion, crossings, heights))
    strange = _strange_values(pair, block) if confusion[..., -1, :].any() or confusion[..., -1].any() else []
    return _Part(confusion, crossings, heights, strange)


def _cells(block: Block, edge: int) -> Region:
    """Return which cells a block reaches into."""
    z, y, x = (slice(part.start // edge, (part.stop - 1) // edge + 1) for part in block.core)
    return (z, y, x)


def _strange_values(pair: Pair, block: Block) -> list[int]:
    """Return the values of a block's judged voxels that no class has."""
    true, found = pair.truth.read(block.core), pair.labels.read(block.core)
    judged = true != pair.ignore_value
    values = {*np.unique(true[judged]).tolist(), *np.unique(found[judged]).tolist()}
    return sorted(values - {member.value for member in pair.classes})


def _counts(confusion: Ints, crossings: Ints, columns: NDArray[np.int32]) -> Counts:
    """Return the counts without the code of strange values, of which there are none, and without empty cells."""
    cells = confusion[..., :-1, :-1].reshape(-1, confusion.shape[-2] - 1, confusion.shape[-1] - 1)
    return Counts(cells[cells.any(axis=(1, 2))], crossings[:, :-1], columns[:-1])
