"""The training set: which labels of which timesteps train, which only judge, and how close the two come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from tomocell.errors import BadInput
from tomocell.settings.base import Frozen
from tomocell.settings.faults import faults_of
from tomocell.training.parts import Box, Part, PartVolume
from tomocell.training.splits import split

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Volume

__all__ = ["Entry", "SplitRecord", "TrainingSet", "grey_statistics", "read_training_set", "split"]
Point = tuple[int, int, int]


class Entry(Frozen):
    """The labels of one timestep that train, or that judge.

    Paths are relative to the results folder, checksums those of manifests.

    Attributes:
        planes: Planes across the model's axis that hold labels of this part.
        planes_of: The same for each class that occurs.
        tiles: For networks of cubes: the first voxels of the cubes, side by side, that hold labels of this part.
        centres: For networks of cubes: voxels of each class, drawn without regard to where they are.
        pixels: Labelled voxels of each class in this part.
        boxes: What of the volume judges; none: all of it is of this part.
        gap_voxels: How far from a box training begins.
        label_sets: Where the labels come from.
    """

    series: str
    timestep: str
    grey: str
    grey_checksum: str
    annotations: str
    annotations_checksum: str
    planes: tuple[int, ...]
    planes_of: dict[str, tuple[int, ...]]
    tiles: tuple[Point, ...] = ()
    centres: dict[str, tuple[Point, ...]] = {}
    pixels: dict[str, int]
    part: Part
    boxes: tuple[Box, ...] = ()
    gap_voxels: int = 0
    label_sets: tuple[dict[str, Any], ...] = ()

    def labels(self, annotations: Volume, ignore: int) -> PartVolume:
        """Return the labels of this entry; what is not of its part reads as ``ignore``."""
        return PartVolume(annotations, self.part, self.boxes, self.gap_voxels, ignore)


class SplitRecord(Frozen):
    """How labels were split, and how far judging pixels are from training ones.

    Attributes:
        settings: Of the split.
        validation_pixels: Labelled pixels that judge.
        leaked_share: Of these, how many lie within ``leakage_voxels`` of a training pixel of the same volume; null
            where nothing judges.
        leakage_voxels: That distance, between centres of voxels.
    """

    settings: dict[str, Any]
    validation_pixels: int
    leaked_share: float | None
    leakage_voxels: int


class TrainingSet(Frozen):
    """Everything a training reads.

    Attributes:
        rest: Class that labels of other classes than the model's count as; null: there are none.
    """

    entries: tuple[Entry, ...]
    plane_axis: str
    ignore_value: int
    grey_mean: float
    grey_sd: float
    voxel_size_um: tuple[float, float, float]
    split: SplitRecord
    rest: str | None = None

    def part(self, name: Part) -> tuple[Entry, ...]:
        """Return the entries that train, or those that judge."""
        return tuple(entry for entry in self.entries if entry.part == name)


def grey_statistics(pieces: Iterable[NDArray[Any]]) -> tuple[float, float]:
    """Return mean and standard deviation of the grey values of all ``pieces``, in float64."""
    count, total, squares = 0, 0.0, 0.0
    for piece in pieces:
        grey = piece.astype(np.float64)
        count += grey.size
        total += float(grey.sum())
        squares += float((grey**2).sum())
    mean = total / count
    return mean, max(squares / count - mean**2, 0.0) ** 0.5


def read_training_set(path: Path) -> TrainingSet:
    """Read ``training_set.json``.

    Raises:
        BadInput: If it is no training set, or one of an earlier version.
    """
    try:
        return TrainingSet.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise BadInput(*faults_of(error, str(path), "delete it, so that it is made again")) from error
