"""Cubes for networks that see volumes: drawn at random, the same ones again for the same seed, epoch and index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from tomocell.training.augmentations.apply import augment
from tomocell.training.bricks import BrickCache, CachedVolume
from tomocell.training.patches import CACHE_MB, IGNORED, StoreReader, pad, start_around

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.models.settings import ModelSettings
    from tomocell.training.patches import Pixels, Sample
    from tomocell.training.trainingset import Entry, Point, TrainingSet
    from tomocell.volumes.volume import Classes, Region, Shape


class CubeReader(StoreReader):
    """Reads regions of the stores, normalised, keeping the chunks read last within a bound of memory."""

    def __init__(self, results: Path, training_set: TrainingSet, classes: Classes, cache_mb: int = CACHE_MB) -> None:
        super().__init__(results, training_set, classes)
        self.cache = BrickCache(cache_mb << 20)

    def shape(self, entry: Entry) -> Shape:
        """Return the shape of the volume of an entry."""
        return self.store(entry.grey).shape

    def read(self, entry: Entry, start: Point, edges: Shape) -> Pixels:
        """Return grey values in standard deviations from the mean and class indices (-1: not labelled).

        What of the cube lies beyond the volume is its mirror image, and not labelled.

        Returns:
            Shapes (1, Z, Y, X) and (Z, Y, X).
        """
        region = _inside(start, edges, self.shape(entry))
        grey, annotations = (CachedVolume(self.store(name), self.cache) for name in (entry.grey, entry.annotations))
        labels = entry.labels(annotations, self._set.ignore_value).read(region)
        return pad(self.normalised(grey.read(region))[None], self._index[labels], edges)


class RandomCubes(Dataset["Sample"]):
    """The training cubes of one epoch, in an order that depends on seed and epoch alone.

    A share of them is centred on voxels of classes drawn alike, the others lie about the tiles that hold labels.
    """

    def __init__(self, reader: CubeReader, entries: tuple[Entry, ...], model: ModelSettings, epoch: int) -> None:
        self._reader, self._model, self._epoch = reader, model, epoch
        self._edges = cube_edges(model)
        names = model.sampling.rare_classes or model.classes
        centres = [[(entry, point) for entry in entries for point in entry.centres.get(name, ())] for name in names]
        self._centres = [places for places in centres if places]
        tiles = [(entry, tile) for entry in entries for tile in entry.tiles]
        order = np.random.default_rng((model.train.seed, epoch)).permutation(len(tiles) * model.train.patches_per_plane)
        self._tiles = [tiles[index % len(tiles)] for index in order]

    def __len__(self) -> int:
        return len(self._tiles)

    def __getitem__(self, index: int) -> Sample:
        random = self._random(index)
        grey, target = augment(*self._cube(index, random)[2], self._model, random)
        return torch.from_numpy(grey), torch.from_numpy(target.astype(np.int64))

    def where(self, index: int) -> str:
        """Return the place of a sample, in words."""
        entry, start, _ = self._cube(index, self._random(index))
        return f"{entry.series}/{entry.timestep}, cube at (z, y, x) = {start}"

    def _cube(self, index: int, random: np.random.Generator) -> tuple[Entry, Point, Pixels]:
        home, tile = self._tiles[index]
        entry, start = self._place(home, tile, random)
        pixels = self._reader.read(entry, start, self._edges)
        if (pixels[1] == IGNORED).all():  # labels are sparse, and it was moved away from them
            return home, tile, self._reader.read(home, tile, self._edges)
        return entry, start, pixels

    def _random(self, index: int) -> np.random.Generator:
        return np.random.default_rng((self._model.train.seed, self._epoch, index))

    def _place(self, entry: Entry, tile: Point, random: np.random.Generator) -> tuple[Entry, Point]:
        moved = [
            at + int(random.integers(-(edge // 2), edge // 2 + 1)) for at, edge in zip(tile, self._edges, strict=True)
        ]
        centre = [at + edge // 2 for at, edge in zip(moved, self._edges, strict=True)]
        if self._centres and random.random() < self._model.sampling.foreground_share:
            places = self._centres[int(random.integers(len(self._centres)))]
            entry, point = places[int(random.integers(len(places)))]
            centre = list(point)
        shape = [max(size, edge) for size, edge in zip(self._reader.shape(entry), self._edges, strict=True)]
        z, y, x = start_around(tuple(centre), tuple(shape), self._edges)
        return entry, (z, y, x)


class WholeCubes(Dataset["Sample"]):
    """The cubes that judge, side by side, so that every labelled voxel is seen once."""

    def __init__(self, reader: CubeReader, entries: tuple[Entry, ...], model: ModelSettings) -> None:
        self._reader, self._edges = reader, cube_edges(model)
        self._tiles = [(entry, tile) for entry in entries for tile in entry.tiles]

    def __len__(self) -> int:
        return len(self._tiles)

    def __getitem__(self, index: int) -> Sample:
        grey, target = self._reader.read(*self._tiles[index], self._edges)
        return torch.from_numpy(np.array(grey)), torch.from_numpy(target.astype(np.int64))


def cube_edges(model: ModelSettings) -> Shape:
    """Return the edges of the cubes that a model sees; one voxel thick for a network of planes."""
    z, y, x = model.patch_voxels if len(model.patch_voxels) == 3 else (1, *model.patch_voxels)  # noqa: PLR2004
    return (z, y, x)


def _inside(start: Point, edges: Shape, shape: Shape) -> Region:
    z, y, x = (slice(first, min(first + edge, size)) for first, edge, size in zip(start, edges, shape, strict=True))
    return (z, y, x)
