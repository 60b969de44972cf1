"""Voxels read ahead, in pieces that suit the source, each piece once a strip."""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tomocell.blocks.plan import cut
from tomocell.errors import BadInput, Fault
from tomocell.inference.turned import axis_back, axis_first
from tomocell.volumes.manifest import file_entry
from tomocell.volumes.store import StoreVolume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor, Future

    from numpy.typing import NDArray

    from tomocell.inference.turned import Turned
    from tomocell.volumes.volume import Region, Shape

LEAST_DEPTH = 16  # planes that are read at once from sources of single planes
AHEAD = 1  # bricks on their way while one is worked on


class Brick(NamedTuple):
    """Planes of the strip, from ``start`` on, the walk's axis first."""

    start: int
    voxels: NDArray[Any]


class Bricks:
    """The planes ``span`` of a strip, taken in order; what lies behind is let go.

    Args:
        source: What is read.
        region: Planes and the strip's rows and columns, in the order of the walk.
        readers: Threads that read.

    Raises:
        BadInput: From `copy`: if a shard is missing or altered, a voxel is no number, or the source cannot be read.
    """

    def __init__(self, source: Turned, region: Region, readers: Executor) -> None:
        self._source, self._region, self._readers = source, region, readers
        self._sound: set[str] = set()
        self._held: deque[Brick] = deque()
        self._coming: deque[Future[Brick]] = deque()
        self._plan: Iterator[slice] = iter(_cut_span(region[0], brick_depth(source)))
        self._fetch(1 + AHEAD)

    def copy(self, planes: slice, rows: slice, columns: slice, out: NDArray[np.float32]) -> None:
        """Copy a window into ``out`` as float32; later calls may not ask for planes before ``planes``."""
        while self._held and self._held[0].start + len(self._held[0].voxels) <= planes.start:
            self._held.popleft()
        while not self._held or self._held[-1].start + len(self._held[-1].voxels) < planes.stop:
            self._held.append(self._coming.popleft().result())
            self._fetch(1)
        window = (_moved(rows, self._region[1]), _moved(columns, self._region[2]))
        for start, voxels in self._held:
            low, high = max(planes.start, start), min(planes.stop, start + len(voxels))
            if low < high:
                out[low - planes.start : high - planes.start] = voxels[(slice(low - start, high - start), *window)]

    def close(self) -> None:
        """Stop what is still to be read."""
        for future in self._coming:
            future.cancel()

    def _fetch(self, count: int) -> None:
        for _, planes in zip(range(count), self._plan, strict=False):
            self._coming.append(self._readers.submit(self._read, planes))

    def _read(self, planes: slice) -> Brick:
        region = (planes, self._region[1], self._region[2])
        native = self._source.native(region)
        require_shards(self._source, native, self._sound)
        try:
            voxels = self._source.read(region)
        except BadInput:
            raise
        except Exception as error:  # codecs and readers share no class of errors
            remedy = "check the file (tomocell check), make or copy it again"
            where = f"{self._source.volume.name}, voxels {_told(native)}"
            raise BadInput(Fault(where, f"{type(error).__name__}: {error}", "readable voxels", remedy)) from error
        require_numbers(self._source, region, voxels)
        return Brick(planes.start, voxels)


def brick_depth(source: Turned) -> int:
    """Return how many planes are read at once: a chunk of a store, or a few grains of anything else."""
    volume = source.volume
    chunk = volume.manifest.chunk if isinstance(volume, StoreVolume) else volume.grain
    depth = axis_first(chunk, source.axis)[0]
    return depth * -(-LEAST_DEPTH // depth)


def require_shards(source: Turned, region: Region, sound: set[str]) -> None:
    """Check the shards of ``region`` (Z, Y, X) of a store against its manifest: zarr takes a missing one for zeros.

    Those found ``sound`` are added to that set, and not read again.

    Raises:
        BadInput: With each that is missing or altered.
    """
    volume = source.volume
    if not isinstance(volume, StoreVolume) or volume.level != 0:
        return
    faults = []
    low = [part.start // edge for part, edge in zip(region, volume.shard, strict=True)]
    high = [-(-part.stop // edge) for part, edge in zip(region, volume.shard, strict=True)]
    for block in cut(_counts(low, high), (1, 1, 1)):
        place = [part.start + first for part, first in zip(block.core, low, strict=True)]
        name = "/".join(map(str, ("0", "c", *place)))
        expected = volume.manifest.files.get(name)
        if expected is None or name in sound:
            continue
        found = file_entry(volume.path / name)
        if found == expected:
            sound.add(name)
        else:
            value = "no file" if found is None else f"{found.bytes} bytes, checksum {found.sha256[:12]}"
            wanted = f"{expected.bytes} bytes, checksum {expected.sha256[:12]}"
            faults.append(Fault(str(volume.path / name), value, wanted, "make the store again, or copy it again"))
    if faults:
        raise BadInput(*faults)


def require_numbers(source: Turned, region: Region, voxels: NDArray[Any]) -> None:
    """Check that all ``voxels`` of a region of the walk are finite.

    Raises:
        BadInput: With the first voxel that is not, (Z, Y, X) in the volume.
    """
    if voxels.dtype.kind != "f" or np.isfinite(voxels).all():
        return
    place = np.argwhere(~np.isfinite(voxels))[0]
    where = axis_back([int(step) + part.start for step, part in zip(place, region, strict=True)], source.axis)
    fault = Fault(
        f"{source.volume.name}, voxel {where}",
        float(voxels[tuple(place)]),
        "finite grey values",
        "fill or crop such voxels",
    )
    raise BadInput(fault)


def _counts(low: list[int], high: list[int]) -> Shape:
    z, y, x = (stop - start for start, stop in zip(low, high, strict=True))
    return (z, y, x)


def _cut_span(span: slice, depth: int) -> list[slice]:
    """Return ``span`` cut where chunks of ``depth`` begin."""
    edges = [span.start, *range((span.start // depth + 1) * depth, span.stop, depth), span.stop]
    return [slice(low, high) for low, high in itertools.pairwise(edges)]


def _moved(part: slice, frame: slice) -> slice:
    return slice(part.start - frame.start, part.stop - frame.start)


def _told(region: Region) -> str:
    return ", ".join(f"{axis} {part.start}:{part.stop}" for axis, part in zip("zyx", region, strict=True))
