"""Connected voxels become objects: labelled block by block, joined where blocks meet."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from tomocell.blocks import Block, Limits, Need, choose_core, cut, map_blocks
from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region, Shape, Volume

    Faces = dict[Shape, NDArray[np.uint32]]

T = TypeVar("T")
CONNECTIVITIES = (6, 18, 26)
VALUES = 256
NEED = Need((1, 1, 1), bytes_per_voxel=12.0)
# Larger blocks are no faster. This one is a shard of a store as it comes: read with its halo in 0.19 s per 512 x 512 x
# 256 voxels, where slabs of the same size take 0.39 s, since fewer chunks are decoded twice.
LARGEST_CORE = (128, 256, 256)
_STEPS: list[Shape] = [(z, y, x) for z, y, x in itertools.product((0, 1), repeat=3) if z or y or x]


@dataclass(frozen=True)
class Target:
    """What makes an object: voxels of these class ``values``, taken as one, that touch.

    Attributes:
        values: Class values, 0 to 255.
        connectivity: 6 (voxels touch by faces), 18 (by edges too) or 26 (by corners too).

    Raises:
        BadInput: If the connectivity is none of these, or there is no value, or one that a label cannot have.
    """

    values: tuple[int, ...]
    connectivity: int = 26

    def __post_init__(self) -> None:
        if self.connectivity not in CONNECTIVITIES:
            raise BadInput(Fault("connectivity", self.connectivity, "6, 18 or 26", "take 26 for bubbles and pits"))
        if not self.values or not set(self.values) < set(range(VALUES)):
            raise BadInput(Fault("class values", self.values, "some of 0 to 255", "name classes of the volume"))


@dataclass(frozen=True)
class LabelledBlock:
    """A block with its pieces: the parts of objects that hang together within it.

    The arrays begin one voxel before the core along each axis, and end with it, or one voxel after it at the
    volume's end. Voxels outside the volume belong to no class.

    Attributes:
        core: Shape of the core.
        voxels: Class values, uint8; all values of the target are its first.
        original: Class values as they were read.
        target: The one value among ``voxels`` that makes objects.
        labels: Pieces from 1, uint32; 0 is no piece. A piece may lie in the voxels before the core alone.
        pieces: How many.
        frame: See ``tomocell.objects.kernels``.
    """

    core: Shape
    voxels: NDArray[np.uint8]
    original: NDArray[np.uint8]
    target: int
    labels: NDArray[np.uint32]
    pieces: int
    frame: NDArray[np.int64]

    @property
    def core_labels(self) -> NDArray[np.uint32]:
        """The pieces of the core alone."""
        return self.labels[1 : self.core[0] + 1, 1 : self.core[1] + 1, 1 : self.core[2] + 1]


@dataclass(frozen=True)
class Joined(Generic[T]):
    """The pieces of all blocks, joined into objects.

    Attributes:
        measured: What was measured of each block, in the order of the blocks.
        offsets: (blocks + 1,); piece ``label`` of block ``index`` is piece ``offsets[index] + label - 1`` of all.
        objects: (pieces,); the object of each piece, from 0, in no order that means anything.
        count: How many objects; each has a voxel in the core of some block.
    """

    measured: list[T]
    offsets: NDArray[np.int64]
    objects: NDArray[np.int64]
    count: int


def cut_for(volume: Volume, limits: Limits, core: Shape | None = None) -> list[Block]:
    """Return the blocks that ``volume`` is labelled in: of shape ``core``, or as large as is of use and fits."""
    if core is None:
        z, y, x = (min(pair) for pair in zip(volume.shape, LARGEST_CORE, strict=True))
        core = choose_core((z, y, x), NEED, limits)
    return cut(volume.shape, core, NEED.halo)


def label_block(volume: Volume, block: Block, target: Target) -> LabelledBlock:
    """Read and label one block.

    The labelling (cc3d) holds Python's global lock, so that threads overlap only its reading and measuring.

    Raises:
        BadInput: If the volume's voxels are not whole numbers from 0 to 255.
    """
    import cc3d

    original, frame = _read_padded(volume, block, target)
    voxels, mask = _merge(original, target.values)
    labels, pieces = cc3d.connected_components(
        mask, connectivity=target.connectivity, out_dtype=np.uint32, binary_image=True, return_N=True
    )
    return LabelledBlock(_shape(block.core), voxels, original, target.values[0], labels, pieces, frame)


def join_blocks(
    volume: Volume, target: Target, blocks: list[Block], workers: int, measure: Callable[[LabelledBlock], T]
) -> Joined[T]:
    """Label each block once, measure it, forget it, and join the pieces that share voxels.

    Every block labels one layer of its neighbours' voxels with its own; a voxel that two blocks have labelled makes
    their two pieces one. Each pair of touching voxels lies whole in the layer and core of some block, whatever the
    connectivity, so that nothing is joined wrongly and nothing missed.
    """

    def work(block: Block) -> tuple[T, int, Faces, Faces]:
        labelled = label_block(volume, block, target)
        return measure(labelled), labelled.pieces, _heads(labelled), _tails(labelled)

    measured, offsets = [], [0]
    pairs = [np.empty((0, 2), np.int64)]
    waiting = _Waiting(_strides(volume.shape, blocks[0]), {})
    for block, (part, pieces, heads, tails) in zip(blocks, map_blocks(work, blocks, workers), strict=True):
        measured.append(part)
        pairs.extend(waiting.meet(block, heads, offsets))
        waiting.add(block, tails)
        offsets.append(offsets[-1] + pieces)
    count, objects = _components(offsets[-1], np.concatenate(pairs))
    return Joined(measured, np.array(offsets), objects, count)


@dataclass(frozen=True)
class _Waiting:
    """The last layers of labelled blocks, kept until no later block can touch them."""

    strides: Shape
    tails: dict[int, Faces]

    def meet(self, block: Block, heads: Faces, offsets: list[int]) -> Iterator[NDArray[np.int64]]:
        """Yield the pairs of pieces, numbered over all blocks, that share voxels of the layer before ``block``."""
        for step in _STEPS:
            if any(step[axis] and block.core[axis].start == 0 for axis in range(3)):
                continue
            other = block.index - sum(steps * stride for steps, stride in zip(step, self.strides, strict=True))
            firsts = np.array([offsets[block.index], offsets[other]])
            yield _shared(heads[step], self.tails[other][step]) - 1 + firsts

    def add(self, block: Block, tails: Faces) -> None:
        """Keep the last layers of ``block``, and drop those that are of no more use."""
        self.tails[block.index] = tails
        self.tails.pop(block.index - sum(self.strides), None)


def _strides(shape: Shape, first: Block) -> Shape:
    """Return by how much the index of a block grows from one block to the next along (Z, Y, X)."""
    rows, columns = (math.ceil(shape[axis] / first.core[axis].stop) for axis in (1, 2))
    return (rows * columns, columns, 1)


def _shape(region: Region) -> Shape:
    z, y, x = (part.stop - part.start for part in region)
    return (z, y, x)


def _read_padded(volume: Volume, block: Block, target: Target) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the core and the layer before it; beyond the volume's faces stands a value that is no target."""
    start = [part.start - 1 for part in block.core]
    stop = [part.stop for part in block.core]
    z, y, x = (slice(max(low, 0), high) for low, high in zip(start, stop, strict=True))
    read = _as_bytes(volume.read((z, y, x)), volume.name)
    before = [int(low < 0) for low in start]
    after = [int(high == size) for high, size in zip(stop, volume.shape, strict=True)]
    outside = min(set(range(VALUES)) - set(target.values))
    voxels = np.pad(read, list(zip(before, after, strict=True)), constant_values=outside)
    core_stop = [high - low for low, high in zip(start, stop, strict=True)]
    return voxels, np.array([start, core_stop, volume.shape])


