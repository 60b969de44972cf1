"""Which parts of the reference scan are fitted: textured, present in both scans, spread over the cell; or as given."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.registration import transforms
from tomocell.registration.engines import engine_of
from tomocell.registration.likeness import Likeness, compare
from tomocell.registration.patch import Patch, axis_factors, box_around, keeps_detail, read_patch
from tomocell.registration.resample import roi_region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.registration.settings import RegisterSettings
    from tomocell.volumes.volume import Region, Shape, Volume

    Array = NDArray[np.float64]

LARGEST_EDGE = 128
LEAST_EDGE = 16
MOST_CANDIDATES = 48
QUICK = {"pyramid": (1,), "maximum_iterations": 8, "tolerance_voxels": 0.05}  # to judge, not to measure
OVERLAP = 0.5  # of neighbouring candidates
REDUCTION = 2  # of the patches that are judged
LEAST_COVERED = 0.9
LEAST_CONTRAST = 1e-6  # spread of the grey values over their size; less is a constant
WORTH = 0.7  # of the best candidate's merit; spread counts above it


@dataclass(frozen=True)
class Pair:
    """The scans and the mask that are read from.

    Attributes:
        fixed: The reference scan.
        moving: The scan to be brought into its frame.
        mask: Non-zero where the reference scan may be used, on its grid; None uses all.
        threads: How many share a patch.
    """

    fixed: Volume
    moving: Volume
    mask: Volume | None = None
    threads: int = 1

    def read_fixed(self, region: Region) -> Patch:
        """Read a sub-volume of the reference scan with its mask."""
        patch = read_patch(self.fixed, region)
        if self.mask is None:
            return patch
        return Patch(patch.voxels, patch.origin_um, patch.voxel_um, np.asarray(self.mask.read(region)) != 0)

    def read_moving(self, fixed: Patch, matrix: Array, margin_voxels: int) -> Patch | None:
        """Read what ``matrix`` takes a patch to, with a margin; None where the moving scan has nothing there."""
        region = box_around(self.moving, transforms.apply(matrix, fixed.corners_um), margin_voxels)
        return None if region is None else read_patch(self.moving, region)


@dataclass(frozen=True)
class Candidate:
    """A part of the reference scan, judged after a quick fit.

    Attributes:
        region: Where it lies.
        likeness: How alike the scans are there.
        accord: How well their gradients agree.
    """

    region: Region
    likeness: Likeness
    accord: float

    @property
    def merit(self) -> float:
        """The accord; 0 where there is none, or the moving scan does not reach."""
        return max(self.accord, 0.0) if self.likeness.covered >= LEAST_COVERED else 0.0


def choose(pair: Pair, start: Array, settings: RegisterSettings) -> list[Region]:
    """Return the sub-volumes to fit.

    Raises:
        BadInput: If one that was given lies outside a scan or has no texture, or no part of the scan has any.
    """
    roi = roi_region(settings, pair.fixed.shape)
    size = subvolume_size(settings, roi)
    if settings.subvolume_centres_voxels:
        return _given(pair, start, settings, size)
    candidates = [judge(pair, region, start, settings) for region in lattice(roi, size)]
    textured = [entry for entry in candidates if _is_textured(entry.likeness, settings)]
    if not textured:
        best = max(entry.likeness.texture for entry in candidates)
        remedy = "register scans with texture in all directions, take larger sub-volumes, or lower minimum_texture"
        expected = f"gradients in every direction, at least {settings.minimum_texture:g} of the strongest"
        raise BadInput(Fault(f"{pair.fixed.name}: every sub-volume", round(best, 4), expected, remedy))
    return spread_out(textured, settings.subvolume_count)


def subvolume_size(settings: RegisterSettings, roi: Region) -> Shape:
    """Return the size of a sub-volume: as set, or half the region, at most 128 voxels.

    Raises:
        BadInput: If the region of interest is too thin to fit on.
    """
    extent = [part.stop - part.start for part in roi]
    if min(extent) < LEAST_EDGE:
        remedy = "registration needs volumes, not planes; leave 'registration' out for this series"
        raise BadInput(
            Fault("registered region", tuple(extent), f"at least {LEAST_EDGE} voxels along each axis", remedy)
        )
    wanted = settings.subvolume_size_voxels or [min(LARGEST_EDGE, max(LEAST_EDGE, edge // 2)) for edge in extent]
    z, y, x = (min(edge, most) for edge, most in zip(wanted, extent, strict=True))
    return (z, y, x)


def lattice(roi: Region, size: Shape) -> list[Region]:
    """Return regions of a size, evenly over the region of interest, face to face with it, at most 48."""
    extent = [part.stop - part.start for part in roi]
    share = 1 - OVERLAP
    while True:
        counts = [1 + round((total - edge) / (edge * share)) for total, edge in zip(extent, size, strict=True)]
        if np.prod(counts) <= MOST_CANDIDATES:
            break
        share *= 1.1
    starts = [
        np.rint(part.start + np.linspace(0, total - edge, count) if count > 1 else [part.start + (total - edge) / 2])
        for part, total, edge, count in zip(roi, extent, size, counts, strict=True)
    ]
    return [_region([int(first) for first in corner], size) for corner in itertools.product(*starts)]


def judge(pair: Pair, region: Region, start: Array, settings: RegisterSettings) -> Candidate:
    """Return a candidate with its likeness after a quick fit on a reduced copy."""
    fixed = pair.read_fixed(region)
    moving = pair.read_moving(fixed, start, settings.margin_voxels)
    if moving is None:
        return Candidate(region, compare(fixed, fixed, np.eye(4)), 0.0)
    factors = axis_factors(REDUCTION, fixed.shape, fixed.voxel_um)
    if keeps_detail(factors, fixed.shape):
        fixed, moving = fixed.reduced(factors), moving.reduced(factors)
    quick = settings.model_copy(update=QUICK)
    places = [start]
    if settings.metric == "correlation":
        places.append(engine_of(quick)(fixed, moving, start, quick, pair.threads).matrix)
    found = max((compare(fixed, moving, place) for place in places), key=lambda likeness: likeness.accord(settings))
    return Candidate(region, found, found.accord(settings))


def spread_out(candidates: Sequence[Candidate], count: int) -> list[Region]:
    """Return up to ``count`` regions: the best first, then always the one that adds most.

    What a candidate adds is its merit (those under 0.7 of the best are left out while there are enough) times its
    distance from the nearest one chosen.
    """
    ranked = sorted(candidates, key=lambda entry: -entry.merit)
    worthy = [entry for entry in ranked if entry.merit >= WORTH * ranked[0].merit]
    pool = worthy if len(worthy) >= count else ranked[:count]
    chosen = [pool[0]]
    while len(chosen) < min(count, len(pool)):
        rest = [entry for entry in pool if entry not in chosen]
        chosen.append(max(rest, key=lambda entry: (entry.merit + 1e-6) * _distance(entry, chosen)))
    return [entry.region for entry in chosen]


def _distance(candidate: Candidate, chosen: Sequence[Candidate]) -> float:
    return float(min(np.linalg.norm(_centre(candidate.region) - _centre(other.region)) for other in chosen))


def _centre(region: Region) -> Array:
    return np.array([(part.start + part.stop - 1) / 2 for part in region])


def _region(corner: Sequence[int], size: Shape) -> Region:
    z, y, x = (slice(first, first + edge) for first, edge in zip(corner, size, strict=True))
    return (z, y, x)


def _is_textured(likeness: Likeness, settings: RegisterSettings) -> bool:
    count, total, _, squares, _, _ = likeness.moments
    spread = squares - total * total / count if count else 0.0
    return bool(spread > LEAST_CONTRAST**2 * squares and likeness.texture >= settings.minimum_texture)


def _given(pair: Pair, start: Array, settings: RegisterSettings, size: Shape) -> list[Region]:
    """Return the sub-volumes around the given centres, or every fault of theirs."""
    regions, faults = [], []
    for number, centre in enumerate(settings.subvolume_centres_voxels):
        region = _region([middle - edge // 2 for middle, edge in zip(centre, size, strict=True)], size)
        fault = _fault(pair, region, start, settings)
        if fault is not None:
            where = f"registration.subvolume_centres_voxels[{number}]"
            faults.append(Fault(where, centre, fault[0], fault[1]))
        regions.append(region)
    if faults:
        raise BadInput(*faults)
    return regions


def _fault(pair: Pair, region: Region, start: Array, settings: RegisterSettings) -> tuple[str, str] | None:
    """Return what a sub-volume lacks and the remedy."""
    shape, size = pair.fixed.shape, tuple(part.stop - part.start for part in region)
    if any(part.start < 0 or part.stop > total for part, total in zip(region, shape, strict=True)):
        return f"a sub-volume of {size} voxels inside the scan of {shape}", "move the centre or make it smaller"
    fixed = pair.read_fixed(region)
    likeness = compare(fixed, fixed, np.eye(4))
    if not _is_textured(likeness, settings):
        found = f"texture {likeness.texture:.3g}"
        return f"grey values that vary in every direction (found {found})", "centre it on a defect or an inclusion"
    # A start that leads out of the scan is no fault of the centre: the verdict tells it.
    places = (start, np.eye(4))
    covered = [compare(fixed, pair.read_moving(fixed, at, settings.margin_voxels), at).covered for at in places]
    if max(covered) < LEAST_COVERED:
        return f"a sub-volume that {pair.moving.name} holds too", "move the centre inwards"
    return None
