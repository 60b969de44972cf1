"""Engines to try inference with: a network, a volume in memory, settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tomocell.inference.prepare import Lens, make_engine, walk_axis
from tomocell.inference.scale import voxel_ratios
from tomocell.inference.turned import Turned, axis_first
from tomocell.volumes.volume import ArrayVolume, Volume, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.inference.engine import Engine
    from tomocell.models.saved import ModelCard
    from tomocell.models.settings import InferSettings
    from tomocell.volumes.volume import Region

CPU = torch.device("cpu")


class Moody(torch.nn.Module):
    """Bright is the second class, or is not, as the place in the tile has it: tiles that share a voxel disagree."""

    def __init__(self, trust: NDArray[np.float32]) -> None:
        super().__init__()
        self.trust = torch.from_numpy(trust)

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        solid = tiles[:, :1] * self.trust
        return torch.cat([torch.zeros_like(solid), solid], dim=1)


def engine(
    network: torch.nn.Module, card: ModelCard, settings: InferSettings, grey: NDArray[Any] | Volume, shelf: int = 5
) -> Engine:
    """Return an engine over ``grey``, with the voxel size of the card unless it says another."""
    volume = grey if isinstance(grey, Volume) else ArrayVolume(grey, card.voxel_size_um)
    source = Turned(volume, walk_axis(card))
    lens = Lens(source, card, settings, card.normalisation, voxel_ratios(volume, card), shelf)
    return make_engine(network, lens, settings.batch_size or 3, CPU)


def layers(made: Engine, regions: list[Region] | None = None) -> NDArray[np.uint8]:
    """Return all layers of the volume, (layers, Z, Y, X), worked off in ``regions`` (the walk's axis first)."""
    shape = made.source.shape
    found = np.full((len(made.outputs.layers), *shape), 99, np.uint8)

    def keep(region: Region, voxels: NDArray[np.uint8]) -> None:
        found[(slice(None), *region)] = voxels

    for region in regions or [whole(shape)]:
        for _ in made.run(region, keep):
            pass
    return np.moveaxis(found, 1, 1 + made.source.axis)


def averaged(made: Engine, regions: list[Region] | None = None) -> NDArray[np.float32]:
    """Return the averaged logits, (channels, Z, Y, X)."""
    shape = made.source.shape
    found = np.full((made.outputs.channels, *shape), np.nan, np.float32)
    for region in regions or [whole(shape)]:
        for plane, logits in made.averaged(region):
            found[(slice(None), plane, *region[1:])] = logits
    return np.moveaxis(found, 1, 1 + made.source.axis)


def turned_cut(shape: tuple[int, int, int], axis: int, core: tuple[int, int, int]) -> list[Region]:
    """Return the regions of a walk along ``axis``, cut into ``core`` (in the order of the walk)."""
    from tomocell.blocks import cut

    return [block.core for block in cut(axis_first(shape, axis), core)]
