"""Infer: a trained model turns grey values into labels."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tomocell.blocks import Block, Limits, Need, transform_volume
from tomocell.errors import BadInput, Fault
from tomocell.inference.cubes import CubePredictor
from tomocell.inference.planes import PlanePredictor
from tomocell.models.saved import CARD, load_model
from tomocell.stages.provenance import provenance
from tomocell.volumes.planes import axis_number
from tomocell.volumes.store import Layout, create_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from tomocell.models.saved import ModelCard
    from tomocell.models.settings import InferSettings
    from tomocell.volumes.volume import Shape, Volume

log = logging.getLogger(__name__)
CUBE_BYTES = 2400  # activations of a 3D network per voxel of a cube, as benchmarks/networks.py found for unet_3d
LIBRARIES_MB = 900  # torch and MONAI, loaded, beyond the interpreter that the runner counts
SAME_SIZE = 1.25


def infer(grey: Volume, model: Path, store: Path, settings: InferSettings, limits: Limits, *, digest: str = "") -> None:
    """Label ``grey`` with the model in folder ``model``, a few whole planes at a time, into ``store``.

    Raises:
        BadInput: If the model is broken, was trained at another voxel size, sees cubes where the settings' tiles
            are of planes, or no block fits the memory.
    """
    torch.set_num_threads(limits.workers)
    network, card, stride = load_model(model)
    if card.voxel_size_um is not None:
        _require_size(grey, card.voxel_size_um)
    _require_tiles(settings, card)
    layout = Layout(grey.shape, np.dtype(np.uint8), grey.size, card.label_classes)
    way = (
        _in_planes(network, card, stride, settings, grey)
        if card.sees_planes
        else _in_cubes(network, card, settings, grey)
    )
    own = Limits(_left_of(limits, way.beside_mb), workers=1)
    parents: dict[str, Volume | Path] = {"grey": grey, "weights": model / card.weights_file, "card": model / CARD}
    with create_store(store, layout, limits, provenance(settings, digest, parents)) as writer:
        grain = writer.shard if way.axis is None else _whole_planes(grey.shape, writer.shard, way.axis)
        transform_volume(way.kernel, grey, writer, way.need, own, grain)
    log.info("%s -> %s with %s", grey.name, store, model)


@dataclass(frozen=True)
class _Way:
    """How blocks are labelled, what they need, and the memory that is taken beside them; planes across ``axis``."""

    kernel: Callable[[NDArray[Any], Block], NDArray[np.uint8]]
    need: Need
    beside_mb: int
    axis: int | None = None


def _in_planes(network: nn.Module, card: ModelCard, stride: int, settings: InferSettings, grey: Volume) -> _Way:
    axis = axis_number(card.plane_axis)
    predictor = PlanePredictor(network, card, stride, settings)

    def kernel(voxels: NDArray[Any], block: Block) -> NDArray[np.uint8]:
        labels = predictor.label(np.moveaxis(voxels, axis, 0), block.inner[axis])
        return np.ascontiguousarray(np.moveaxis(labels, 0, axis))

    return _Way(kernel, _need(grey, axis, card), _plane_mb(grey.shape, axis, card), axis)


def _in_cubes(network: nn.Module, card: ModelCard, settings: InferSettings, grey: Volume) -> _Way:
    predictor = CubePredictor(network, card, settings, grey.shape)
    # The voxels, normalised ones, summed logits with their mean and their weights, labels.
    need = Need(predictor.halo, grey.dtype.itemsize + 4.0 * (2 * len(card.classes) + 2) + 1.0)
    activations = settings.batch_size * math.prod(predictor.edges) * CUBE_BYTES >> 20
    return _Way(predictor.label, need, activations)


def _left_of(limits: Limits, beside_mb: int) -> int:
    """Return the memory that blocks may take, in MB."""
    taken = LIBRARIES_MB + beside_mb
    if limits.memory_mb <= taken:
        remedy = "raise mem_mb (--memory-mb), or lower infer.tile_voxels or infer.batch_size"
        expected = f"more than {taken} MB, which the network and its tiles take"
        raise BadInput(Fault("memory limit", f"{limits.memory_mb} MB", expected, remedy))
    return limits.memory_mb - taken


def _require_tiles(settings: InferSettings, card: ModelCard) -> None:
    if len(settings.tile_voxels) != len(card.patch_voxels):
        expected = f"{len(card.patch_voxels)} edges, as the model's patch has: {card.patch_voxels}"
        remedy = f"set it, for instance tile_voxels={list(card.patch_voxels)}"
        raise BadInput(Fault("infer.tile_voxels", settings.tile_voxels, expected, remedy))


def _need(grey: Volume, axis: int, card: ModelCard) -> Need:
    """Return what a block needs: its voxels and labels, and the neighbours of its first and last plane."""
    halo = [0, 0, 0]
    halo[axis] = card.planes // 2
    return Need((halo[0], halo[1], halo[2]), grey.dtype.itemsize + 3.0)


def _plane_mb(shape: Shape, axis: int, card: ModelCard) -> int:
    """Return what one plane takes beside its block: summed logits, their mean, the normalised planes that it sees."""
    pixels = math.prod(size for other, size in enumerate(shape) if other != axis)
    return pixels * 4 * (2 * len(card.classes) + 1 + card.planes) >> 20


def _whole_planes(shape: Shape, shard: Shape, axis: int) -> Shape:
    grain = [*shape]
    grain[axis] = shard[axis]
    return (grain[0], grain[1], grain[2])


def _require_size(grey: Volume, trained_um: tuple[float, float, float]) -> None:
    ratios = [here / there for here, there in zip(grey.size, trained_um, strict=True)]
    if not all(1 / SAME_SIZE < ratio < SAME_SIZE for ratio in ratios):
        expected = f"about {trained_um} um, the voxel size that the model was trained at"
        raise BadInput(Fault(grey.name, grey.size, expected, "train at this voxel size, or resample the volume"))
