"""How far the surfaces of a class lie apart in labels and truth, beyond memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.blocks import Block, Limits, Need, choose_core, cut, map_blocks
from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.evaluation.pair import Pair
    from tomocell.evaluation.settings import EvaluateSettings
    from tomocell.volumes.volume import Region, Shape, VoxelSize

    Ints = NDArray[np.int64]
    Codes = NDArray[np.uint8]

CAP_EDGES = 16.0  # the default cap, in longest voxel edges
BINS = 1024  # of a voxel's shortest edge: what distances are rounded to
PERCENT = 95
BYTES_PER_VOXEL = 16.0  # four of codes, two of surfaces, eight of a distance map and its rows
GRAINS = (512, 256, 128, 64, 32, 16, 8, 4, 2, 1)


@dataclass(frozen=True)
class Reach:
    """How far surfaces are compared.

    Attributes:
        tolerance_um: Up to which they agree.
        cap_um: Beyond which nothing is looked for.
        voxel_size_um: Along (Z, Y, X).
    """

    tolerance_um: float
    cap_um: float
    voxel_size_um: VoxelSize

    @property
    def unit_um(self) -> float:
        """What a bin of distances is wide."""
        return min(self.voxel_size_um) / BINS

    @property
    def bins(self) -> int:
        """Bins from distance nought to the cap, both included."""
        return round(self.cap_um / self.unit_um) + 1

    @property
    def halo(self) -> Shape:
        """Voxels that a block needs around it: the cap, and one to see which voxels are on a surface."""
        z, y, x = (math.floor(self.cap_um / edge + 1e-6) + 1 for edge in self.voxel_size_um)
        return (z, y, x)


@dataclass(frozen=True)
class Distances:
    """Directed distances between the surfaces of a class.

    Attributes:
        near: Shape (2, bins): surface voxels of the truth, and of the labels, by distance to the other's surface.
        total: Shape (2,): surface voxels of each, those beyond the cap included.
    """

    near: Ints
    total: Ints


def reach_of(size_um: VoxelSize, settings: EvaluateSettings) -> Reach:
    """Return tolerance and cap of the settings, or those that the voxel size gives.

    Raises:
        BadInput: If the tolerance is beyond the cap.
    """
    longest = max(size_um)
    tolerance = settings.surface_tolerance_um or min(longest, settings.surface_cap_um or longest)
    cap = settings.surface_cap_um or max(CAP_EDGES * longest, tolerance)
    return Reach(tolerance, cap, size_um)


def surface_distances(pair: Pair, reach: Reach, limits: Limits) -> list[Distances]:
    """Return the distances of each class of ``pair``, block by block, each with a halo of the cap.

    Distances are between centres of surface voxels, exact up to the cap, rounded to 1/1024 of the shortest edge.

    Raises:
        BadInput: If not even one voxel with its halo fits the memory.
    """
    shape, classes = pair.truth.shape, len(pair.classes)
    totals = np.zeros((classes, 2), np.int64)
    near = np.zeros((classes, 2, reach.bins), np.int64)
    used_mb = math.ceil(2 * near.nbytes / (1 << 20))
    need = Need(reach.halo, BYTES_PER_VOXEL)
    # edt holds the GIL, but has threads of its own: blocks go one by one.
    core = _core(shape, need, Limits(max(limits.memory_mb - used_mb, 1)))
    blocks = cut(shape, core, need.halo)

    def work(block: Block) -> None:
        true, found = pair.read(block.outer)
        for code in range(classes):
            _add_class((true, found), code, block.inner, (reach, limits.workers), (near[code], totals[code]))

    for _ in map_blocks(work, blocks, 1):
        pass
    return [Distances(near[code], totals[code]) for code in range(classes)]


def surface_metrics(distances: Distances, reach: Reach) -> tuple[dict[str, float | None], str]:
    """Return surface Dice and the 95 % Hausdorff distance of a class, and the reason where one of them is null.

    A voxel of the class is on its surface if one of its six neighbours is of another class; the volume's faces and
    voxels left out make no surface. ``surface_dice`` is the share of both surfaces' voxels that lie within the
    tolerance of the other surface (after Nikolov et al. 2021, doi:10.2196/26151, who weigh by area, not by voxels).
    ``hd95_um`` is the greater of the two directed 95th percentiles, each the least distance that 95 % of a surface's
    voxels do not exceed; it is null where it exceeds the cap.
    """
    sides = [side for side, count in zip(("truth", "labels"), distances.total, strict=True) if not count]
    if len(sides) == 2:  # noqa: PLR2004
        return {"surface_dice": None, "hd95_um": None}, "no surface in truth and labels"
    within = round(reach.tolerance_um / reach.unit_um) + 1
    share = int(distances.near[:, :within].sum()) / int(distances.total.sum())
    if sides:
        return {"surface_dice": share, "hd95_um": None}, f"no surface in {sides[0]}"
    ends = [_percentile(near, int(total)) for near, total in zip(distances.near, distances.total, strict=True)]
    if any(end is None for end in ends):
        return {"surface_dice": share, "hd95_um": None}, f"> {reach.cap_um:g} um, the cap of distances"
    return {"surface_dice": share, "hd95_um": max(end for end in ends if end is not None) * reach.unit_um}, ""


def _percentile(near: Ints, total: int) -> int | None:
    """Return the least bin that 95 % of ``total`` do not exceed; None where that is beyond the cap."""
    reached = np.cumsum(near) * 100 >= PERCENT * total
    return int(np.argmax(reached)) if reached[-1] else None


def _add_class(
    codes: tuple[Codes, Codes], code: int, inner: Region, how: tuple[Reach, int], totals: tuple[Ints, Ints]
) -> None:
    """Add a class's surface voxels of a block's core, by their distance to the other surface in the whole block."""
    from tomocell.evaluation.kernels import mark_surface

    reach, threads = how
    away = [np.empty_like(side) for side in codes]
    marked = [mark_surface(side, code, out) for side, out in zip(codes, away, strict=True)]
    for side in range(2):
        here = away[side][inner] == 0
        totals[1][side] += np.count_nonzero(here)
        if marked[1 - side] and here.any():
            bins = _to_bins(_squared(away[1 - side], reach, threads)[inner][here])
            totals[0][side] += np.bincount(bins[bins < reach.bins], minlength=reach.bins)


def _squared(away: Codes, reach: Reach, threads: int) -> NDArray[np.float32]:
    """Return the squared distance of each voxel to the nearest 0, in shortest edges: whole numbers for cubic voxels."""
    import edt

    shortest = min(reach.voxel_size_um)
    edges = tuple(edge / shortest for edge in reach.voxel_size_um)
    return np.asarray(edt.edtsq(away, anisotropy=edges, parallel=threads))


def _to_bins(squared: NDArray[np.float32]) -> Ints:
    return np.asarray(np.rint(np.sqrt(squared.astype(np.float64)) * BINS).astype(np.int64))


def _core(shape: Shape, need: Need, limits: Limits) -> Shape:
    """Return the largest core, grown from cubes: slabs thinner than the halo would be read many times over."""
    for edge in GRAINS:
        try:
            return choose_core(shape, need, limits, (edge, edge, edge))
        except BadInput as error:
            least = error.faults[0]
    remedy = "raise the memory limit, or lower surface_cap_um (surfaces: false leaves surface distances out)"
    raise BadInput(Fault(least.where, least.value, least.expected, remedy))