def _as_bytes(voxels: NDArray[Any], name: str) -> NDArray[np.uint8]:
    if voxels.dtype == np.uint8:
        return voxels
    if voxels.dtype.kind not in "bui":
        raise BadInput(Fault(name, str(voxels.dtype), "labels: whole numbers", "segment the volume first"))
    if voxels.size and not (voxels.min() >= 0 and voxels.max() < VALUES):
        found = f"labels {voxels.min()} to {voxels.max()}"
        raise BadInput(Fault(name, found, "class values from 0 to 255", "give a volume of classes, not of objects"))
    return voxels.astype(np.uint8)


def _merge(original: NDArray[np.uint8], values: tuple[int, ...]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the voxels with the first of ``values`` wherever one of them is, and where that is, as 0 and 1."""
    mask = original == values[0]
    for value in values[1:]:
        mask |= original == value
    voxels = original if len(values) == 1 else np.where(mask, np.uint8(values[0]), original)
    return voxels, np.asarray(mask.view(np.uint8))


def _heads(block: LabelledBlock) -> Faces:
    """Return the labels before the core, by the step from the neighbour that they belong to."""
    stop = [size + 1 for size in block.core]
    return {
        step: block.labels[tuple(slice(0, 1) if step[axis] else slice(1, stop[axis]) for axis in range(3))].copy()
        for step in _STEPS
    }


def _tails(block: LabelledBlock) -> Faces:
    """Return the labels of the core's last layers, by the step to the neighbour that touches them."""
    labels = block.core_labels
    return {step: labels[tuple(slice(-1 if step[axis] else 0, None) for axis in range(3))].copy() for step in _STEPS}


def _shared(head: NDArray[np.uint32], tail: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the distinct pairs of labels that two labellings give to the same voxels, shape (pairs, 2)."""
    here, there = head.ravel(), tail.ravel()
    fresh = here > 0
    # Along a run nothing changes: this leaves a small part of the voxels for the sort.
    fresh[1:] &= (here[1:] != here[:-1]) | (there[1:] != there[:-1])
    keys = np.unique(here[fresh].astype(np.uint64) << np.uint64(32) | there[fresh])
    return np.stack([keys >> np.uint64(32), keys & np.uint64(2**32 - 1)], axis=1).astype(np.int64)


def _components(pieces: int, pairs: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if pieces == 0:
        return 0, np.zeros(0, np.int64)
    graph = coo_array((np.ones(len(pairs), np.uint8), (pairs[:, 0], pairs[:, 1])), shape=(pieces, pieces))
    count, objects = connected_components(graph, directed=False)
    return int(count), objects.astype(np.int64)
