"""The dendrites of the cell: where they stand, how high they are, and which of them lose contact when.

Heights are set by the charge; on discharge each dendrite shrinks by its own share, so some stay and some go. A dead
one comes off its root with the film that stood under it then, and neither moves nor shrinks any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.phantoms.cell.fields import Sites
    from tomocell.phantoms.cell.settings import CellSettings

    Map = NDArray[np.float64]
    Heights = NDArray[np.float64]

POWER = 3.0
CHANCE = 0.65
# Two outlines that stand so far apart on paper stay apart as voxels, warped and leaning.
APART_VOXELS = 5.0
LEAST_DEAD_VOXELS = 3.0  # of a body above the gap
STREAM_DEAD = 6


class Dendrites:
    """Sites of dendrites; heights in voxels, one a site, 0 where none stands.

    Attributes:
        sites: Where they may stand.
        warp: What makes their outlines irregular.
        size: Height relative to the others, 0 where none grows.
        onset: Current period of the discharge in which the dendrite loses contact; 0 for those that never do.
    """

    def __init__(self, settings: CellSettings, sites: Sites, warp: tuple[Map, Map]) -> None:
        self.settings = settings
        self.sites = sites
        self.warp = warp
        self.size = np.where(sites.chance < CHANCE, sites.size, 0.0)
        if settings.dendrites_apart:
            self.size[_thinned(sites, self.size > 0)] = 0.0
        self.onset = np.zeros(len(self.size), dtype=np.intp)
        self._left = np.minimum(2 * settings.dendrite_left_share * sites.chance / CHANCE, 1.0)

    def shape(self) -> Map:
        """Return the map of dendrites of relative height."""
        return self.hills(self.size)

    def hills(self, heights: Heights) -> Map:
        """Return the map of dendrites of these heights."""
        return self.sites.hills(heights, POWER, self.warp)

    def kill(self, scale: float) -> None:
        """Choose those that lose contact, ``scale`` being the height of one of size 1 at the half cycle."""
        settings = self.settings
        if not settings.dead_share:
            return
        rng = np.random.default_rng([settings.seed, STREAM_DEAD])
        chance, when = rng.random((2, len(self.size)))
        early = max(settings.periods_per_half_cycle // 2, 1)
        onset = 1 + np.floor(when * early).astype(np.intp)
        is_tall = self.heights(scale, onset - 1) > settings.voxels(settings.dead_gap_um) + LEAST_DEAD_VOXELS
        is_alone = np.ones(len(self.size), dtype=np.bool_)
        for pair in self.sites.crowded(self.size > 0, APART_VOXELS):
            is_alone[list(pair)] = False
        self.onset = np.where(is_tall & is_alone & (chance < settings.dead_share), onset, 0)

    def dead(self, discharged: int) -> NDArray[np.bool_]:
        """Return which have lost contact after so many periods of discharge."""
        return (self.onset > 0) & (self.onset <= discharged)

    def heights(self, scale: float, discharged: int | NDArray[np.intp]) -> Heights:
        """Return the heights above the film after so many periods of discharge, were none dead."""
        share = discharged / self.settings.periods_per_half_cycle
        return scale * self.size * (1 - share * (1 - self._left))

    def attached(self, scale: float, discharged: int) -> Heights:
        """Return the heights of those that have contact."""
        return np.where(self.dead(discharged), 0.0, self.heights(scale, discharged))

    def detached(self, scale: float, discharged: int) -> Heights:
        """Return the heights of those that have none, tip to foot, the gap included."""
        return np.where(self.dead(discharged), self.heights(scale, self.onset - 1), 0.0)


def _thinned(sites: Sites, grown: NDArray[np.bool_]) -> list[int]:
    """Return the sites to leave out so that all others stand apart: the larger dendrite takes what is around it."""
    removed: set[int] = set()
    rank = np.argsort(np.argsort(-sites.size))
    pairs = sites.crowded(grown, APART_VOXELS)
    for first, second in sorted(pairs, key=lambda pair: sorted(rank[list(pair)].tolist())):
        if first not in removed and second not in removed:
            removed.add(first if rank[first] > rank[second] else second)
    return sorted(removed)
