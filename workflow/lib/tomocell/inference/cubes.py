"""A 3D network over a block of a volume."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tomocell.inference.tiles import blend_weights, starts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import nn

    from tomocell.blocks import Block
    from tomocell.models.saved import ModelCard
    from tomocell.models.settings import InferSettings
    from tomocell.volumes.volume import Shape

Corner = tuple[int, ...]


class CubePredictor:
    """Applies a model to cubes that overlap, their logits blended.

    Cubes lie where the volume has them, not the block: a block runs every cube that reaches into it, so that a voxel's
    label is that of the whole volume, to the order of sums within a batch.
    """

    def __init__(self, network: nn.Module, card: ModelCard, settings: InferSettings, shape: Shape) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = network.to(self._device).eval()
        self._card = card
        self._batch = settings.batch_size
        edges = [min(wanted, size) for wanted, size in zip(settings.tile_voxels, shape, strict=True)]
        self.edges: Shape = (edges[0], edges[1], edges[2])
        self._starts = [starts(size, edge, settings.overlap) for size, edge in zip(shape, edges, strict=True)]
        self._weights = blend_weights(self.edges, settings.blend)
        self._values = np.array([member.value for member in card.classes], np.uint8)

    @property
    def halo(self) -> Shape:
        """How far a cube that reaches into a block reaches out of it."""
        return (self.edges[0] - 1, self.edges[1] - 1, self.edges[2] - 1)

    def label(self, grey: NDArray[Any], block: Block) -> NDArray[np.uint8]:
        """Return the label values of the core of ``block``, whose outer voxels ``grey`` are, (Z, Y, X)."""
        shape = [part.stop - part.start for part in block.core]
        total, cover = torch.zeros((len(self._values), *shape)), torch.zeros(shape)
        normal = self._normalise(grey)
        for corner, logits in self._outputs(normal, block):
            shared = [_overlap(*along) for along in zip(corner, self.edges, block.core, strict=True)]
            inside, outside = tuple(here for here, _ in shared), tuple(there for _, there in shared)
            total[:, *inside] += (logits * self._weights)[:, *outside]
            cover[inside] += self._weights[outside]
        winner = (total / cover).argmax(0).numpy()
        return np.asarray(self._values[winner])

    @torch.inference_mode()
    def _outputs(self, normal: NDArray[np.float32], block: Block) -> Iterator[tuple[Corner, torch.Tensor]]:
        corners = list(itertools.product(*(self._reaching(axis, block) for axis in range(3))))
        for first in range(0, len(corners), self._batch):
            part = corners[first : first + self._batch]
            cubes = np.stack([self._window(normal, corner, block) for corner in part])
            outputs = self._network(torch.from_numpy(cubes[:, None]).to(self._device)).float().cpu()
            yield from zip(part, outputs, strict=True)

    def _reaching(self, axis: int, block: Block) -> list[int]:
        core, edge = block.core[axis], self.edges[axis]
        return [start for start in self._starts[axis] if start < core.stop and start + edge > core.start]

    def _window(self, normal: NDArray[np.float32], corner: Corner, block: Block) -> NDArray[np.float32]:
        first = [start - outer.start for start, outer in zip(corner, block.outer, strict=True)]
        return normal[tuple(slice(low, low + edge) for low, edge in zip(first, self.edges, strict=True))]

    def _normalise(self, grey: NDArray[Any]) -> NDArray[np.float32]:
        normalisation = self._card.normalisation
        return (grey.astype(np.float32) - np.float32(normalisation.mean)) / np.float32(normalisation.sd)


def _overlap(start: int, edge: int, core: slice) -> tuple[slice, slice]:
    """Return what a cube and a core share along an axis, in the core's and in the cube's coordinates."""
    low, high = max(start, core.start), min(start + edge, core.stop)
    return slice(low - core.start, high - core.start), slice(low - start, high - start)
