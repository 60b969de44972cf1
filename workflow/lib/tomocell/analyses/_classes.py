"""Counting the voxels of each class: in all, along lines of sight, and at the faces between classes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, reduce_volume
from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.settings.base import Frozen
    from tomocell.volumes.volume import Classes, Shape, Volume

VALUES = 256
PIECE = 1 << 20  # bincount makes eight bytes of each voxel that it is given
# An interface is located no better than a voxel: uniform over its edge, standard deviation 1/sqrt(12) (GUM 4.3.7).
INTERFACE_UNCERTAINTY_VOXELS = 12**-0.5


@dataclass(frozen=True)
class ClassCounts:
    """Counts of a label volume.

    Attributes:
        voxels: Shape (256,), voxels of each value.
        faces: Shape (3, 256), voxel faces across (Z, Y, X) between a value and any other; the volume's edge is none.
    """

    voxels: NDArray[np.int64]
    faces: NDArray[np.int64]

    def volume_um3(self, value: int, voxel_um3: float) -> float:
        """Return the volume of a class."""
        return float(self.voxels[value] * voxel_um3)

    def uncertainty_um3(self, value: int, voxel_um3: float) -> float:
        """Return the standard uncertainty of that volume: all its interfaces shifted alike, axes independent."""
        shifted = self.faces[:, value] * INTERFACE_UNCERTAINTY_VOXELS * voxel_um3
        return float(np.sqrt(np.sum(shifted**2)))


def require_classes(volume: Volume) -> Classes:
    """Return the classes of a label volume.

    Raises:
        BadInput: If the volume has none, or is not of whole numbers up to 255.
    """
    if volume.dtype != np.uint8:
        remedy = "segment it first, or convert it to 8 bit"
        raise BadInput(Fault(volume.name, str(volume.dtype), "labels as uint8", remedy))
    if not volume.classes:
        raise BadInput(Fault(volume.name, "no classes", "named label values", "give --classes name=value,..."))
    return volume.classes


def require_apart(settings: Frozen, *keys: str) -> None:
    """Check that no class is named by two of the settings ``keys``; for validators.

    Raises:
        ValueError: If one is.
    """
    values = {key: getattr(settings, key) for key in keys}
    named = {key: {value} if isinstance(value, str) else set(value) for key, value in values.items()}
    for one, other in itertools.combinations(keys, 2):
        both = sorted(named[one] & named[other])
        if both:
            msg = f"{', '.join(both)} in '{one}' and '{other}'; expected each class in one of them"
            raise ValueError(msg)


def count_undeclared(voxels: NDArray[np.uint8], classes: Classes) -> NDArray[np.int64]:
    """Return how often each value occurs that no class has, shape (256,); takes 2 bytes a voxel."""
    is_strange = np.ones(VALUES, bool)
    is_strange[[member.value for member in classes]] = False
    strange = voxels[is_strange[voxels]]
    counts = np.zeros(VALUES, np.int64)
    for start in range(0, len(strange), PIECE):
        counts += np.bincount(strange[start : start + PIECE], minlength=VALUES)
    return counts


def require_declared(volume: Volume, undeclared: NDArray[np.int64]) -> None:
    """Check that nothing was counted of values that no class has: such voxels would be left out of every number.

    Raises:
        BadInput: If something was.
    """
    if undeclared.any():
        found = ", ".join(f"{value} in {undeclared[value]} voxels" for value in np.flatnonzero(undeclared))
        known = ", ".join(f"{member.name}={member.value}" for member in volume.classes)
        remedy = "name the class of each value (--classes name=value,...), or correct the labels"
        raise BadInput(Fault(volume.name, found, f"values of declared classes: {known}", remedy))


def require_known(volume: Volume, limits: Limits) -> None:
    """Check, in a pass of its own, that no value occurs that no class has.

    Raises:
        BadInput: If one does.
    """
    undeclared = np.zeros(VALUES, np.int64)

    def kernel(voxels: NDArray[Any], _: Block) -> NDArray[np.int64]:
        return count_undeclared(voxels, volume.classes)

    for _, strange in reduce_volume(kernel, volume, Need(bytes_per_voxel=3.0), limits):
        undeclared += strange
    require_declared(volume, undeclared)


def count_classes(volume: Volume, limits: Limits) -> ClassCounts:
    """Count voxels and faces of every class, block by block; exact, whatever the blocks.

    Raises:
        BadInput: If a value occurs that no class has.
    """
    voxels = np.zeros(VALUES, np.int64)
    faces = np.zeros((3, VALUES), np.int64)
    for _, (block_voxels, block_faces) in reduce_volume(_count_block, volume, Need((1, 1, 1), 12.0), limits):
        voxels += block_voxels
        faces += block_faces
    undeclared = voxels.copy()
    undeclared[[member.value for member in volume.classes]] = 0
    require_declared(volume, undeclared)
    return ClassCounts(voxels, faces)


def project_classes(volume: Volume, axis: int, limits: Limits) -> NDArray[np.int64]:
    """Count the voxels of each class along ``axis``; shape (classes, rows, columns), classes in their order.

    Raises:
        BadInput: If a value occurs that no class has.
    """
    classes = require_classes(volume)
    rows_columns = [size for index, size in enumerate(volume.shape) if index != axis]
    projected = np.zeros((len(classes), *rows_columns), np.int64)

    undeclared = np.zeros(VALUES, np.int64)

    def kernel(voxels: NDArray[Any], _: Block) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        counts = [(voxels == member.value).sum(axis=axis, dtype=np.int64) for member in classes]
        return np.stack(counts), count_undeclared(voxels, classes)

    for block, (counts, strange) in reduce_volume(kernel, volume, Need(bytes_per_voxel=4.0), limits):
        undeclared += strange
        region = tuple(part for index, part in enumerate(block.core) if index != axis)
        projected[(slice(None), *region)] += counts
    require_declared(volume, undeclared)
    return projected


def area_um2(shape: Shape, size_um: tuple[float, float, float]) -> float:
    """Return the in-plane area of a volume, rows times columns."""
    return shape[1] * size_um[1] * shape[2] * size_um[2]


def _count_block(voxels: NDArray[np.uint8], block: Block) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    core = voxels[block.inner]
    faces = np.zeros((3, VALUES), np.int64)
    for axis in range(3):
        near, far = _pairs_across(voxels, block, axis)
        differ = near != far
        faces[axis] = np.bincount(near[differ], minlength=VALUES) + np.bincount(far[differ], minlength=VALUES)
    return np.bincount(core.ravel(), minlength=VALUES), faces


def _pairs_across(voxels: NDArray[np.uint8], block: Block, axis: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the two sides of each face whose far voxel lies in the core: every face has one block that counts it."""
    far = [*block.inner]
    far[axis] = slice(max(far[axis].start, 1), far[axis].stop)
    near = [*far]
    near[axis] = slice(far[axis].start - 1, far[axis].stop - 1)
    return voxels[near[0], near[1], near[2]], voxels[far[0], far[1], far[2]]
