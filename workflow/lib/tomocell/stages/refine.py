"""Refine: labels become phases by explicit rules, each saying what it changed."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, transform_volume
from tomocell.refinement import rules
from tomocell.volumes.provenance import provenance
from tomocell.volumes.store import Layout, StoreVolume, create_store, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.refinement.settings import RefineSettings
    from tomocell.volumes.volume import Classes, Volume, VoxelSize

log = logging.getLogger(__name__)


def refine(
    labels: Path, store: Path, classes: Classes, settings: RefineSettings, limits: Limits, *, digest: str = ""
) -> None:
    """Apply the rules of ``settings`` to ``labels``: crop, where, small objects, split, must touch.

    ``classes`` are all of the study; the store names those that remain. What each rule changed stands in the notes:
    ``crop_start_voxels``, ``crop_end_voxels``, ``split_plane`` (in what the crop leaves), objects and voxels by class
    of ``where``, ``small_objects`` and ``must_touch``, and the ``voxels`` of each class that remain.

    Raises:
        BadInput: If the crop leaves nothing, the split plane lies outside the volume, or there is no electrolyte to
            find it in.
    """
    source = open_store(labels)
    phases, notes = apply_rules(source, classes, settings, limits)
    after = classes.subset(settings.names_after(source.classes.names))
    counts = _Counts()

    def kernel(voxels: NDArray[Any], _: Block) -> NDArray[Any]:
        counts.add(voxels)
        return voxels

    layout = Layout(phases.shape, np.dtype(np.uint8), source.size, after, origin_um=origin_um(source, settings))
    with create_store(store, layout, limits, provenance(settings, digest, {"labels": source})) as writer:
        transform_volume(kernel, phases, writer, Need(bytes_per_voxel=6.0), limits)
        voxels = {member.name: int(counts.voxels[member.value]) for member in after}
        writer.notes.update(notes, voxels=voxels)
    log.info("%s: %s", labels, writer.notes)


def apply_rules(
    source: Volume, classes: Classes, settings: RefineSettings, limits: Limits
) -> tuple[Volume, dict[str, Any]]:
    """Return a volume of the phases, made when it is read, and what the rules changed.

    Raises:
        BadInput: As ``refine``.
    """
    cropped = rules.crop(source, settings)
    plane = rules.split_plane(cropped, classes, settings, limits)
    placed, misplaced = rules.place(cropped, classes, settings, plane, limits)
    believed, small = rules.give_up_small(placed, classes, settings, limits)
    divided = rules.split_by_depth(believed, classes, settings, plane)
    phases, detached = rules.require_contact(divided, classes, settings, limits)
    notes = {
        "crop_start_voxels": list(settings.crop_start_voxels),
        "crop_end_voxels": list(settings.crop_end_voxels),
        "split_plane": plane,
        "where": misplaced,
        "small_objects": small,
        "must_touch": detached,
    }
    return phases, notes


def origin_um(source: StoreVolume, settings: RefineSettings) -> VoxelSize:
    """Return where the phases begin in the frame of the labels: the crop, and what these had themselves."""
    ends = zip(source.origin_um, settings.crop_start_voxels, source.size, strict=True)
    z, y, x = (before + start * edge for before, start, edge in ends)
    return (z, y, x)


@dataclass
class _Counts:
    """Voxels of each value, added up by several threads."""

    voxels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(rules.VALUES, np.int64))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, voxels: NDArray[Any]) -> None:
        counts = sum(np.bincount(plane.ravel(), minlength=rules.VALUES) for plane in voxels)
        with self.lock:
            self.voxels += counts
