"""What the compiled functions take, bundled."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Cell(NamedTuple):
    """The sample of one timestep, in voxels of the sample frame.

    Attributes:
        maps: (Y, X, 6) height maps, see ``surfaces.Surfaces.stacked``.
        outer: (Y, X, 2) outer faces of the two electrodes; (0, 0, 2) where they reach beyond the region of interest.
        dead: (Y, X, 2) height and foot of dendrites without contact; (0, 0, 2) where there are none.
        dead_reach: Lowest and highest plane of those.
        dead_gap: Gap at their feet.
        rim: Nodes of the maps before voxel 0.
        highest: Highest dendrite, to skip the search for them elsewhere.
        edge: Width of the ramp between materials.
        seed: Seed of textures and inclusions.
        inclusion_bottom: First plane of the inclusions' lattice.
        inclusion_cell: Edge of its cells.
        inclusion_layers: Its layers along z.
        inclusion_share: Share of cells that hold one.
        inclusion_least: Smallest semi-axis.
        inclusion_most: Largest semi-axis.
    """

    maps: NDArray[np.float32]
    outer: NDArray[np.float32]
    dead: NDArray[np.float32]
    dead_reach: tuple[float, float]
    dead_gap: float
    rim: int
    highest: float
    edge: float
    seed: np.uint64
    inclusion_bottom: float
    inclusion_cell: float
    inclusion_layers: int
    inclusion_share: float
    inclusion_least: float
    inclusion_most: float


class Placement(NamedTuple):
    """How the sample lies in the scan, see ``motion.Motion``: p = r - u(r), r = inverse (q, 1)."""

    inverse: NDArray[np.float64]
    warp: NDArray[np.float64]
    middle: NDArray[np.float64]
    half: NDArray[np.float64]


class Look(NamedTuple):
    """Grey values by phase, textures, interphase, and what the scanner adds."""

    grey: NDArray[np.float64]
    casing: float
    inclusion: float
    interphase: float
    interphase_width: float
    texture: float
    texture_length: float
    mottle: float
    mottle_length: float
    noise: float
    ring: float
    ring_y: float
    ring_x: float
    seed: np.uint64
