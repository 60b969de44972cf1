"""Cubes: drawn at random around labelled planes, the same ones again for the same seed, epoch and index."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from tomocell.training.patches import FOREGROUND_SHARE, IGNORED, augment, index_of_values, voxel_of_some_class
from tomocell.volumes.planes import axis_number, read_plane
from tomocell.volumes.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.models.settings import ModelSettings
    from tomocell.training.trainingset import Entry, TrainingSet
    from tomocell.volumes.store import StoreVolume
    from tomocell.volumes.volume import Classes

Sample = tuple[torch.Tensor, torch.Tensor]
Corner = tuple[int, ...]


class CubeReader:
    """Reads cubes of grey values and labels from the stores, normalised; sparse labels leave most of a cube without."""

    def __init__(self, results: Path, training_set: TrainingSet, classes: Classes) -> None:
        self._results = results
        self._set = training_set
        self.axis = axis_number(training_set.plane_axis)
        self._index = index_of_values(classes, training_set.ignore_value)
        self._stores: dict[str, StoreVolume] = {}

    def store(self, name: str) -> StoreVolume:
        """Return the store of that name, opened once."""
        if name not in self._stores:
            self._stores[name] = open_store(self._results / name)
        return self._stores[name]

    def labelled_voxel(self, entry: Entry, plane: int, random: np.random.Generator) -> Corner:
        """Return a voxel (z, y, x) of ``plane`` of a class drawn at random, so that rare classes are seen."""
        labels = self._index[read_plane(self.store(entry.annotations), self.axis, plane)]
        found = [*voxel_of_some_class(labels, random)]
        found.insert(self.axis, plane)
        return tuple(found)

    def read(self, entry: Entry, corner: Corner, edges: Corner) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
        """Return grey values (1, Z, Y, X) in standard deviations from the mean, and class indices (Z, Y, X).

        What lies beyond the volume is mirrored, and not labelled (-1).
        """
        store = self.store(entry.grey)
        ends = [min(first + edge, size) for first, edge, size in zip(corner, edges, store.shape, strict=True)]
        z, y, x = (slice(first, end) for first, end in zip(corner, ends, strict=True))
        grey = (store.read((z, y, x)).astype(np.float32) - np.float32(self._set.grey_mean)) / np.float32(
            self._set.grey_sd
        )
        target = self._index[self.store(entry.annotations).read((z, y, x))]
        margin = [(0, edge - size) for edge, size in zip(edges, grey.shape, strict=True)]
        return np.pad(grey, margin, mode="symmetric")[None], np.pad(target, margin, constant_values=IGNORED)


class RandomCubes(Dataset[Sample]):
    """The training cubes of one epoch, ``patches_per_plane`` around each labelled plane."""

    def __init__(self, reader: CubeReader, entries: tuple[Entry, ...], model: ModelSettings, epoch: int) -> None:
        self._reader = reader
        self._model = model
        self._epoch = epoch
        planes = [(entry, plane) for entry in entries for plane in entry.planes]
        order = np.random.default_rng((model.train.seed, epoch)).permutation(
            len(planes) * model.train.patches_per_plane
        )
        self._planes = [planes[index % len(planes)] for index in order]

    def __len__(self) -> int:
        return len(self._planes)

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng((self._model.train.seed, self._epoch, index))
        entry, plane = self._planes[index]
        edges = self._model.patch_voxels
        grey, target = self._reader.read(entry, self._corner(entry, plane, random), edges)
        grey, target = augment(grey, target, self._model, random)
        return torch.from_numpy(grey), torch.from_numpy(target.astype(np.int64))

    def _corner(self, entry: Entry, plane: int, random: np.random.Generator) -> Corner:
        """Return where a cube that holds part of ``plane`` begins; half of them around a voxel of some class."""
        shape, edges, axis = self._reader.store(entry.grey).shape, self._model.patch_voxels, self._reader.axis
        last = [max(size - edge, 0) for size, edge in zip(shape, edges, strict=True)]
        if random.random() < FOREGROUND_SHARE:
            centre = self._reader.labelled_voxel(entry, plane, random)
            return tuple(
                min(max(middle - edge // 2, 0), end) for middle, edge, end in zip(centre, edges, last, strict=True)
            )
        first = [0, 0, 0]
        first[axis], last[axis] = max(plane - edges[axis] + 1, 0), min(plane, last[axis])
        return tuple(int(random.integers(low, high + 1)) for low, high in zip(first, last, strict=True))


class WholeCubes(Dataset[Sample]):
    """Cubes side by side that hold every labelled plane of the volumes that judge, each labelled voxel once."""

    def __init__(self, reader: CubeReader, entries: tuple[Entry, ...], edges: Corner) -> None:
        self._reader = reader
        self._edges = edges
        self._windows = [
            (entry, corner)
            for entry in entries
            for corner in itertools.product(
                *(range(0, size, edge) for size, edge in zip(reader.store(entry.grey).shape, edges, strict=True))
            )
            if any(0 <= plane - corner[reader.axis] < edges[reader.axis] for plane in entry.planes)
        ]

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> Sample:
        grey, target = self._reader.read(*self._windows[index], self._edges)
        return torch.from_numpy(grey), torch.from_numpy(target.astype(np.int64))
