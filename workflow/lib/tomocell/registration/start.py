"""The coarse start: displacement by phase correlation on a reduced pair, refined; rotations tried where that fails."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.registration import transforms
from tomocell.registration.engines import engine_of
from tomocell.registration.likeness import Likeness, compare
from tomocell.registration.patch import Patch, axis_factors, keeps_detail, read_patch
from tomocell.registration.phase import displacements, overlap_correlation
from tomocell.registration.resample import resample_patch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from tomocell.registration.settings import RegisterSettings
    from tomocell.volumes.volume import Region, Shape, Volume

    Array = NDArray[np.float64]

CANDIDATES = 3  # starts that are refined
TOLERANCE_VOXELS = 0.05
ITERATIONS = 20  # of a level
LEAST_VOXELS = 40**3  # of a reduced scan
GOOD_AGREEMENT = 0.3  # of the gradients; above it, no rotation is tried
LEAST_COVERED = 0.25
SEARCH_EDGE = 40  # voxels of the copy on which rotations are tried
ROOM = 2.0  # voxels that a corner of that copy moves from one tried rotation to the next


@dataclass(frozen=True)
class Start:
    """Where the fine fits begin.

    Attributes:
        matrix: Takes points of the fixed to the moving scan, 4 x 4, um.
        likeness: How alike the reduced scans are there.
        reduction: Voxels averaged along (Z, Y, X).
    """

    matrix: Array
    likeness: Likeness
    reduction: Shape


def find_start(fixed: Volume, moving: Volume, settings: RegisterSettings, threads: int = 1) -> Start:
    """Return a motion good enough for the fine fits to find their way.

    Raises:
        BadInput: If a scan has the same grey value everywhere, or holds NaN.
    """
    factors = reduction_of(fixed, moving, settings)
    pair = [read_patch(scan, middle(scan.shape, factors, settings.start_voxels), factors) for scan in (fixed, moving)]
    _check_contrast(pair, (fixed.name, moving.name))
    refine = _Refiner(pair[0], pair[1], settings, threads)
    seen = pair if settings.metric == "correlation" else [_edges(patch) for patch in pair]
    best = refine.best([np.eye(4), *_shifts(seen[0], seen[1], threads)])
    if settings.start_search_deg > 0 and best[1].accord(settings) < GOOD_AGREEMENT:
        turned = refine.best(_turns(seen[0], seen[1], settings.start_search_deg))
        best = max(best, turned, key=lambda entry: merit(entry[1], settings))
    return Start(best[0], best[1], factors)


def reduction_of(fixed: Volume, moving: Volume, settings: RegisterSettings) -> Shape:
    """Return the reduction of the settings, or less where the smaller scan would lose its detail."""
    z, y, x = np.minimum(fixed.shape, moving.shape).tolist()
    for reduction in range(settings.start_reduction, 1, -1):
        factors = axis_factors(reduction, (z, y, x), fixed.size)
        if keeps_detail(factors, (z, y, x), LEAST_VOXELS):
            return factors
    return (1, 1, 1)


def middle(shape: Shape, factors: Shape, most: int) -> Region:
    """Return the middle of a scan that has at most ``most`` voxels after reduction; its longest edges are cut."""
    steps = np.array(factors)
    counts = np.array(shape) // steps
    edge = int(counts.max())
    while np.prod(np.minimum(counts, edge).astype(np.float64)) > most:
        edge -= 1
    kept = np.minimum(counts, edge)
    first = (counts - kept) // 2 * steps
    z, y, x = (slice(int(start), int(start + size)) for start, size in zip(first, kept * steps, strict=True))
    return (z, y, x)


def merit(likeness: Likeness, settings: RegisterSettings) -> float:
    """Return how good a start is: the agreement of gradients, and a little of the correlation.

    Correlation alone prefers layers on layers, be they moved surfaces, to what lies still between them.
    """
    if likeness.covered < LEAST_COVERED or likeness.correlation is None:
        return -2.0
    signed = settings.metric == "correlation"
    return likeness.accord(settings) + 0.2 * (likeness.correlation if signed else abs(likeness.correlation))


def _check_contrast(pair: Sequence[Patch], names: Sequence[str]) -> None:
    faults = [
        Fault(name, f"grey value {patch.voxels.flat[0]:g} everywhere", "a scan with contrast", "replace the file")
        for patch, name in zip(pair, names, strict=True)
        if patch.voxels.min() == patch.voxels.max()
    ]
    if faults:
        raise BadInput(*faults)


def _edges(patch: Patch) -> Patch:
    """Return the length of the gradient: what two modalities share."""
    parts = np.gradient(patch.smoothed(1.0).voxels, *patch.voxel_um)
    return replace(patch, voxels=np.sqrt(sum(part * part for part in parts)).astype(np.float32))


class _Refiner:
    """Fits on the reduced pair."""

    def __init__(self, fixed: Patch, moving: Patch, settings: RegisterSettings, threads: int) -> None:
        self.fixed, self.moving, self.threads = fixed, moving, threads
        self.engine = engine_of(settings)
        fewer = min(ITERATIONS, settings.maximum_iterations)
        self.settings = settings.model_copy(update={"maximum_iterations": fewer, "tolerance_voxels": TOLERANCE_VOXELS})

    def best(self, starts: Iterable[Array]) -> tuple[Array, Likeness]:
        """Return the best of the starts, refined or as it was."""
        entries = []
        for start in starts:
            fitted = self.engine(self.fixed, self.moving, start, self.settings, self.threads).matrix
            entries += [(matrix, compare(self.fixed, self.moving, matrix)) for matrix in (start, fitted)]
        return max(entries, key=lambda entry: merit(entry[1], self.settings))


def _shifts(fixed: Patch, moving: Patch, threads: int) -> list[Array]:
    return [
        _shifted(fixed, moving, shift) for shift in displacements(fixed.voxels, moving.voxels, threads)[:CANDIDATES]
    ]


def _shifted(fixed: Patch, moving: Patch, shift_voxels: Array) -> Array:
    """Return the motion that a displacement between the voxels of two patches means."""
    return transforms.rigid(np.zeros(3), shift_voxels * fixed.voxel_um + moving.origin_um - fixed.origin_um)


def _turns(fixed: Patch, moving: Patch, largest_deg: float) -> list[Array]:
    """Return the likeliest motions among all rotations up to an angle, each with its displacement."""
    fixed, moving = (patch.reduced([-(-size // SEARCH_EDGE) for size in patch.shape]) for patch in (fixed, moving))
    ranked: list[tuple[float, Array]] = []
    for vector in _lattice(largest_deg, ROOM / (float(np.linalg.norm(fixed.shape)) / 2)):
        turn = transforms.rigid(vector, np.zeros(3), moving.centre_um)
        turned = np.nan_to_num(resample_patch(moving, moving, turn), nan=float(moving.voxels.mean()))
        for shift in displacements(fixed.voxels, turned)[:1]:
            likeness = overlap_correlation(fixed.voxels, turned, np.rint(shift).astype(int))
            ranked.append((likeness or 0.0, turn @ _shifted(fixed, moving, shift)))
    ranked.sort(key=lambda entry: -entry[0])
    return [matrix for _, matrix in ranked[:CANDIDATES]]


def _lattice(largest_deg: float, step_rad: float) -> Iterator[Array]:
    """Yield rotation vectors on an even lattice in the ball of the largest angle, none excepted."""
    largest = np.deg2rad(largest_deg)
    count = max(1, int(np.ceil(largest / step_rad)))
    ticks = np.linspace(-largest, largest, 2 * count + 1)
    for vector in itertools.product(ticks, repeat=3):
        if np.linalg.norm(vector) <= largest * (1 + 1e-9):
            yield np.array(vector)
