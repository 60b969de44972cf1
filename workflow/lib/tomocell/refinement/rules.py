"""Volumes as the rules leave them, a region at a time: each rule reads what the one before makes of the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.objects.columns import column_extents, profile_between
from tomocell.refinement.misplaced import find_detached, find_misplaced
from tomocell.refinement.small_objects import find_small
from tomocell.volumes.views import BoxVolume
from tomocell.volumes.volume import AXES, Region, Shape, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.refinement.runs import ObjectRuns
    from tomocell.refinement.settings import ElectrolyteSplit, RefineSettings
    from tomocell.volumes.volume import Classes

    Rule = Callable[[NDArray[Any], Region], NDArray[Any]]
    Notes = dict[str, dict[str, int]]

VALUES = 256


class RuledVolume(Volume):
    """A volume after a rule, ``rule(voxels, region) -> voxels``, which is applied whenever a region is read."""

    def __init__(self, source: Volume, rule: Rule) -> None:
        self.name = source.name
        self.shape = source.shape
        self.dtype = source.dtype
        self.voxel_size_um = source.voxel_size_um
        self.classes = source.classes
        self.grain = source.grain
        self._source = source
        self._rule = rule

    def read(self, region: Region) -> NDArray[Any]:
        """Return the voxels of ``region``, as the rule leaves them."""
        return self._rule(self._source.read(region), region)


def crop_faults(shape: Shape, settings: RefineSettings, name: str) -> list[Fault]:
    """Return the axes of a volume of ``shape`` of which the crop leaves nothing."""
    ends = zip(AXES, shape, settings.crop_start_voxels, settings.crop_end_voxels, strict=True)
    return [
        Fault(f"refine.crop along {axis}", f"{start} + {end} voxels", f"less than the {length} of {name}", "crop less")
        for axis, length, start, end in ends
        if start + end >= length
    ]


def plane_faults(depth: int, settings: RefineSettings) -> list[Fault]:
    """Return what is wrong with the split plane in ``depth`` planes, those that the crop leaves."""
    if not settings.needs_plane or settings.split_electrolyte is not None:
        return []
    plane = depth // 2 if settings.split_plane is None else settings.split_plane
    expected = f"a plane inside {depth} planes"
    fault = Fault("refine.split_plane", plane, expected, "correct it, or give null")
    return [] if 0 < plane < depth else [fault]


def cropped_shape(shape: Shape, settings: RefineSettings) -> Shape:
    """Return what the crop leaves of a volume of ``shape``."""
    ends = zip(shape, settings.crop_start_voxels, settings.crop_end_voxels, strict=True)
    z, y, x = (length - start - end for length, start, end in ends)
    return (z, y, x)


def crop(volume: Volume, settings: RefineSettings) -> Volume:
    """Return ``volume`` without its poor edges.

    Raises:
        BadInput: If nothing is left.
    """
    faults = crop_faults(volume.shape, settings, volume.name)
    if faults:
        raise BadInput(*faults)
    shape = cropped_shape(volume.shape, settings)
    return BoxVolume(volume, settings.crop_start_voxels, shape) if settings.crops else volume


def split_plane(volume: Volume, classes: Classes, settings: RefineSettings, limits: Limits) -> int:
    """Return the first plane of the far side of a volume that was cropped.

    Raises:
        BadInput: If the plane of the settings lies outside, or there is no electrolyte to find it in.
    """
    if settings.split_electrolyte is not None and settings.needs_plane:
        return middle_plane(volume, classes, settings.split_electrolyte, limits)
    faults = plane_faults(volume.shape[0], settings)
    if faults:
        raise BadInput(*faults)
    return volume.shape[0] // 2 if settings.split_plane is None else settings.split_plane


def middle_plane(volume: Volume, classes: Classes, settings: ElectrolyteSplit, limits: Limits) -> int:
    """Return the median plane of the electrolyte between the electrodes.

    ``min {z : 2 sum_{k < z} n_k >= sum_k n_k}``, where ``n_k`` counts the electrolyte's voxels of plane k that have
    an electrode before and after them in their column. So what lies beyond the electrodes (a pouch of the same
    class) does not count, a tilt of the layer or a lump in one column hardly.

    Raises:
        BadInput: If no voxel of the electrolyte lies between electrodes.
    """
    electrodes = tuple(classes.value(name) for name in settings.electrodes)
    (extents,) = column_extents(volume, [electrodes], limits)
    counts = profile_between(volume, classes.value(settings.electrolyte), extents, limits)
    if not counts.any():
        found = f"no {settings.electrolyte} between {', '.join(settings.electrodes)}"
        remedy = "name the class of the electrolyte and those of both electrodes, or give 'split_plane'"
        raise BadInput(Fault(f"refine.split_electrolyte in {volume.name}", found, "a layer of electrolyte", remedy))
    return int(np.searchsorted(2 * np.cumsum(counts), counts.sum())) + 1


def place(
    volume: Volume, classes: Classes, settings: RefineSettings, plane: int, limits: Limits
) -> tuple[Volume, Notes]:
    """Return ``volume`` with its misplaced objects changed, and what was."""
    found = {
        name: find_misplaced(volume, classes.value(name), rule.side, plane, limits)
        for name, rule in settings.where.items()
    }
    becomes = {name: classes.value(rule.otherwise) for name, rule in settings.where.items()}
    return _changed(volume, found, becomes)


def give_up_small(volume: Volume, classes: Classes, settings: RefineSettings, limits: Limits) -> tuple[Volume, Notes]:
    """Return ``volume`` without its small objects, and how many they were."""
    found = {
        name: find_small(volume, classes.value(name), rule.least_voxels, limits)
        for name, rule in settings.small_objects.items()
    }
    becomes = {name: classes.value(rule.becomes) for name, rule in settings.small_objects.items()}
    return _changed(volume, found, becomes)


def split_by_depth(volume: Volume, classes: Classes, settings: RefineSettings, plane: int) -> Volume:
    """Return ``volume`` with its split classes in two at ``plane``."""
    near, far = np.arange(VALUES, dtype=np.uint8), np.arange(VALUES, dtype=np.uint8)
    for name, halves in settings.split.items():
        near[classes.value(name)] = classes.value(halves.before)
        far[classes.value(name)] = classes.value(halves.after)

    def rule(voxels: NDArray[Any], region: Region) -> NDArray[Any]:
        here = min(max(plane - region[0].start, 0), voxels.shape[0])
        return np.concatenate([near[voxels[:here]], far[voxels[here:]]])

    return RuledVolume(volume, rule) if settings.split else volume


def require_contact(volume: Volume, classes: Classes, settings: RefineSettings, limits: Limits) -> tuple[Volume, Notes]:
    """Return ``volume`` with the objects changed that touch nothing of what they must, and what was."""
    found = {
        name: find_detached(volume, classes.value(name), tuple(map(classes.value, rule.of)), limits)
        for name, rule in settings.must_touch.items()
    }
    becomes = {name: classes.value(rule.otherwise) for name, rule in settings.must_touch.items()}
    return _changed(volume, found, becomes)


def _changed(volume: Volume, found: Mapping[str, ObjectRuns], becomes: Mapping[str, int]) -> tuple[Volume, Notes]:
    def rule(voxels: NDArray[Any], region: Region) -> NDArray[Any]:
        for name, runs in found.items():
            runs.fill(voxels, region, becomes[name])
        return voxels

    notes = {name: {"objects": runs.objects, "voxels": runs.voxels} for name, runs in found.items()}
    return (RuledVolume(volume, rule) if found else volume), notes
