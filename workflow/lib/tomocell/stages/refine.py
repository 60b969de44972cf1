"""Refine: labels become phases by explicit rules, each saying what it changed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, transform_volume
from tomocell.errors import BadInput, Fault
from tomocell.refinement.small_objects import find_small
from tomocell.stages.provenance import provenance
from tomocell.volumes.store import Layout, create_store, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.refinement.settings import RefineSettings
    from tomocell.refinement.small_objects import SmallObjectRuns
    from tomocell.volumes.volume import Classes, Volume

log = logging.getLogger(__name__)
VALUES = 256


def refine(
    labels: Path, store: Path, classes: Classes, settings: RefineSettings, limits: Limits, *, digest: str = ""
) -> None:
    """Apply the rules of ``settings`` to ``labels``: first small objects, then the split by depth.

    ``classes`` are all of the study; the store names those that remain. What each rule changed stands in the notes.

    Raises:
        BadInput: If the split plane lies outside the volume.
    """
    source = open_store(labels)
    plane = split_plane(source, settings)
    small = [
        (find_small(source, classes.value(name), rule.least_voxels, limits), classes.value(rule.becomes))
        for name, rule in settings.small_objects.items()
    ]
    near, far = _lookup_tables(classes, settings)
    after = classes.subset(settings.names_after(source.classes.names))

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[np.uint8]:
        for runs, becomes in small:
            runs.fill(voxels, block.core, becomes)
        return split_by_depth(voxels, block, plane, near, far)

    layout = Layout(source.shape, np.dtype(np.uint8), source.size, after)
    with create_store(store, layout, limits, provenance(settings, digest, {"labels": source})) as writer:
        transform_volume(kernel, source, writer, Need(bytes_per_voxel=6.0), limits)
        writer.notes.update(split_plane=plane, small_objects=_notes(settings, [runs for runs, _ in small]))


def split_plane(volume: Volume, settings: RefineSettings) -> int:
    """Return the first plane of the far side.

    Raises:
        BadInput: If the plane of the settings lies outside the volume.
    """
    plane = volume.shape[0] // 2 if settings.split_plane is None else settings.split_plane
    if not 0 < plane < volume.shape[0] and settings.split:
        fault = Fault(
            "refine.split_plane", plane, f"a plane inside {volume.shape[0]} planes", "correct it, or give null"
        )
        raise BadInput(fault)
    return plane


def split_by_depth(
    voxels: NDArray[np.uint8], block: Block, plane: int, near: NDArray[np.uint8], far: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return values looked up in ``near`` before the plane and in ``far`` from it on."""
    here = min(max(plane - block.core[0].start, 0), voxels.shape[0])
    return np.concatenate([near[voxels[:here]], far[voxels[here:]]])


def _lookup_tables(classes: Classes, settings: RefineSettings) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    near, far = np.arange(VALUES, dtype=np.uint8), np.arange(VALUES, dtype=np.uint8)
    for name, halves in settings.split.items():
        near[classes.value(name)] = classes.value(halves.before)
        far[classes.value(name)] = classes.value(halves.after)
    return near, far


def _notes(settings: RefineSettings, small: list[SmallObjectRuns]) -> dict[str, Any]:
    return {
        name: {"objects": int(found.objects), "voxels": int(found.voxels)}
        for name, found in zip(settings.small_objects, small, strict=True)
    }
