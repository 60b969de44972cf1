"""Patches: drawn at random from labelled planes, the same ones again for the same seed, epoch and index."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from tomocell.volumes.planes import axis_number, read_plane
from tomocell.volumes.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.models.settings import ModelSettings
    from tomocell.training.trainingset import Entry, TrainingSet
    from tomocell.volumes.store import StoreVolume
    from tomocell.volumes.volume import Classes

IGNORED = -1
CACHE_BYTES = 1 << 30  # 26 planes of 3896 x 1707 voxels with their labels
FOREGROUND_SHARE = 0.5  # patches centred on a voxel of a class drawn at random, so that rare classes are seen
Sample = tuple[torch.Tensor, torch.Tensor]


def index_of_values(classes: Classes, ignore_value: int) -> NDArray[np.int16]:
    """Return the position among ``classes`` of each label value, 0 to 255; -1 of what is none, or not labelled."""
    index = np.full(256, IGNORED, np.int16)
    for position, member in enumerate(classes):
        index[member.value] = position
    index[ignore_value] = IGNORED
    return index


class PlaneReader:
    """Reads labelled planes from the stores, normalised, keeping the latest ones within a bound of memory.

    With ``planes`` above 1, grey values of as many neighbouring planes come with each labelled one, the labelled one in
    the middle; beyond a face of the volume its last plane is repeated.
    """

    def __init__(self, results: Path, training_set: TrainingSet, classes: Classes, planes: int = 1) -> None:
        self._reach = planes // 2
        self._results = results
        self._set = training_set
        self._axis = axis_number(training_set.plane_axis)
        self._index = index_of_values(classes, training_set.ignore_value)
        self._stores: dict[str, StoreVolume] = {}
        self._cache: OrderedDict[tuple[str, int], tuple[NDArray[np.float32], NDArray[np.int16]]] = OrderedDict()

    def read(self, entry: Entry, plane: int) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
        """Return grey values in standard deviations from the mean, and class indices (-1: not labelled).

        Shapes (planes, rows, columns) and (rows, columns).
        """
        key = (entry.grey, plane)
        if key not in self._cache:
            self._cache[key] = self._load(entry, plane)
            while len(self._cache) > 1 and self._cached_bytes() > CACHE_BYTES:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]

    def _cached_bytes(self) -> int:
        return sum(grey.nbytes + target.nbytes for grey, target in self._cache.values())

    def _store(self, name: str) -> StoreVolume:
        if name not in self._stores:
            self._stores[name] = open_store(self._results / name)
        return self._stores[name]

    def _load(self, entry: Entry, plane: int) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
        store = self._store(entry.grey)
        last = store.shape[self._axis] - 1
        wanted = [min(max(index, 0), last) for index in range(plane - self._reach, plane + self._reach + 1)]
        grey = np.stack([read_plane(store, self._axis, index) for index in wanted]).astype(np.float32)
        labels = read_plane(self._store(entry.annotations), self._axis, plane)
        grey -= np.float32(self._set.grey_mean)
        grey /= np.float32(self._set.grey_sd)
        return grey, self._index[labels]


class RandomPatches(Dataset[Sample]):
    """The training patches of one epoch, in an order that depends on seed and epoch alone."""

    def __init__(self, reader: PlaneReader, entries: tuple[Entry, ...], model: ModelSettings, epoch: int) -> None:
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
        grey, target = self._reader.read(*self._planes[index])
        rows, columns = self._model.patch_voxels[:2]
        grey, target = _crop(grey, target, (rows, columns), random)
        grey, target = augment(grey, target, self._model, random)
        return torch.from_numpy(grey), torch.from_numpy(target.astype(np.int64))


class WholePlanes(Dataset[Sample]):
    """The planes that judge, each cut to patches side by side, so that every labelled pixel is seen once."""

    def __init__(self, reader: PlaneReader, entries: tuple[Entry, ...], patch: tuple[int, ...]) -> None:
        self._reader = reader
        self._patch = (patch[0], patch[1])
        self._windows = [
            (entry, plane, corner)
            for entry in entries
            for plane in entry.planes
            for corner in _corners(reader.read(entry, plane)[1].shape, self._patch)
        ]

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> Sample:
        entry, plane, (row, column) = self._windows[index]
        grey, target = self._reader.read(entry, plane)
        window = (slice(row, row + self._patch[0]), slice(column, column + self._patch[1]))
        grey, target = _pad(grey[:, *window], target[window], self._patch)
        return torch.from_numpy(grey.copy()), torch.from_numpy(target.astype(np.int64))


def _corners(shape: tuple[int, ...], patch: tuple[int, int]) -> list[tuple[int, int]]:
    return [(row, column) for row in range(0, shape[0], patch[0]) for column in range(0, shape[1], patch[1])]


def _crop(
    grey: NDArray[np.float32], target: NDArray[np.int16], patch: tuple[int, int], random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    grey, target = _pad(grey, target, patch)
    start = [int(random.integers(size - edge + 1)) for size, edge in zip(target.shape, patch, strict=True)]
    if random.random() < FOREGROUND_SHARE:
        start = _start_around(voxel_of_some_class(target, random), target.shape, patch)
    window = tuple(slice(first, first + edge) for first, edge in zip(start, patch, strict=True))
    return grey[:, *window], target[window]


def voxel_of_some_class(target: NDArray[np.int16], random: np.random.Generator) -> tuple[int, int]:
    """Return a pixel of a class drawn at random from those that ``target`` (rows, columns) holds; else its middle."""
    present = np.unique(target[target != IGNORED])
    if not present.size:
        return target.shape[0] // 2, target.shape[1] // 2
    places = np.flatnonzero(target == random.choice(present))
    row, column = np.unravel_index(int(random.choice(places)), target.shape)
    return int(row), int(column)


def _start_around(centre: tuple[int, int], shape: tuple[int, ...], patch: tuple[int, int]) -> list[int]:
    return [
        min(max(middle - edge // 2, 0), size - edge) for middle, size, edge in zip(centre, shape, patch, strict=True)
    ]


def _pad(
    grey: NDArray[np.float32], target: NDArray[np.int16], patch: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Mirror a plane smaller than the patch up to it; mirrored voxels are not labelled."""
    margin = [(0, max(edge - size, 0)) for size, edge in zip(target.shape, patch, strict=True)]
    if not any(after for _, after in margin):
        return grey, target
    return np.pad(grey, [(0, 0), *margin], mode="symmetric"), np.pad(target, margin, constant_values=IGNORED)


def augment(
    grey: NDArray[np.float32], target: NDArray[np.int16], model: ModelSettings, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Return a patch or a cube turned and with other grey values, as the settings say; ``grey`` has planes first."""
    if model.train.flips:
        for axis in range(target.ndim):
            if random.random() < 0.5:  # noqa: PLR2004
                grey, target = np.flip(grey, axis + 1), np.flip(target, axis)
    gain, offset = model.train.grey_jitter * random.standard_normal(2)
    shifted = grey * np.float32(1 + gain) + np.float32(offset)
    return np.ascontiguousarray(shifted, dtype=np.float32), np.ascontiguousarray(target)
