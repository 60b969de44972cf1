"""What a network learns from, as it sees it: patches of planes, or cubes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tomocell.training.cubes import CubeReader, RandomCubes, WholeCubes
from tomocell.training.patches import PlaneReader, RandomPatches, WholePlanes

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.models.settings import ModelSettings
    from tomocell.training.trainingset import Entry, TrainingSet
    from tomocell.volumes.volume import Classes


@dataclass(frozen=True)
class Source:
    """Where samples come from: planes for a network of two dimensions, cubes for one of three."""

    reader: Any
    model: ModelSettings

    @classmethod
    def of(cls, results: Path, training_set: TrainingSet, classes: Classes, model: ModelSettings) -> Source:
        """Return the source that ``model`` needs, reading ``training_set`` from the results folder."""
        if model.sees_cubes:
            return cls(CubeReader(results, training_set, classes), model)
        return cls(PlaneReader(results, training_set, classes, model.planes), model)

    def random(self, entries: tuple[Entry, ...], epoch: int) -> RandomCubes | RandomPatches:
        """Return the samples of an epoch of training."""
        kind = RandomCubes if self.model.sees_cubes else RandomPatches
        return kind(self.reader, entries, self.model, epoch)

    def whole(self, entries: tuple[Entry, ...]) -> WholeCubes | WholePlanes:
        """Return the samples that judge: all that is labelled, once."""
        kind = WholeCubes if self.model.sees_cubes else WholePlanes
        return kind(self.reader, entries, self.model.patch_voxels)
