"""What a network trains on and is judged on: patches of planes, or cubes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.training.cubes import CubeReader, RandomCubes, WholeCubes
from tomocell.training.patches import PlaneReader, RandomPatches, WholePlanes

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.models.settings import ModelSettings
    from tomocell.training.trainingset import Entry, TrainingSet
    from tomocell.volumes.volume import Classes

Reader = PlaneReader | CubeReader


def open_reader(results: Path, training_set: TrainingSet, model: ModelSettings, classes: Classes) -> Reader:
    """Return what reads the stores of a training set for a model."""
    cache_mb = model.sampling.cache_mb
    if model.sees_cubes:
        return CubeReader(results, training_set, classes, cache_mb)
    return PlaneReader(results, training_set, classes, cache_mb=cache_mb)


def training_samples(
    reader: Reader, entries: tuple[Entry, ...], model: ModelSettings, epoch: int
) -> RandomPatches | RandomCubes:
    """Return what trains in one epoch."""
    if isinstance(reader, CubeReader):
        return RandomCubes(reader, entries, model, epoch)
    return RandomPatches(reader, entries, model, epoch)


def judging_samples(reader: Reader, entries: tuple[Entry, ...], model: ModelSettings) -> WholePlanes | WholeCubes:
    """Return what judges, every labelled voxel once."""
    if isinstance(reader, CubeReader):
        return WholeCubes(reader, entries, model)
    return WholePlanes(reader, entries, model.patch_voxels)
