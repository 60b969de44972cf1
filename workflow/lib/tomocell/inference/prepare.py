"""A model and a volume brought together: where tiles lie, what the network sees, what is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.inference.engine import Engine
from tomocell.inference.forward import Forward, passes_of, resolve_precision
from tomocell.inference.outputs import outputs_of
from tomocell.inference.sight import Sight
from tomocell.inference.tiles import blend_weights, lay_tiles
from tomocell.inference.turned import axis_first
from tomocell.volumes.planes import axis_number

if TYPE_CHECKING:
    import torch
    from torch import nn

    from tomocell.inference.turned import Turned
    from tomocell.models.saved import ModelCard, Normalisation
    from tomocell.models.settings import InferSettings


@dataclass(frozen=True)
class Lens:
    """How a volume is looked at with a model.

    Attributes:
        source: The volume, the walk's axis first.
        card: The model's.
        settings: How it is applied.
        normalisation: Of grey values.
        ratios: The model's voxel edges over the volume's, (Z, Y, X).
        shelf: Planes of a shard along the walk.
    """

    source: Turned
    card: ModelCard
    settings: InferSettings
    normalisation: Normalisation
    ratios: tuple[float, float, float]
    shelf: int

    @property
    def walk_ratios(self) -> tuple[float, float, float]:
        """The ratios, the walk's axis first."""
        return axis_first(self.ratios, self.source.axis)

    @property
    def sight(self) -> Sight:
        """Where tiles lie, and what of the volume they see."""
        card, settings = self.card, self.settings
        ratios = self.walk_ratios
        wanted = (1, *settings.tile_voxels) if card.sees_planes else settings.tile_voxels
        scaled = [max(1, round(edge * ratio)) for edge, ratio in zip(wanted, ratios, strict=True)]
        depth = 1 if card.sees_planes else scaled[0]
        grid = lay_tiles(self.source.shape, (depth, scaled[1], scaled[2]), settings.overlap)
        around = np.arange(card.planes, dtype=np.float64) - card.planes // 2
        return Sight(
            grid,
            self.source.axis,
            around * ratios[0] if card.sees_planes else None,
            self.normalisation.mean,
            self.normalisation.sd,
            np.array([member.value for member in card.inputs], np.float32) if card.inputs else None,
        )


def walk_axis(card: ModelCard) -> int:
    """Return the axis along which tiles are worked off: across planes; the first one for cubes."""
    return axis_number(card.plane_axis) if card.sees_planes else 0


def make_engine(network: nn.Module, lens: Lens, batch: int, device: torch.device) -> Engine:
    """Return the engine that leads ``network`` over the volume of ``lens``."""
    sight, settings = lens.sight, lens.settings
    first = 1 if lens.card.sees_planes else 0
    edges, ratios = sight.grid.edges[first:], lens.walk_ratios[first:]
    trained = tuple(max(1, round(edge / ratio)) for edge, ratio in zip(edges, ratios, strict=True))
    passes = passes_of(settings, len(edges), None if trained == edges else trained)
    forward = Forward(network, passes, batch, device, resolve_precision(settings.precision, device))
    weights = blend_weights(sight.grid.edges, settings.blend)
    return Engine(lens.source, sight, forward, weights, outputs_of(lens.card, settings), lens.shelf)
