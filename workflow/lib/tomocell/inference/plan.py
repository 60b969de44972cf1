"""How a volume is cut for inference: strips as wide as memory allows, batches of what is left."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tomocell.blocks.plan import INTERPRETER_MB, MB, cut
from tomocell.errors import BadInput, Fault
from tomocell.inference.bricks import AHEAD
from tomocell.inference.shelves import shelves_held

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tomocell.volumes.volume import Region, Shape

LIBRARIES_MB = 450  # torch, MONAI and their code, beyond the interpreter that the runner counts
BATCH_VOXELS = {"cpu": 1 << 20, "cuda": 1 << 24}  # at once: a processor is busy with as many, more only take memory
CUBE_BYTES = 2400  # activations per voxel of a tile, where they cannot be measured: unet_3d in benchmarks/networks.py
TILES_ON_THE_WAY = 3  # batches made ahead and the one at work


@dataclass(frozen=True)
class Budget:
    """What the memory of one process goes to.

    Attributes:
        shape: Of the volume; here and below the walk's axis comes first.
        tile: Edges of a tile.
        shard: Of the store to be written.
        planes_held: Planes of the source that are held: a tile's, and those of bricks on their way.
        voxel_bytes: Of the source.
        pixel_bytes: What the buffer takes for each pixel of each of its planes.
        carried: Planes of the buffer that the next layer of tiles still reaches.
        layers: Layers of uint8 that are made.
        tile_mb: What a tile takes while it is in the network.
        memory_mb: Limit.
        fixed_mb: What the interpreter, libraries and weights take.
    """

    shape: Shape
    tile: Shape
    shard: Shape
    planes_held: int
    voxel_bytes: int
    pixel_bytes: int
    carried: int
    layers: int
    tile_mb: float
    memory_mb: float
    fixed_mb: float = INTERPRETER_MB + LIBRARIES_MB

    def cost_mb(self, strip: Sequence[int], batch: int) -> float:
        """Return what a process takes with a strip of these rows and columns and ``batch`` tiles at once."""
        core = math.prod(strip)
        outer = math.prod(
            min(edge + 2 * (tile - 1), size)
            for edge, tile, size in zip(strip, self.tile[1:], self.shape[1:], strict=True)
        )
        band = self.tile[0] * min(self.tile[1], strip[0]) * strip[1]
        buffer = self.pixel_bytes * (self.carried * core + band)
        planes = shelves_held(self.tile[0], self.shard[0]) * min(self.shard[0], self.shape[0])
        shelves = self.layers * planes * core
        encoded = 3 * self.layers * math.prod(map(min, self.shard, self.shape))
        source = self.planes_held * self.voxel_bytes * outer
        return self.fixed_mb + batch * self.tile_mb + (buffer + shelves + encoded + source) / MB


class Plan(NamedTuple):
    """Rows and columns of a strip, and tiles at once."""

    strip: tuple[int, int]
    batch: int


def plan_strips(budget: Budget, batch: int | None, most: int) -> Plan:
    """Return the widest strip, in whole shards, that fits beside a batch; then the largest batch that fits beside it.

    Tiles that reach into two strips are computed for each: wide strips waste little. ``batch`` is what the settings
    say, ``most`` the limit where they say nothing.

    Raises:
        BadInput: If not even a strip of one shard fits.
    """
    strip = [min(budget.shard[axis], budget.shape[axis]) for axis in (1, 2)]
    least = batch or 1
    needed = math.ceil(budget.cost_mb(strip, least))
    if needed > budget.memory_mb:
        remedy = "raise mem_mb (--memory-mb), or lower infer.tile_voxels, infer.batch_size or infer.processes"
        raise BadInput(Fault("memory limit", f"{int(budget.memory_mb)} MB", f"at least {needed} MB", remedy))
    for axis in (1, 0):
        grain, size = strip[axis], budget.shape[axis + 1]
        for count in range(math.ceil(size / grain), 0, -1):
            strip[axis] = min(count * grain, size)
            if budget.cost_mb(strip, least) <= budget.memory_mb:
                break
    room = int((budget.memory_mb - budget.cost_mb(strip, 0)) / max(budget.tile_mb, 1e-6))
    return Plan((strip[0], strip[1]), batch or max(1, min(most, room)))


def missing_runs(
    shape: Shape, shelf: int, strip: tuple[int, int], done: Callable[[Region], bool], shares: int
) -> list[list[Region]]:
    """Return, for each of ``shares`` processes, the regions that it works off: consecutive shelves of a strip.

    Only shelves that are not ``done``; each process gets as many as the others, to one.
    """
    columns = cut(shape, (shape[0], *strip))
    units = [
        (number, start)
        for number, block in enumerate(columns)
        for start in range(0, shape[0], shelf)
        if not done((slice(start, min(start + shelf, shape[0])), *block.core[1:]))
    ]
    each = math.ceil(len(units) / shares) if units else 1
    lots = [units[first : first + each] for first in range(0, len(units), each)]
    return [_joined(lot, shelf, [block.core for block in columns]) for lot in lots]


def _joined(units: list[tuple[int, int]], shelf: int, columns: list[Region]) -> list[Region]:
    regions = []
    numbered = enumerate(units)
    for _, group in itertools.groupby(numbered, lambda item: (item[1][0], item[1][1] - item[0] * shelf)):
        some = [unit for _, unit in group]
        column = columns[some[0][0]]
        stop = min(some[-1][1] + shelf, column[0].stop)
        regions.append((slice(some[0][1], stop), column[1], column[2]))
    return regions


def planes_held(tile: int, reach: int, brick: int) -> int:
    """Return how many planes of the source are held at once."""
    return tile + 2 * reach + (2 + AHEAD) * brick


def measured_mb(run: Callable[[], object]) -> float | None:
    """Return by how much resident memory rose at most during ``run()``, in MB; None where the system does not tell."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    try:
        reset.write_text("5")  # the high-water mark falls to what is resident now
        before = _resident_kb(status, "VmRSS")
        run()
        return (_resident_kb(status, "VmHWM") - before) / 1024
    except (OSError, StopIteration):
        run()
        return None


def _resident_kb(status: Path, key: str) -> int:
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(f"{key}:"))
