"""Classify: a random forest grown from a few strokes labels volumes voxel by voxel."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.blocks import Block, Limits, Need, map_blocks, transform_volume
from tomocell.errors import BadInput, Fault
from tomocell.labelling.checks import require_every_class
from tomocell.labelling.draw import coordinates, draw_voxels
from tomocell.labelling.features import describe, halo, names, piece_mb, pieces
from tomocell.labelling.forest import grow
from tomocell.models.saved import ClassCard
from tomocell.stages.forest_file import CARD, TREES, ForestCard, load_forest, save_forest
from tomocell.volumes.manifest import file_digest, manifest_path
from tomocell.volumes.provenance import provenance
from tomocell.volumes.store import Layout, StoreVolume, create_store, open_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.labelling.forest import Forest
    from tomocell.labelling.settings import ClassifierSettings
    from tomocell.volumes.volume import Classes, Shape, Volume

log = logging.getLogger(__name__)
Pair = tuple[StoreVolume, StoreVolume]
GROWING_MB = 200  # scikit-learn, loaded, beyond the interpreter that the runner counts
SAME_SIZE = 1.25
NEAR = 32  # edge of the boxes whose drawn voxels are described together


def train_classifier(
    pairs: Sequence[tuple[Path, Path]],
    folder: Path,
    classes: Classes,
    settings: ClassifierSettings,
    limits: Limits,
) -> None:
    """Grow a forest from the strokes of all ``pairs`` of grey and annotation stores, into ``folder``.

    Raises:
        BadInput: If voxel sizes differ, or a class has no stroke in any of them.
    """
    volumes = [(open_store(grey), open_store(strokes)) for grey, strokes in pairs]
    sizes = {grey.size for grey, _ in volumes}
    if len(sizes) > 1:
        raise BadInput(Fault("strokes", sorted(sizes), "one voxel size (um)", "train one classifier per voxel size"))
    own = Limits(max(limits.memory_mb - GROWING_MB, 1), limits.workers)
    parts = [samples_of(grey, strokes, classes, settings, own) for grey, strokes in volumes]
    rows, targets = (np.concatenate(part) for part in zip(*parts, strict=True))
    used = np.bincount(targets, minlength=len(classes))
    require_every_class(dict(zip(classes.names, used.tolist(), strict=True)), "strokes")
    card = ForestCard(
        name=settings.name,
        settings=settings,
        features=names(settings),
        classes=tuple(ClassCard(name=c.name, value=c.value, color=c.color) for c in classes),
        voxel_size_um=sizes.pop(),
        training={
            "voxels_used": dict(zip(classes.names, used.tolist(), strict=True)),
            "entries": [_entry(pair) for pair in volumes],
        },
    )
    save_forest(folder, card, grow(rows, targets, settings))
    log.info("%s: grown from %s", folder, card.training["voxels_used"])


def classify(
    grey: Volume, folder: Path, store: Path, settings: ClassifierSettings, limits: Limits, *, digest: str = ""
) -> None:
    """Label ``grey`` with the classifier in ``folder``, block by block, into ``store``.

    Raises:
        BadInput: If the classifier is broken, or was trained at another voxel size.
    """
    forest, card = load_forest(folder)
    ratios = [here / there for here, there in zip(grey.size, card.voxel_size_um, strict=True)]
    if not all(1 / SAME_SIZE < ratio < SAME_SIZE for ratio in ratios):
        expected = f"about {card.voxel_size_um} um, the voxel size that the classifier was trained at"
        raise BadInput(Fault(grey.name, grey.size, expected, "train at this voxel size, or resample the volume"))
    values = np.array([member.value for member in card.classes], np.uint8)

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[np.uint8]:
        return values[_winners(forest, voxels, block, card.settings)]

    layout = Layout(grey.shape, np.dtype(np.uint8), grey.size, card.label_classes)
    parents: dict[str, Volume | Path] = {"grey": grey, "trees": folder / TREES, "card": folder / CARD}
    need = Need(halo(card.settings), grey.dtype.itemsize + 3.0)
    own = Limits(max(limits.memory_mb - limits.workers * piece_mb(card.settings), 1), limits.workers)
    with create_store(store, layout, limits, provenance(settings, digest, parents)) as writer:
        transform_volume(kernel, grey, writer, need, own)
    log.info("%s -> %s with %s", grey.name, store, folder)


def samples_of(
    grey: StoreVolume, strokes: StoreVolume, classes: Classes, settings: ClassifierSettings, limits: Limits
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features and class indices of the voxels drawn from one volume, in C order of the volume."""
    values = [member.value for member in classes]
    drawn = draw_voxels(strokes, values, settings.voxels_per_class, settings.seed, limits)
    places = np.concatenate([drawn[value].places for value in values])
    targets = np.concatenate([np.full(len(drawn[value].places), index) for index, value in enumerate(values)])
    order = np.argsort(places)
    return _rows_at(grey, coordinates(places[order], grey.shape), settings, limits), targets[order].astype(np.int64)


def _winners(forest: Forest, voxels: NDArray[Any], block: Block, settings: ClassifierSettings) -> NDArray[np.uint8]:
    """Return the class index of each voxel of a block's core."""
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    winners = np.empty([part.stop - part.start for part in block.core], np.uint8)
    for outer, inner, place in pieces(block.inner, shape, settings):
        target = winners[place]
        target[...] = forest.label(describe(voxels[outer], inner, settings)).reshape(target.shape)
    return winners


def _rows_at(
    grey: StoreVolume, points: NDArray[np.int64], settings: ClassifierSettings, limits: Limits
) -> NDArray[np.float32]:
    """Return the features of the voxels at ``points``; only what lies around them is read."""
    rows = np.empty((len(points), len(names(settings))), np.float32)
    groups = _together(points, grey.shape)

    def work(inside: NDArray[np.int64]) -> NDArray[np.float32]:
        low, high = points[inside].min(axis=0), points[inside].max(axis=0) + 1
        box = tuple(slice(int(first), int(stop)) for first, stop in zip(low, high, strict=True))
        outer, inner, _ = next(pieces((box[0], box[1], box[2]), grey.shape, settings))
        local = np.ravel_multi_index(tuple((points[inside] - low).T), tuple(high - low))
        found: NDArray[np.float32] = describe(grey.read(outer), inner, settings)[local]
        return found

    for inside, found in zip(groups, map_blocks(work, groups, limits.workers), strict=True):
        rows[inside] = found
    return rows


def _together(points: NDArray[np.int64], shape: Shape) -> list[NDArray[np.int64]]:
    """Return the indices of the points, those of one box of ``NEAR`` voxels an edge together."""
    counts = [-(-size // NEAR) for size in shape]
    boxes = np.ravel_multi_index(tuple((points // NEAR).T), counts)
    order = np.argsort(boxes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(boxes[order])) + 1) if len(order) else []


def _entry(pair: Pair) -> dict[str, Any]:
    grey, strokes = pair
    return {
        "grey": file_digest(manifest_path(grey.path)),
        "strokes": file_digest(manifest_path(strokes.path)),
        "pixels": strokes.manifest.notes.get("pixels", {}),
        "label_sets": strokes.manifest.notes.get("label_sets", []),
    }
