"""Whether a motion is determined: moved on a little in any of its six directions, the scans must agree less.

The wall of a round sample agrees with itself however the sample is turned, an extruded structure wherever it is moved
along, layers wherever they are moved in their plane. Agreement alone cannot tell that from a motion that was found.
Gradients are cut to their median length here, so that the texture between walls is heard beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.registration import transforms
from tomocell.registration.likeness import Likeness, compare_texture, nothing
from tomocell.registration.patch import axis_factors, keeps_detail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.registration.patch import Patch
    from tomocell.registration.settings import FitSettings
    from tomocell.registration.subvolumes import Pair
    from tomocell.volumes.volume import Region

    Array = NDArray[np.float64]

ASIDE_VOXELS = 8.0  # how far the sub-volumes' voxels are moved, root mean square
REDUCTION = 2  # of the patches, which are not made coarser after that: texture of few voxels must be heard
MARGIN_VOXELS = 20
DIRECTIONS = tuple(f"{kind} {axis}" for kind in ("displacement along", "rotation about") for axis in "zyx")


def determinacy(pair: Pair, regions: Sequence[Region], matrix: Array, settings: FitSettings) -> dict[str, float]:
    """Return, by direction, the share of the accord that is lost where the motion is off by ``ASIDE_VOXELS``.

    Of the two ways along a direction the one that loses less counts. 1 is a sharp peak, 0 (or less) none at all.
    """
    asides = _asides(regions, np.array(pair.fixed.size))
    sums = [nothing()] * (1 + len(asides))
    for region in regions:
        found = _compare_all(pair, region, [matrix, *(matrix @ aside for aside in asides)])
        sums = [total + more for total, more in zip(sums, found, strict=True)]
    accords = [_accord(likeness, settings) for likeness in sums]
    if accords[0] <= 0:
        return dict.fromkeys(DIRECTIONS, 0.0)
    pairs = zip(accords[1::2], accords[2::2], strict=True)
    return {name: 1 - max(pair) / accords[0] for name, pair in zip(DIRECTIONS, pairs, strict=True)}


def texture_accord(fixed: Patch, moving: Patch, matrix: Array, settings: FitSettings) -> float:
    """Return how well the texture of two patches agrees after a motion, walls heard no louder than grains."""
    return _accord(compare_texture(*_reduced(fixed, moving), matrix), settings)


def _accord(likeness: Likeness, settings: FitSettings) -> float:
    return likeness.mean_agreement if settings.metric == "correlation" else likeness.parallelism


def _reduced(fixed: Patch, moving: Patch) -> tuple[Patch, Patch]:
    factors = axis_factors(REDUCTION, fixed.shape, fixed.voxel_um)
    return (fixed.reduced(factors), moving.reduced(factors)) if keeps_detail(factors, fixed.shape) else (fixed, moving)


def _compare_all(pair: Pair, region: Region, matrices: Sequence[Array]) -> list[Likeness]:
    fixed = pair.read_fixed(region)
    moving = pair.read_moving(fixed, matrices[0], MARGIN_VOXELS)
    if moving is None:
        return [nothing(fixed.voxels.size) for _ in matrices]
    fixed, moving = _reduced(fixed, moving)
    return [compare_texture(fixed, moving, matrix) for matrix in matrices]


def _asides(regions: Sequence[Region], voxel_um: Array) -> list[Array]:
    """Return motions of the reference that are a little off, both ways along each direction, about the middle."""
    centres = np.array([[(part.start + part.stop - 1) / 2 for part in region] for region in regions]) * voxel_um
    sizes = np.array([[part.stop - part.start for part in region] for region in regions]) * voxel_um
    middle = centres.mean(axis=0)
    # Mean squared distance of the sub-volumes' voxels from the middle, along each axis.
    squares = ((centres - middle) ** 2 + sizes**2 / 12).mean(axis=0)
    far_um = ASIDE_VOXELS * float(voxel_um.min())
    angles = far_um / np.sqrt(squares.sum() - squares)
    asides = []
    for direction in range(6):
        for sign in (-1, 1):
            turn, shift = np.zeros(3), np.zeros(3)
            if direction < len(shift):
                shift[direction] = sign * far_um
            else:
                turn[direction - 3] = sign * angles[direction - 3]
            asides.append(transforms.rigid(turn, shift, middle))
    return asides
