"""The buffer that rolls along the walk: as deep as a tile, as wide as the strip, never longer than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.inference.kernels import STEPS, add_tile, choose, shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.inference.outputs import Outputs
    from tomocell.inference.tiles import Grid
    from tomocell.volumes.volume import Region, Shape


class Rolling:
    """Weighted sums of logits, planes (channels, Y, X) on a ring; a plane that no later tile reaches is final.

    Args:
        grid: Where tiles lie.
        core: The region that is wanted; what tiles say beyond it is dropped.
        weights: Of the voxels of a tile, shape ``grid.edges``.
        outputs: What is made of the sums.
    """

    def __init__(self, grid: Grid, core: Region, weights: NDArray[np.float32], outputs: Outputs) -> None:
        self._edges, self._core, self._weights, self._outputs = grid.edges, core, weights, outputs
        rows, columns = (part.stop - part.start for part in core[1:])
        self._total = np.zeros((grid.edges[0], outputs.channels, rows, columns), np.float32)
        self._cover = np.zeros((grid.edges[0], 1, rows, columns), np.float32) if outputs.needs_means else None
        self._ones = np.ones((1, *grid.edges), np.float32) if outputs.needs_means else None

    def add(self, corner: Shape, logits: NDArray[np.float32]) -> None:
        """Add the output of the tile at ``corner``, shape (channels, Z, Y, X)."""
        low = [max(start, part.start) for start, part in zip(corner, self._core, strict=True)]
        high = [min(start + edge, part.stop) for start, edge, part in zip(corner, self._edges, self._core, strict=True)]
        part = np.array([np.subtract(low, corner), np.subtract(high, low)])
        at = (low[0], low[1] - self._core[1].start, low[2] - self._core[2].start)
        add_tile(self._total, np.ascontiguousarray(logits), self._weights, at, part)
        if self._cover is not None and self._ones is not None:
            add_tile(self._cover, self._ones, self._weights, at, part)

    def means(self, plane: int) -> NDArray[np.float32]:
        """Return the averaged channels of a final plane, shape (channels, Y, X); only where means are needed."""
        ring = plane % len(self._total)
        cover = np.float32(1) if self._cover is None else self._cover[ring]
        return np.asarray(self._total[ring] / cover)

    def finish(self, plane: int, out: NDArray[np.uint8]) -> None:
        """Fill ``out`` (layers, Y, X) with what the final ``plane`` says, and free its place on the ring.

        Raises:
            BadInput: If logits are no numbers.
        """
        ring, outputs = plane % len(self._total), self._outputs
        total = self._total[ring]
        wrong = choose(total, outputs.values, out[0])
        if wrong:
            remedy = "see whether the model's weights are whole; set infer.precision to float32"
            raise BadInput(Fault("the network's output", f"{wrong} voxels that are no numbers", "logits", remedy))
        if self._cover is not None:
            self._describe(total, self._cover[ring, 0], out)
        self.clear(plane)

    def clear(self, plane: int) -> None:
        """Free the place of a final ``plane`` of which nothing is wanted."""
        self._total[plane % len(self._total)] = 0
        if self._cover is not None:
            self._cover[plane % len(self._total)] = 0

    def _describe(self, total: NDArray[np.float32], cover: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        outputs, classes = self._outputs, len(self._outputs.values)
        layer = 1
        if outputs.probabilities or outputs.entropy:
            made = np.empty((classes + 1, *cover.shape), np.uint8)
            shares(total, cover, classes, made)
            wanted = made[slice(0 if outputs.probabilities else classes, classes + outputs.entropy)]
            out[layer : layer + len(wanted)] = wanted
            layer += len(wanted)
        if outputs.spread:
            # A standard deviation of numbers from 0 to 1 is at most a half.
            out[layer] = np.rint(np.clip(2 * total[classes] / cover, 0, 1) * STEPS)
