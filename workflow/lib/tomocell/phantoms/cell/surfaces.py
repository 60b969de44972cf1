"""The interfaces of the cell as height maps: where each material ends along the electrode normal.

Every column along z meets, from the stripping side: stripping electrode, pit, redeposited lithium, electrolyte,
dendrite, deposited lithium, plating electrode; any of them may have no thickness. Maps are calibrated so that mean
thicknesses in the region of interest obey Faraday's law:

- charge: the stripping electrode loses the charge's lithium, ``pit_share`` of it from pits; the plating side gains
  ``capacity_ratio`` times it, ``dendrite_share`` of that as dendrites;
- discharge: redeposited lithium is ``capacity_ratio`` times the lithium of the charge passed since the half cycle; it
  fills pits from their mouths and then covers them, which leaves voids at the bottom of some; deposited lithium
  dissolves, dendrites shrink.

The cell may swell: the plating electrode moves away over the charge with all that grows on it. Dendrites may lose
contact on discharge and stay where they are. A share of lithium that grows over the cycle may not be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tomocell.phantoms.cell.chronology import faraday_um
from tomocell.phantoms.cell.dendrites import APART_VOXELS, Dendrites
from tomocell.phantoms.cell.fields import Sites, smooth_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.phantoms.cell.chronology import Timestep
    from tomocell.phantoms.cell.settings import CellSettings

    Map = NDArray[np.float64]

RIM = 4  # nodes beyond the scan, so that points just outside it are still interpolated
PIT_POWER = 2.0
LEAST_FILLED = 0.2  # of a pit's depth, by the end of the cycle; a third of the pits fill wholly
TINY = float(np.finfo(float).tiny)
WARP_SHARE = 0.25  # of a feature's radius
STREAM = {"static": 0, "pits": 1, "dendrites": 2, "outer": 5}


@dataclass(frozen=True)
class Surfaces:
    """Height maps of one timestep over the scan and a rim of ``RIM`` nodes; node (RIM, RIM) is voxel (0, 0).

    Attributes:
        electrode: Top of the stripping electrode (bottom of its pits), z in voxels of the sample frame.
        pit: Top of what is open of the pits.
        redeposited: Top of the redeposited lithium.
        film: Face of the deposited lithium towards the electrolyte.
        plating: Face of the plating electrode.
        dendrite: Height of dendrites above the film, voxels.
        outer: Outer faces of the stripping and of the plating electrode; none where they go on.
        dead: Height (tip to foot) and foot (z) of the dendrites without contact; none where all have it.
    """

    electrode: Map
    pit: Map
    redeposited: Map
    film: Map
    plating: Map
    dendrite: Map
    outer: tuple[Map, ...] = ()
    dead: tuple[Map, ...] = ()

    def stacked(self) -> NDArray[np.float32]:
        """Return all maps as one array (Y, X, 6), in the order of the attributes."""
        maps = (self.electrode, self.pit, self.redeposited, self.film, self.plating, self.dendrite)
        return np.stack(maps, axis=-1).astype(np.float32)

    def paired(self, name: Literal["outer", "dead"]) -> NDArray[np.float32]:
        """Return a pair of maps as one array (Y, X, 2); (0, 0, 2) where there is none."""
        maps: tuple[Map, ...] = getattr(self, name) or (np.zeros((0, 0)),) * 2
        return np.stack(maps, axis=-1).astype(np.float32)


def over_roi(settings: CellSettings, values: Map) -> Map:
    """Return the part of a map over the ROI."""
    # Nodes are voxel centres, so the mean of the nodes is the midpoint rule over the ROI's area.
    first = [RIM + start for start in settings.roi_start[1:]]
    rows, columns = (slice(low, low + size) for low, size in zip(first, settings.roi_size[1:], strict=True))
    return values[rows, columns]


class Landscape:
    """What is drawn once for a series; ``at`` gives the surfaces of a timestep."""

    def __init__(self, settings: CellSettings) -> None:
        self.settings = settings
        self.shape = (settings.shape[1] + 2 * RIM, settings.shape[2] + 2 * RIM)
        rng = np.random.default_rng([settings.seed, STREAM["static"]])
        length = settings.voxels(settings.roughness_length_um)
        rough = [self._centred(smooth_noise(self.shape, length, rng)) for _ in range(3)]
        roughness = settings.voxels(settings.roughness_um)
        self._stripping = settings.voxels(settings.stripping_electrode_um) + roughness * rough[0]
        self._plating = settings.voxels(settings.plating_electrode_um) + roughness * rough[1]
        self._film_variation = settings.voxels(settings.film_roughness_um) * rough[2]
        self._pits, self._pit_warp = self._scatter("pits", settings.pit_spacing_um, settings.pit_radius_um)
        sites, warp = self._scatter("dendrites", settings.dendrite_spacing_um, settings.dendrite_radius_um)
        self.dendrites = Dendrites(settings, sites, warp)
        self._dendrite_mean = self._mean(self.dendrites.shape())
        self.dendrites.kill(self.dendrite_scale(settings.periods_per_half_cycle))
        outer = np.random.default_rng([settings.seed, STREAM["outer"]])
        self._outer = [roughness * self._centred(smooth_noise(self.shape, length, outer)) for _ in range(2)]

    def at(self, step: Timestep) -> Surfaces:
        """Return the surfaces at a timestep."""
        settings = self.settings
        low, _ = self._ends()
        uniform, pits, opening = self._stripped(step)
        electrode = low + uniform - pits
        redeposited = low + uniform + self._cover(step, pits - opening)
        plating = self._plating_face(step.charged)
        film = plating - self._deposited(step.charged, step.discharged)
        attached = self.dendrites.attached(self.dendrite_scale(step.charged), step.discharged)
        return Surfaces(
            electrode=electrode,
            pit=electrode + opening,
            redeposited=redeposited,
            film=film,
            plating=plating,
            dendrite=self.dendrites.hills(attached),
            outer=self._outer_faces(step) if settings.casing_um else (),
            dead=self._dead(step) if self.dendrites.dead(step.discharged).any() else (),
        )

    def dendrite_scale(self, charged: int) -> float:
        """Return the height that a dendrite of size 1 has after so many periods of charge, voxels."""
        return self.settings.dendrite_share * self._gained(charged, charged) / max(self._dendrite_mean, TINY)

    def feet(self) -> NDArray[np.float64]:
        """Return the plane of the film under each site's middle when its dendrite lost contact; not a number else."""
        half, onset = self.settings.periods_per_half_cycle, self.dendrites.onset
        feet = np.full(len(onset), np.nan)
        for period in np.unique(onset[onset > 0]).tolist():
            film = self._plating_face(half) - self._deposited(half, period - 1)
            chosen = onset == period
            feet[chosen] = self.at_sites(film)[chosen]
        return feet

    def at_sites(self, values: Map) -> NDArray[np.float64]:
        """Return a map at the middles of the dendrites' sites."""
        sites = self.dendrites.sites
        rows, columns = (
            np.clip(np.rint(centre).astype(np.intp), 0, size - 1)
            for centre, size in zip((sites.y, sites.x), self.shape, strict=True)
        )
        return values[rows, columns]

    def site_voxels(self, site: int) -> tuple[float, float]:
        """Return the middle of a dendrite, (Y, X) in voxels of the sample frame, its warp undone to first order."""
        sites, (rows, columns) = self.dendrites.sites, self.dendrites.warp
        y = float(sites.y[site] - self.at_sites(rows)[site]) - RIM
        return y, float(sites.x[site] - self.at_sites(columns)[site]) - RIM

    def _dead(self, step: Timestep) -> tuple[Map, Map]:
        dendrites = self.dendrites
        heights = dendrites.detached(self.dendrite_scale(self.settings.periods_per_half_cycle), step.discharged)
        nearest = dendrites.sites.nearest(heights > 0, APART_VOXELS + RIM, dendrites.warp)
        return dendrites.hills(heights), np.where(nearest < 0, 0.0, self.feet()[nearest])

    def _ends(self) -> tuple[float, float]:
        """Return where the electrodes would begin and end were they flat and swollen, z in voxels."""
        start = self.settings.roi_start[0] - 0.5  # the ROI begins at the face of its first plane, not at its centre
        casing = self.settings.voxels(self.settings.casing_um)
        return start + casing, start + self.settings.roi_size[0] - casing

    def _outer_faces(self, step: Timestep) -> tuple[Map, Map]:
        low, high = self._ends()
        return low + self._outer[0], high - self._swelling_left(step.charged) + self._outer[1]

    def _plating_face(self, charged: int) -> Map:
        return self._ends()[1] - self._swelling_left(charged) - self._plating

    def _swelling_left(self, charged: int) -> float:
        """Return how far the plating electrode is from where the charge takes it, voxels."""
        return self.settings.voxels(self.settings.swelling_um) * (1 - charged / self.settings.periods_per_half_cycle)

    def _stripped(self, step: Timestep) -> tuple[Map, Map, Map]:
        """Return what uniform stripping leaves of the electrode, the depth of pits, and what is open of that depth."""
        sites, share = self._pits, self.settings.pit_share
        lost = self.settings.voxels(faraday_um(self.settings, step.charged))
        hills = sites.hills(sites.size, PIT_POWER, self._pit_warp)
        scale = share * lost / max(self._mean(hills), TINY)
        share_done = step.discharged / self.settings.periods_per_half_cycle
        filled = share_done * np.clip(2 * sites.chance - 0.3, LEAST_FILLED, 1.0)
        opening = sites.hills(scale * sites.size * (1 - filled), PIT_POWER, self._pit_warp)
        return self._stripping - (1 - share) * lost, scale * hills, opening

    def _cover(self, step: Timestep, filled: Map) -> Map:
        """Return the redeposited lithium above the level of uniform stripping."""
        gained = self._gained(step.discharged, step.charged + step.discharged)
        return self._clipped(0.5 * self._film_variation, gained - self._mean(filled))

    def _deposited(self, charged: int, discharged: int) -> Map:
        settings = self.settings
        left = 1 - discharged / settings.periods_per_half_cycle * (1 - settings.deposited_left_share)
        target = (1 - settings.dendrite_share) * self._gained(charged, charged) * left
        return self._clipped(self._film_variation, target)

    def _gained(self, periods: int, done: int) -> float:
        """Mean thickness of the visible lithium plated in some periods, ``done`` of the cycle, voxels."""
        return self.settings.voxels(self.settings.capacity_ratio_after(done) * faraday_um(self.settings, periods))

    def _scatter(self, name: str, spacing_um: float, radius_um: float) -> tuple[Sites, tuple[Map, Map]]:
        settings = self.settings
        rng = np.random.default_rng([settings.seed, STREAM[name]])
        radius = settings.voxels(radius_um)
        sites = Sites.scatter(self.shape, settings.voxels(spacing_um), radius, rng)
        rows, columns = (WARP_SHARE * radius * smooth_noise(self.shape, radius, rng) for _ in range(2))
        return sites, (rows, columns)

    def _roi(self, values: Map) -> Map:
        return over_roi(self.settings, values)

    def _mean(self, values: Map) -> float:
        return float(over_roi(self.settings, values).mean())

    def _centred(self, values: Map) -> Map:
        return values - self._mean(values)

    def _clipped(self, variation: Map, mean: float) -> Map:
        """Return ``max(0, offset + variation)`` with the offset that gives the mean in the ROI, by bisection."""
        if mean <= 0:
            return np.zeros_like(variation)
        low, high = -float(self._roi(variation).max()), mean - float(self._roi(variation).min())
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self._mean(np.maximum(middle + variation, 0)) < mean else (low, middle)
        return np.maximum(high + variation, 0)
