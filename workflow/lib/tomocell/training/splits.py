"""Ways to split labels into those that train and those that judge."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.volumes.planes import axis_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tomocell.models.settings import ModelSettings
    from tomocell.training.parts import Box, Part
    from tomocell.training.settings import SplitSettings
    from tomocell.volumes.volume import Shape

Key = tuple[str, str]


def split(keys: Sequence[Key], model: ModelSettings) -> dict[Key, Part]:
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


def judging_blocks(shapes: Mapping[Key, Shape], settings: SplitSettings) -> dict[Key, list[Box]]:
    """Return for each volume the blocks that judge: the ranges given, else a share of its blocks, at least one.

    Raises:
        BadInput: If a range given lies outside a volume.
    """
    axis = axis_number(settings.axis)
    random = np.random.default_rng(settings.seed)
    boxes = {}
    for key, shape in shapes.items():
        ranges = list(settings.ranges) or _drawn_ranges(shape[axis], settings, random)
        outside = [part for part in ranges if part[1] > shape[axis]]
        if outside:
            expected = f"planes below {shape[axis]}, the size of {'/'.join(key)} along {settings.axis}"
            raise BadInput(Fault("model.split.ranges", outside, expected, "correct the ranges"))
        boxes[key] = [_slab(shape, axis, first, stop) for first, stop in ranges]
    return boxes


def judging_planes(
    planes: Mapping[Key, Sequence[int]], shapes: Mapping[Key, Shape], axis: int, settings: SplitSettings
) -> dict[Key, list[Box]]:
    """Return for each volume the labelled planes that judge, a share of all of them drawn at random."""
    pool = [(key, plane) for key, of_key in planes.items() for plane in of_key]
    boxes: dict[Key, list[Box]] = {key: [] for key in planes}
    for index in _drawn(len(pool), settings):
        key, plane = pool[index]
        boxes[key].append(_slab(shapes[key], axis, plane, plane + 1))
    return boxes


def judging_cubes(
    tiles: Mapping[Key, Sequence[tuple[int, int, int]]], edges: Shape, settings: SplitSettings
) -> dict[Key, list[Box]]:
    """Return for each volume the cubes that judge, a share of all cubes with labels drawn at random."""
    pool = [(key, tile) for key, of_key in tiles.items() for tile in of_key]
    boxes: dict[Key, list[Box]] = {key: [] for key in tiles}
    for index in _drawn(len(pool), settings):
        key, (z, y, x) = pool[index]
        boxes[key].append(((z, z + edges[0]), (y, y + edges[1]), (x, x + edges[2])))
    return boxes


def _drawn(count: int, settings: SplitSettings) -> list[int]:
    """Return the places of a share of ``count`` things: at least one of them, and never all of several."""
    wanted = max(1, min(round(settings.share * count), count - 1))
    return sorted(int(index) for index in np.random.default_rng(settings.seed).permutation(count)[:wanted])


def _drawn_ranges(size: int, settings: SplitSettings, random: np.random.Generator) -> list[tuple[int, int]]:
    count = math.ceil(size / settings.block_voxels)
    wanted = max(1, min(round(settings.share * count), count - 1))
    firsts = sorted(int(index) * settings.block_voxels for index in random.permutation(count)[:wanted])
    return [(first, min(first + settings.block_voxels, size)) for first in firsts]


def _slab(shape: Shape, axis: int, first: int, stop: int) -> Box:
    box = [(0, size) for size in shape]
    box[axis] = (first, stop)
    return (box[0], box[1], box[2])


def _is_named(key: Key, names: Sequence[str]) -> bool:
    return key[1] in names or "/".join(key) in names
