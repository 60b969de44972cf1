"""The parts of a volume: boxes of it judge, what is far enough from them trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tomocell.blocks import Block, Limits, Need, reduce_volume
from tomocell.volumes.volume import Region, Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape

Part = Literal["train", "validation"]
Interval = tuple[int, int]
Box = tuple[Interval, Interval, Interval]  # first voxel and one past the last along (Z, Y, X)
VALUES = 256


class PartVolume(Volume):
    """The labels of one part of an annotated volume; all else reads as not labelled.

    Without ``boxes`` the whole volume is of the part.
    """

    def __init__(self, labels: Volume, part: Part, boxes: Sequence[Box], gap: int, ignore: int) -> None:
        self.name, self.shape, self.dtype = labels.name, labels.shape, labels.dtype
        self.voxel_size_um, self.classes = labels.voxel_size_um, labels.classes
        self._labels, self._part, self._gap, self._ignore = labels, part, gap, ignore
        self._boxes = np.array(boxes, np.int64).reshape(-1, 3, 2)

    def read(self, region: Region) -> NDArray[Any]:
        """Return the labels of ``region``."""
        labels = self._labels.read(region)
        if len(self._boxes):
            grown = self._boxes + np.array([-self._gap, self._gap]) if self._part == "train" else self._boxes
            inside = within_boxes(region, grown)
            labels[inside if self._part == "train" else ~inside] = self._ignore
        return labels


def within_boxes(region: Region, boxes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which voxels of ``region`` lie in one of the ``boxes``, shape (boxes, axis, first and one past last)."""
    low, high = (np.array([getattr(part, side) for part in region]) for side in ("start", "stop"))
    inside = np.zeros(high - low, bool)
    near = ((boxes[:, :, 0] < high) & (boxes[:, :, 1] > low)).all(axis=1)
    for box in np.clip(boxes[near] - low[:, None], 0, (high - low)[:, None]):
        inside[tuple(slice(first, stop) for first, stop in box)] = True
    return inside


def count_planes(labels: Volume, axis: int, limits: Limits) -> NDArray[np.int64]:
    """Return how often each label value occurs in each plane across ``axis``, shape (planes, 256)."""

    def kernel(voxels: NDArray[Any], _: Block) -> NDArray[np.int64]:
        planes = np.moveaxis(voxels, axis, 0)
        return np.stack([np.bincount(plane.ravel(), minlength=VALUES) for plane in planes])

    counts = np.zeros((labels.shape[axis], VALUES), np.int64)
    for block, found in reduce_volume(kernel, labels, Need(bytes_per_voxel=12.0), limits):
        counts[block.core[axis]] += found
    return counts


def labelled_tiles(labels: Volume, edges: Shape, ignore: int, limits: Limits) -> list[tuple[int, int, int]]:
    """Return the first voxels of the tiles, ``edges`` large and side by side, that hold a labelled voxel."""
    counts = [-(-size // edge) for size, edge in zip(labels.shape, edges, strict=True)]

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[np.int64]:
        places = zip(np.nonzero(voxels != ignore), block.core, edges, strict=True)
        tiles = [(axis + part.start) // edge for axis, part, edge in places]
        return np.unique(np.ravel_multi_index(tiles, counts))

    found = [tiles for _, tiles in reduce_volume(kernel, labels, Need(bytes_per_voxel=96.0), limits)]
    tiles = np.stack(np.unravel_index(np.unique(np.concatenate(found)), counts), axis=1) * np.array(edges)
    return [(int(z), int(y), int(x)) for z, y, x in tiles]


def count_leaked(judging: Volume, training: Volume, ignore: int, reach: int, limits: Limits) -> tuple[int, int]:
    """Return the labelled voxels of ``judging``, and how many lie within ``reach`` voxels of one of ``training``."""
    from scipy.ndimage import distance_transform_edt

    def kernel(voxels: NDArray[Any], block: Block) -> tuple[int, int]:
        judged = voxels[block.inner] != ignore
        count = int(judged.sum())
        trained = training.read(block.outer) != ignore if count else judged
        if not count or not trained.any():
            return count, 0
        near = distance_transform_edt(~trained)[block.inner] <= reach
        return count, int((near & judged).sum())

    need = Need((reach, reach, reach), 48.0)
    counts = [found for _, found in reduce_volume(kernel, judging, need, limits)]
    return sum(count for count, _ in counts), sum(leaked for _, leaked in counts)
