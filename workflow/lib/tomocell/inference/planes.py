"""A 2D network over a block of planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tomocell.inference.tiles import Tiling, lay_tiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import nn

    from tomocell.models.saved import ModelCard
    from tomocell.models.settings import InferSettings

Place = tuple[int, int, int]


class PlanePredictor:
    """Applies a model to planes; the same labels whatever planes come together in a block."""

    def __init__(self, network: nn.Module, card: ModelCard, stride: int, settings: InferSettings) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = network.to(self._device).eval()
        self._card = card
        self._stride = stride
        self._settings = settings
        self._values = np.array([member.value for member in card.classes], np.uint8)

    def label(self, grey: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the label values of ``grey``, shape (planes, rows, columns)."""
        tiling = lay_tiles(grey.shape[1:], self._settings.tile_voxels, self._settings.overlap, self._stride)
        labels = np.empty(grey.shape, np.uint8)
        for plane, logits in self._logits(grey, tiling):
            rows, columns = grey.shape[1:]
            winner = logits[:, :rows, :columns].argmax(0).numpy()
            labels[plane] = self._values[winner]
        return labels

    def _logits(self, grey: NDArray[Any], tiling: Tiling) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield each plane with its logits, summed over its tiles and divided by how many cover each pixel."""
        cover = _cover(tiling)
        total = torch.zeros((len(self._values), *tiling.padded))
        for places, outputs in self._batches(grey, tiling):
            for (plane, row, column), output in zip(places, outputs, strict=True):
                total[:, row : row + tiling.tile[0], column : column + tiling.tile[1]] += output
                if (row, column) == tiling.corners[-1]:
                    yield plane, total / cover
                    total.zero_()

    @torch.inference_mode()
    def _batches(self, grey: NDArray[Any], tiling: Tiling) -> Iterator[tuple[list[Place], torch.Tensor]]:
        places = [(plane, row, column) for plane in range(len(grey)) for row, column in tiling.corners]
        normal: dict[int, NDArray[np.float32]] = {}
        for first in range(0, len(places), self._settings.batch_size):
            batch = places[first : first + self._settings.batch_size]
            normal = {
                plane: normal[plane] if plane in normal else self._normalise(grey[plane], tiling) for plane, *_ in batch
            }
            tiles = np.stack([_window(normal[plane], row, column, tiling) for plane, row, column in batch])
            yield batch, self._network(torch.from_numpy(tiles[:, None]).to(self._device)).float().cpu()

    def _normalise(self, plane: NDArray[Any], tiling: Tiling) -> NDArray[np.float32]:
        scaled = (plane.astype(np.float32) - np.float32(self._card.normalisation.mean)) / np.float32(
            self._card.normalisation.sd
        )
        margin = [(0, padded - size) for size, padded in zip(plane.shape, tiling.padded, strict=True)]
        return np.pad(scaled, margin, mode="symmetric")


def _window(plane: NDArray[np.float32], row: int, column: int, tiling: Tiling) -> NDArray[np.float32]:
    return plane[row : row + tiling.tile[0], column : column + tiling.tile[1]]


def _cover(tiling: Tiling) -> torch.Tensor:
    cover = torch.zeros(tiling.padded)
    for row, column in tiling.corners:
        cover[row : row + tiling.tile[0], column : column + tiling.tile[1]] += 1
    return cover
