"""Which samples a rank takes: its share of every batch, none twice, all ranks the same number of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.utils.data import Sampler

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator


class EveryRankItsShare(Sampler[list[int]]):
    """Batches of indices for one rank; the shares of all ranks make up the global batch.

    The last, incomplete batch is left out, so that no rank waits for another.

    Attributes:
        first: Batch to begin with, where those before it have trained already; the length counts all.
    """

    def __init__(self, samples: int, batch: int, rank: int, world: int) -> None:
        if batch % world:
            raise BadInput(
                Fault("model.train.batch_size", batch, f"a multiple of {world} ranks", "change it, or use fewer")
            )
        if samples < world:
            remedy = "label more planes, raise patches_per_plane, or use fewer ranks"
            raise BadInput(
                Fault("training set", f"{samples} patches", f"at least one for each of {world} ranks", remedy)
            )
        if samples < batch:
            remedy = "label more planes, raise patches_per_plane, or lower batch_size"
            raise BadInput(Fault("training set", f"{samples} patches", f"at least one batch of {batch}", remedy))
        self._steps = samples // batch
        self._batch, self._rank, self._world = batch, rank, world
        self.first = 0

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[list[int]]:
        return map(self.batch, range(self.first, self._steps))

    def batch(self, step: int) -> list[int]:
        """Return this rank's samples of a step."""
        share = self._batch // self._world
        first = step * self._batch + self._rank * share
        return list(range(first, first + share))
