"""A 2D network over a block of planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tomocell.inference.tiles import Tiling, blend_weights, lay_tiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import nn

    from tomocell.models.saved import ModelCard
    from tomocell.models.settings import InferSettings

Corner = tuple[int, int]


class PlanePredictor:
    """Applies a model to planes.

    The labels of a plane do not depend on the planes that come with it. Another batch size or thread count changes
    the order of sums: logits by about 1e-6, labels only where two classes tie within that.
    """

    def __init__(self, network: nn.Module, card: ModelCard, stride: int, settings: InferSettings) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = network.to(self._device).eval()
        self._card = card
        self._stride = stride
        self._settings = settings
        self._values = np.array([member.value for member in card.classes], np.uint8)

    def label(self, grey: NDArray[Any], inner: slice | None = None) -> NDArray[np.uint8]:
        """Return the label values of the ``inner`` planes of ``grey`` (by default all), shape (planes, rows, columns).

        A network of several planes sees those around each one; where ``grey`` ends, its last plane is repeated.
        """
        rows, columns = self._settings.tile_voxels[:2]
        tiling = lay_tiles(grey.shape[1:], (rows, columns), self._settings.overlap, self._stride)
        wanted = range(*(inner or slice(None)).indices(len(grey)))
        rows, columns = grey.shape[1:]
        labels = np.empty((len(wanted), rows, columns), np.uint8)
        for index, plane in enumerate(wanted):
            winner = self._logits(self._around(grey, plane), tiling)[:, :rows, :columns].argmax(0).numpy()
            labels[index] = self._values[winner]
        return labels

    def _around(self, grey: NDArray[Any], plane: int) -> NDArray[Any]:
        reach = self._card.planes // 2
        seen = np.arange(plane - reach, plane + reach + 1).clip(0, len(grey) - 1)
        return np.asarray(grey[seen])

    def _logits(self, planes: NDArray[Any], tiling: Tiling) -> torch.Tensor:
        """Return the logits of a plane, averaged over the tiles that cover each pixel; (classes, rows, columns)."""
        normal = self._normalise(planes, tiling)
        weights = blend_weights(tiling.tile, self._settings.blend)
        total = torch.zeros((len(self._values), *tiling.padded))
        for (row, column), output in self._outputs(normal, tiling):
            total[:, row : row + tiling.tile[0], column : column + tiling.tile[1]] += output * weights
        return total / _cover(tiling, weights)

    @torch.inference_mode()
    def _outputs(self, normal: NDArray[np.float32], tiling: Tiling) -> Iterator[tuple[Corner, torch.Tensor]]:
        # Batches end with their plane: what shares a batch with a tile then never depends on the block.
        for first in range(0, len(tiling.corners), self._settings.batch_size):
            corners = tiling.corners[first : first + self._settings.batch_size]
            tiles = np.stack([_window(normal, row, column, tiling) for row, column in corners])
            outputs = self._network(torch.from_numpy(tiles).to(self._device)).float().cpu()
            yield from zip(corners, outputs, strict=True)

    def _normalise(self, planes: NDArray[Any], tiling: Tiling) -> NDArray[np.float32]:
        scaled = (planes.astype(np.float32) - np.float32(self._card.normalisation.mean)) / np.float32(
            self._card.normalisation.sd
        )
        margin = [(0, padded - size) for size, padded in zip(planes.shape[1:], tiling.padded, strict=True)]
        return np.pad(scaled, [(0, 0), *margin], mode="symmetric")


def _window(planes: NDArray[np.float32], row: int, column: int, tiling: Tiling) -> NDArray[np.float32]:
    return planes[:, row : row + tiling.tile[0], column : column + tiling.tile[1]]


def _cover(tiling: Tiling, weights: torch.Tensor) -> torch.Tensor:
    cover = torch.zeros(tiling.padded)
    for row, column in tiling.corners:
        cover[row : row + tiling.tile[0], column : column + tiling.tile[1]] += weights
    return cover
