"""Tiles through the network: on the device at hand, in batches that fit it."""

from __future__ import annotations

import itertools
import logging
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.functional import interpolate
from torch.nn.modules.dropout import _DropoutNd

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from tomocell.models.settings import InferSettings
    from tomocell.volumes.volume import Shape

log = logging.getLogger(__name__)
LINEAR = {2: "bilinear", 3: "trilinear"}
SEED_STEP = 1_000_003  # seeds of a tile's samples lie far from another tile's: checksums fill 32 bits
NORMS_OF_ONE = (nn.InstanceNorm2d, nn.InstanceNorm3d, nn.LayerNorm, nn.GroupNorm)


@dataclass(frozen=True)
class Passes:
    """How often a tile goes through the network, and how.

    Attributes:
        flips: Axes of the tile to mirror, for each pass; counted from the last.
        samples: Passes with dropout for each of them; 0: one without.
        edges: Edges of the network's input, where they are not the tile's.
    """

    flips: tuple[tuple[int, ...], ...] = ((),)
    samples: int = 0
    edges: tuple[int, ...] | None = None

    @property
    def spread(self) -> bool:
        """Whether passes can differ."""
        return len(self.flips) > 1 or self.samples > 0

    def __iter__(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        return enumerate(flip for flip in self.flips for _ in range(max(1, self.samples)))


def passes_of(settings: InferSettings, dimensions: int, edges: tuple[int, ...] | None) -> Passes:
    """Return the passes that ``settings`` ask for."""
    axes = range(-dimensions, 0)
    subsets = [part for count in range(dimensions + 1) for part in itertools.combinations(axes, count)]
    return Passes(tuple(subsets) if settings.flips else ((),), settings.dropout_samples, edges)


class Forward:
    """A network on its device; halves its batch for good where the device's memory does not suffice.

    Attributes:
        batch: Tiles at once.
    """

    def __init__(
        self, network: nn.Module, passes: Passes, batch: int, device: torch.device, precision: torch.dtype
    ) -> None:
        self.batch = batch
        self._device, self._passes, self._precision = device, passes, precision
        self._layout = _memory_layout(network)
        self._network = network.to(device).eval()
        if self._layout is not torch.contiguous_format:
            self._network = network.to(memory_format=self._layout)  # type: ignore[call-overload]
        if passes.samples:
            _leave_dropout_on(self._network)

    @torch.inference_mode()
    def __call__(self, tiles: NDArray[np.float32], corners: Sequence[Shape]) -> NDArray[np.float32]:
        """Return logits (N, classes, ...) of tiles (N, channels, ...), float32, averaged over passes.

        Where passes can differ, the spread of probabilities is one more channel.

        Raises:
            BadInput: If the device's memory does not suffice for one tile.
        """
        made: list[NDArray[np.float32]] = []
        first = 0
        while first < len(tiles):
            # Draws depend on their place in a batch: with dropout a tile goes alone, so that its draws are its own.
            part = slice(first, first + (1 if self._passes.samples else self.batch))
            try:
                made.append(self._run(tiles[part], corners[first]))
            except torch.OutOfMemoryError:
                fits = False
            else:
                fits = True
            if fits:
                first = part.stop
            else:  # outside of the handler, whose traceback holds the tensors that did not fit
                self._halve(len(tiles[part]))
        return made[0] if len(made) == 1 else np.concatenate(made)

    def _halve(self, tried: int) -> None:
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if tried == 1:
            remedy = "make infer.tile_voxels smaller, or use a device with more memory"
            raise BadInput(Fault(f"memory of {self._device}", "full with one tile", "room for one tile", remedy))
        self.batch = tried // 2
        log.warning("%s is full with %d tiles; going on with %d at once", self._device, tried, self.batch)

    def _run(self, tiles: NDArray[np.float32], corner: Shape) -> NDArray[np.float32]:
        given = torch.from_numpy(tiles)
        if self._device.type == "cuda":
            given = given.pin_memory().to(self._device, non_blocking=True)
        given = _resized(given, self._passes.edges)
        if not self._passes.spread:
            return _resized(self._logits(given), tiles.shape[2:]).cpu().numpy()
        return _resized(self._averaged(given, corner), tiles.shape[2:]).cpu().numpy()

    def _averaged(self, given: Tensor, corner: Shape) -> Tensor:
        """Return mean logits, and the standard deviation of the probability of the class where it is largest."""
        logits = total = squares = torch.zeros(())
        passes = list(self._passes)
        for number, flip in passes:
            with _draws(self._device, self._passes.samples and _seed(corner, number)):
                here = self._logits(given.flip(flip) if flip else given)
            here = here.flip(flip) if flip else here
            shares = here.double().softmax(1)  # a difference of squares follows
            logits, total, squares = logits + here, total + shares, squares + shares * shares
        count = len(passes)
        spread = (squares / count - (total / count) ** 2).clamp(min=0).sqrt().amax(1, keepdim=True)
        return torch.cat([logits / count, spread.float()], dim=1)

    def _logits(self, given: Tensor) -> Tensor:
        given = given.contiguous(memory_format=self._layout)
        with torch.autocast(self._device.type, self._precision, enabled=self._precision is not torch.float32):
            logits: Tensor = self._network(given)
        return logits.float().contiguous()


def resolve_precision(wanted: str, device: torch.device) -> torch.dtype:
    """Return the arithmetic that ``wanted`` means on ``device``."""
    if wanted == "auto":
        # On CPUs bf16 halves the time of most networks and changes up to 3 % of untrained ones' labels: a choice for
        # the user (benchmarks/README.md).
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if wanted == "bfloat16" else torch.float32


def _memory_layout(network: nn.Module) -> torch.memory_format:
    """Return how tensors lie best: channels last where norms are of the batch and convolutions are not grouped.

    Measured (benchmarks/README.md): plain U-Nets gain 2 to 22 %, grouped convolutions lose 3 to 4; instance norms lose.
    """
    parts = list(network.modules())
    batch = [part for part in parts if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d)]
    other = any(isinstance(part, NORMS_OF_ONE) or getattr(part, "groups", 1) != 1 for part in parts)
    if not batch or other:
        return torch.contiguous_format
    return torch.channels_last if isinstance(batch[0], nn.BatchNorm2d) else torch.channels_last_3d


def _leave_dropout_on(network: nn.Module) -> None:
    found = [part for part in network.modules() if isinstance(part, _DropoutNd) and part.p > 0]
    if not found:
        expected = "a network with dropout"
        raise BadInput(Fault("infer.dropout_samples", "no dropout in the network", expected, "leave it out"))
    for part in found:
        part.train()


def _seed(corner: Shape, number: int) -> int:
    return zlib.crc32(repr(tuple(map(int, corner))).encode()) + SEED_STEP * number + 1


@contextmanager
def _draws(device: torch.device, seed: int) -> Iterator[None]:
    """Let what is drawn inside follow from ``seed`` alone; 0: draw as ever."""
    if not seed:
        yield
        return
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _resized(x: Tensor, edges: Sequence[int] | None) -> Tensor:
    """Return ``x`` (N, channels, ...) interpolated linearly to ``edges``."""
    if edges is None or tuple(x.shape[2:]) == tuple(edges):
        return x
    return interpolate(x, size=tuple(edges), mode=LINEAR[x.ndim - 2], align_corners=False)
