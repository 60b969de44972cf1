"""Patches of planes: drawn at random from labelled planes, the same ones again for the same seed, epoch and index."""

from __future__ import annotations

import math
from collections import OrderedDict
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from tomocell.training.augmentations.apply import augment
from tomocell.volumes.planes import axis_number, read_planes
from tomocell.volumes.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.models.settings import ModelSettings
    from tomocell.training.trainingset import Entry, TrainingSet
    from tomocell.volumes.store import StoreVolume
    from tomocell.volumes.volume import Classes

IGNORED = -1
CACHE_MB = 1024  # 26 planes of 3896 x 1707 voxels with their labels
Sample = tuple[torch.Tensor, torch.Tensor]
Pixels = tuple["NDArray[np.float32]", "NDArray[np.int16]"]


class StoreReader:
    """What reads of planes and of cubes share: stores opened once, grey values normalised, labels as class indices."""

    def __init__(self, results: Path, training_set: TrainingSet, classes: Classes) -> None:
        self._results = results
        self._set = training_set
        self._index = class_index(training_set, classes)
        self._stores: dict[str, StoreVolume] = {}

    def store(self, name: str) -> StoreVolume:
        """Return a store by its path in the results."""
        if name not in self._stores:
            self._stores[name] = open_store(self._results / name)
        return self._stores[name]

    def normalised(self, grey: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return grey values in standard deviations from the mean."""
        scaled = grey.astype(np.float32)
        scaled -= np.float32(self._set.grey_mean)
        scaled /= np.float32(self._set.grey_sd)
        return scaled


class PlaneReader(StoreReader):
    """Reads labelled planes from the stores, normalised, keeping the latest ones within a bound of memory.

    With ``planes`` above 1, grey values of as many neighbouring planes come with each labelled one, the labelled one in
    the middle; beyond a face of the volume its last plane is repeated.
    """

    def __init__(
        self, results: Path, training_set: TrainingSet, classes: Classes, planes: int = 1, cache_mb: int = CACHE_MB
    ) -> None:
        super().__init__(results, training_set, classes)
        self._reach = planes // 2
        self._axis = axis_number(training_set.plane_axis)
        self._most_bytes = cache_mb << 20
        self._cache: OrderedDict[tuple[str, str, int], Pixels] = OrderedDict()
        self._counts: dict[tuple[str, str, int], NDArray[np.int64]] = {}
        self._classes = len(list(classes))
        self._lock = Lock()  # batches are made ahead by a thread, while planes that judge are read by another

    def shape(self, entry: Entry) -> tuple[int, ...]:
        """Return the rows and columns of the planes of an entry."""
        return tuple(size for axis, size in enumerate(self.store(entry.grey).shape) if axis != self._axis)

    def read(self, entry: Entry, plane: int) -> Pixels:
        """Return grey values in standard deviations from the mean, and class indices (-1: not labelled).

        Shapes (planes, rows, columns) and (rows, columns). Threads may read at once.
        """
        key = (entry.grey, entry.part, plane)
        with self._lock:
            if key not in self._cache:
                for number, pixels in self._load(entry, plane):
                    self._cache[entry.grey, entry.part, number] = pixels
                self._cache.move_to_end(key)
                while len(self._cache) > 1 and self.cached_bytes() > self._most_bytes:
                    self._counts.pop(self._cache.popitem(last=False)[0], None)
            self._cache.move_to_end(key)
            return self._cache[key]

    def counts(self, entry: Entry, plane: int) -> NDArray[np.int64]:
        """Return how many pixels of each class each row holds, shape (classes, rows)."""
        key = (entry.grey, entry.part, plane)
        if key not in self._counts:
            target = self.read(entry, plane)[1]
            found = [np.count_nonzero(target == index, axis=1) for index in range(self._classes)]
            self._counts[key] = np.array(found, np.int64)
        return self._counts[key]

    def cached_bytes(self) -> int:
        """Return what the planes kept take."""
        return sum(grey.nbytes + target.nbytes for grey, target in self._cache.values())

    def _load(self, entry: Entry, plane: int) -> Iterator[tuple[int, Pixels]]:
        """Yield a plane, with the others of the entry in the same chunks if memory holds all there are.

        All will be read in an epoch, and most of the time that one takes goes into decoding the chunks.
        """
        store, labels = self.store(entry.grey), self.store(entry.annotations)
        chunk = store.manifest.chunk[self._axis]
        beside = [other for other in entry.planes if other // chunk == plane // chunk]
        planes = beside if plane in beside and self._all_fit else [plane]
        last = store.shape[self._axis] - 1
        reach = range(-self._reach, self._reach + 1)
        wanted = sorted({min(max(index + step, 0), last) for index in planes for step in reach})
        grey = dict(zip(wanted, read_planes(store, self._axis, wanted, store.manifest.chunk), strict=True))
        part = entry.labels(labels, self._set.ignore_value)
        targets = read_planes(part, self._axis, planes, labels.manifest.chunk)
        for index, target in zip(planes, targets, strict=True):
            stack = np.stack([grey[min(max(index + step, 0), last)] for step in reach])
            yield index, (self.normalised(stack), self._index[target])

    @cached_property
    def _all_fit(self) -> bool:
        """Whether memory holds all planes of the training set: else planes read ahead would drive out others."""
        pixel = 4 * (2 * self._reach + 1) + 2
        sizes = [len(entry.planes) * math.prod(self.shape(entry)) * pixel for entry in self._set.entries]
        return sum(sizes) <= self._most_bytes


class RandomPatches(Dataset[Sample]):
    """The training patches of one epoch, in an order that depends on seed and epoch alone."""

    def __init__(self, reader: PlaneReader, entries: tuple[Entry, ...], model: ModelSettings, epoch: int) -> None:
        self._reader = reader
        self._model = model
        self._epoch = epoch
        planes = [(entry, plane) for entry in entries for plane in entry.planes]
        self._rare = {
            index: places
            for index, name in enumerate(model.classes)
            if name in model.sampling.rare_classes
            and (places := [(entry, plane) for entry in entries for plane in entry.planes_of.get(name, ())])
        }
        order = np.random.default_rng((model.train.seed, epoch)).permutation(
            len(planes) * model.train.patches_per_plane
        )
        self._planes = [planes[index % len(planes)] for index in order]

    def __len__(self) -> int:
        return len(self._planes)

    def __getitem__(self, index: int) -> Sample:
        random = self._random(index)
        (entry, plane), start = self._place(self._planes[index], random)
        patch = self._model.patch_voxels
        grey, target = cut_out(*pad(*self._reader.read(entry, plane), patch), start, patch)
        grey, target = augment(grey, target, self._model, random)
        return torch.from_numpy(grey), torch.from_numpy(target.astype(np.int64))

    def where(self, index: int) -> str:
        """Return the place of a sample, in words."""
        (entry, plane), (row, column) = self._place(self._planes[index], self._random(index))
        across = self._model.plane_axis
        return f"{entry.series}/{entry.timestep}, plane {across} = {plane}, corner at row {row}, column {column}"

    def _random(self, index: int) -> np.random.Generator:
        return np.random.default_rng((self._model.train.seed, self._epoch, index))

    def _place(self, place: tuple[Entry, int], random: np.random.Generator) -> tuple[tuple[Entry, int], list[int]]:
        patch = self._model.patch_voxels
        on_foreground = random.random() < self._model.sampling.foreground_share
        wanted = int(random.choice(list(self._rare))) if on_foreground and self._rare else None
        if wanted is not None:
            place = self._rare[wanted][int(random.integers(len(self._rare[wanted])))]
        shape = [max(size, edge) for size, edge in zip(self._reader.shape(place[0]), patch, strict=True)]
        start = [int(random.integers(size - edge + 1)) for size, edge in zip(shape, patch, strict=True)]
        if on_foreground:
            target, counts = self._reader.read(*place)[1], self._reader.counts(*place)
            start = start_around(_pixel_of(target, counts, wanted, random), tuple(shape), patch)
        return place, start


class WholePlanes(Dataset[Sample]):
    """The planes that judge, each cut to patches side by side, so that every labelled pixel is seen once."""

    def __init__(self, reader: PlaneReader, entries: tuple[Entry, ...], patch: tuple[int, ...]) -> None:
        self._reader = reader
        self._patch = patch
        self._windows = [
            (entry, plane, corner)
            for entry in entries
            for plane in entry.planes
            for corner in _corners(reader.shape(entry), patch)
        ]

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> Sample:
        entry, plane, corner = self._windows[index]
        grey, target = pad(*cut_out(*self._reader.read(entry, plane), corner, self._patch), self._patch)
        return torch.from_numpy(np.array(grey)), torch.from_numpy(target.astype(np.int64))


def class_index(training_set: TrainingSet, classes: Classes) -> NDArray[np.int16]:
    """Return the class index of each label value, shape (256,); -1 where it is not labelled or of no class."""
    rest = IGNORED if training_set.rest is None else classes.names.index(training_set.rest)
    index = np.full(256, rest, np.int16)
    for position, member in enumerate(classes):
        index[member.value] = position
    index[training_set.ignore_value] = IGNORED
    return index


def start_around(centre: tuple[int, ...], shape: tuple[int, ...], patch: tuple[int, ...]) -> list[int]:
    """Return the first voxel of the patch about ``centre``, moved into ``shape``."""
    return [
        min(max(middle - edge // 2, 0), size - edge) for middle, size, edge in zip(centre, shape, patch, strict=True)
    ]


def cut_out(grey: NDArray[np.float32], target: NDArray[np.int16], start: list[int], patch: tuple[int, ...]) -> Pixels:
    """Return the window of ``patch`` voxels at ``start`` that lies inside; grey values have their planes before it."""
    window = tuple(slice(first, first + edge) for first, edge in zip(start, patch, strict=True))
    return grey[:, *window], target[window]


def pad(grey: NDArray[np.float32], target: NDArray[np.int16], patch: tuple[int, ...]) -> Pixels:
    """Mirror what is smaller than the patch up to it; mirrored voxels are not labelled."""
    margin = [(0, max(edge - size, 0)) for size, edge in zip(target.shape, patch, strict=True)]
    if not any(after for _, after in margin):
        return grey, target
    return np.pad(grey, [(0, 0), *margin], mode="symmetric"), np.pad(target, margin, constant_values=IGNORED)


def _corners(shape: tuple[int, ...], patch: tuple[int, ...]) -> list[list[int]]:
    return [[row, column] for row in range(0, shape[0], patch[0]) for column in range(0, shape[1], patch[1])]


def _pixel_of(
    target: NDArray[np.int16], counts: NDArray[np.int64], wanted: int | None, random: np.random.Generator
) -> tuple[int, int]:
    """Return a pixel of the class wanted, or of a class drawn from those that are there; all its pixels alike.

    Args:
        target: Class indices.
        counts: Pixels of each class in each row: to look for them in the whole plane would take longer than the step.
        wanted: Class index.
        random: Draws.
    """
    present = np.flatnonzero(counts.sum(1))
    if not present.size:
        return target.shape[0] // 2, target.shape[1] // 2
    member = wanted if wanted is not None and wanted in present else int(random.choice(present))
    until = counts[member].cumsum()
    number = int(random.integers(until[-1]))
    row = int(np.searchsorted(until, number, side="right"))
    column = np.flatnonzero(target[row] == member)[number - int(until[row] - counts[member][row])]
    return row, int(column)
