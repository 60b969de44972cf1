"""Labels and truth read side by side, as indices of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.labelling.checks import size_faults
from tomocell.labelling.settings import IGNORED
from tomocell.volumes.views import BoxVolume
from tomocell.volumes.volume import AXES, Classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.evaluation.settings import EvaluateSettings
    from tomocell.volumes.volume import Region, Shape, Volume, VoxelSize

    Codes = NDArray[np.uint8]

VALUES = 256
LEFT_OUT = 255  # code of voxels whose truth is not known


@dataclass(frozen=True)
class Pair:
    """Labels beside their truth.

    Attributes:
        labels: What is judged.
        truth: What it is judged by, on the same voxels.
        classes: The classes told apart, in the order of their codes 0, 1, ...
        ignore_value: True value of voxels that are left out; -1 leaves out none.
    """

    labels: Volume
    truth: Volume
    classes: Classes
    ignore_value: int

    @property
    def strange(self) -> int:
        """The code of values that no class has."""
        return len(self.classes)

    @property
    def voxel_size_um(self) -> VoxelSize | None:
        """The voxel size, if either volume tells it."""
        return self.labels.voxel_size_um or self.truth.voxel_size_um

    def read(self, region: Region) -> tuple[Codes, Codes]:
        """Return the codes of truth and labels in ``region``; voxels left out are so in both."""
        true, found = self.truth.read(region), self.labels.read(region)
        left_out = true == self.ignore_value
        codes = self._codes()
        true, found = codes[true], codes[found]
        true[left_out] = LEFT_OUT
        found[left_out] = LEFT_OUT
        return true, found

    def _codes(self) -> Codes:
        codes = np.full(VALUES, self.strange, np.uint8)
        codes[[member.value for member in self.classes]] = np.arange(len(self.classes))
        return codes


def pair_of(labels: Volume, truth: Volume, ignore_value: int, settings: EvaluateSettings) -> Pair:
    """Return the part of two volumes that is judged.

    Raises:
        BadInput: If shapes or voxel sizes differ, a volume is not of labels, neither names its classes, they mean
            different values by one name, the ignore value is that of a class, or the part lies outside.
    """
    _require_alike(labels, truth)
    classes = truth.classes or labels.classes
    if not classes:
        raise BadInput(Fault(truth.name, "no classes", "named label values", "give --classes name=value,..."))
    _require_same_values(labels, truth)
    _require_no_class_ignored(classes, ignore_value, truth.name)
    judged = Classes(tuple(member for member in classes if member.value != ignore_value))
    if settings.background is not None:
        judged.value(settings.background)
    shape = part_of(truth.shape, settings, truth.name)
    parts = [BoxVolume(volume, settings.crop_start_voxels, shape) for volume in (labels, truth)]
    return Pair(parts[0], parts[1], judged, ignore_value)


def part_of(shape: Shape, settings: EvaluateSettings, name: str) -> Shape:
    """Return the shape of the part of a volume that is judged.

    Raises:
        BadInput: If that part lies outside.
    """
    faults = part_faults(shape, settings, name)
    if faults:
        raise BadInput(*faults)
    start, size = settings.crop_start_voxels, settings.crop_size_voxels
    if size is not None:
        return size
    return (shape[0] - start[0], shape[1] - start[1], shape[2] - start[2])


def part_faults(shape: Shape, settings: EvaluateSettings, name: str) -> list[Fault]:
    """Return the axes along which the part that is judged lies outside a volume of ``shape``."""
    faults = []
    sizes = settings.crop_size_voxels or (1, 1, 1)
    for axis, length, first, size in zip(AXES, shape, settings.crop_start_voxels, sizes, strict=True):
        if first + size > length:
            found = f"voxels {first} to {first + size - 1}"
            expected = f"a part of the {length} voxels of {name}"
            faults.append(Fault(f"evaluate.crop along {axis}", found, expected, "correct evaluate.crop_..."))
    return faults


def require_declared(pair: Pair, values: Sequence[int]) -> None:
    """Check that no value occurs that no class has.

    Raises:
        BadInput: If one does.
    """
    if values:
        declared = ", ".join(f"{member.name}={member.value}" for member in pair.classes)
        remedy = "name them with --classes, or correct the labels"
        name = f"{pair.labels.name} against {pair.truth.name}"
        raise BadInput(Fault(name, f"values {list(values)}", f"declared classes: {declared}", remedy))


def _require_alike(labels: Volume, truth: Volume) -> None:
    if labels.shape != truth.shape:
        expected = f"{truth.shape}, the shape of {truth.name}"
        raise BadInput(Fault(labels.name, labels.shape, expected, "crop or resample"))
    for volume in (labels, truth):
        if volume.dtype != np.uint8:
            raise BadInput(Fault(volume.name, str(volume.dtype), "labels as uint8", "give a label volume"))
    faults = size_faults(truth, labels.voxel_size_um, truth.name) if labels.voxel_size_um is not None else []
    if faults:
        raise BadInput(*faults)


def _require_same_values(labels: Volume, truth: Volume) -> None:
    for member in labels.classes:
        if member.name in truth.classes and truth.classes.value(member.name) != member.value:
            expected = f"{truth.classes.value(member.name)}, its value in {truth.name}"
            remedy = "tell the classes of both with --classes, or renumber one of them"
            raise BadInput(Fault(f"{labels.name}, class {member.name}", member.value, expected, remedy))


def _require_no_class_ignored(classes: Classes, ignore_value: int, name: str) -> None:
    for member in classes:
        if member.value == ignore_value and member.name != IGNORED:
            value = f"ignore value {ignore_value}, which is class {member.name}"
            remedy = "give another --ignore-value; -1 ignores nothing"
            raise BadInput(Fault(name, value, "a value of no class", remedy))
