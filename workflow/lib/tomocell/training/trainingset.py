"""The training set: which planes of which timesteps carry labels, and which of them only judge."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import ValidationError

from tomocell.errors import BadInput, Fault
from tomocell.settings.base import Frozen
from tomocell.settings.faults import faults_of
from tomocell.volumes.planes import read_plane

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tomocell.models.settings import ModelSettings
    from tomocell.volumes.store import StoreVolume

log = logging.getLogger(__name__)


class Entry(Frozen):
    """The labelled planes of one timestep; paths are relative to the results folder, checksums those of manifests."""

    series: str
    timestep: str
    grey: str
    grey_checksum: str
    annotations: str
    annotations_checksum: str
    planes: tuple[int, ...]
    pixels: dict[str, int]
    part: Literal["train", "validation"]


class TrainingSet(Frozen):
    """Everything a training reads."""

    entries: tuple[Entry, ...]
    plane_axis: str
    ignore_value: int
    grey_mean: float
    grey_sd: float
    voxel_size_um: tuple[float, float, float]

    def part(self, name: Literal["train", "validation"]) -> tuple[Entry, ...]:
        """Return the entries that train, or those that judge."""
        return tuple(entry for entry in self.entries if entry.part == name)


def split(
    keys: Sequence[tuple[str, str]], model: ModelSettings
) -> dict[tuple[str, str], Literal["train", "validation"]]:
    """Hold out whole timesteps: those named in the settings, else the last labelled one.

    Neighbouring planes of one scan are near copies: a split that mixes them flatters the network.

    Raises:
        BadInput: If a named timestep has no labels, or nothing would be left to train on.
    """
    held = {key for key in keys if _is_named(key, model.train.validation)}
    unknown = [name for name in model.train.validation if not any(_is_named(key, (name,)) for key in keys)]
    if unknown:
        labelled = ", ".join("/".join(key) for key in keys)
        raise BadInput(Fault("model.train.validation", unknown, f"labelled timesteps: {labelled}", "correct the names"))
    if not held and len(keys) > 1:
        held = {keys[-1]}
    if len(held) == len(keys) and len(keys) > 0:
        fault = Fault("model.train.validation", sorted(held), "a labelled timestep left to train on", "hold out fewer")
        raise BadInput(fault)
    return {key: "validation" if key in held else "train" for key in keys}


def grey_statistics(pairs: Sequence[tuple[StoreVolume, Sequence[int]]], axis: int) -> tuple[float, float]:
    """Return mean and standard deviation of the grey values of the given planes, in float64."""
    count, total, squares = 0, 0.0, 0.0
    for volume, planes in pairs:
        for index in planes:
            grey = read_plane(volume, axis, index).astype(np.float64)
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


def _is_named(key: tuple[str, str], names: Sequence[str]) -> bool:
    return key[1] in names or "/".join(key) in names
