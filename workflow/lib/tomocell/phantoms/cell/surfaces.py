"""The interfaces of the cell as height maps: where each material ends along the electrode normal.

Every column along z meets, from the stripping side: stripping electrode, pit, redeposited lithium, electrolyte,
dendrite, deposited lithium, plating electrode; any of them may have no thickness. Maps are calibrated so that mean
thicknesses in the region of interest obey Faraday's law:

- charge: the stripping electrode loses the charge's lithium, ``pit_share`` of it from pits; the plating side gains
  ``capacity_ratio`` times it, ``dendrite_share`` of that as dendrites;
- discharge: redeposited lithium is ``capacity_ratio`` times the lithium of the charge passed since the half cycle; it
  fills pits from their mouths and then covers them, which leaves voids at the bottom of some; deposited lithium
  dissolves, dendrites shrink.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.phantoms.cell.chronology import faraday_um
from tomocell.phantoms.cell.fields import Sites, smooth_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.phantoms.cell.chronology import Timestep
    from tomocell.phantoms.cell.settings import CellSettings

    Map = NDArray[np.float64]

RIM = 4  # nodes beyond the scan, so that points just outside it are still interpolated
PIT_POWER = 2.0
DENDRITE_POWER = 3.0
DENDRITE_CHANCE = 0.65
LEAST_FILLED = 0.2  # of a pit's depth, by the end of the cycle; a third of the pits fill wholly
TINY = float(np.finfo(float).tiny)
WARP_SHARE = 0.25  # of a feature's radius
STREAM = {"static": 0, "pits": 1, "dendrites": 2}


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
    """

    electrode: Map
    pit: Map
    redeposited: Map
    film: Map
    plating: Map
    dendrite: Map

    def stacked(self) -> NDArray[np.float32]:
        """Return all maps as one array (Y, X, 6), in the order of the attributes."""
        maps = (self.electrode, self.pit, self.redeposited, self.film, self.plating, self.dendrite)
        return np.stack(maps, axis=-1).astype(np.float32)


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
        self._dendrites, self._dendrite_warp = self._scatter(
            "dendrites", settings.dendrite_spacing_um, settings.dendrite_radius_um
        )

    def at(self, step: Timestep) -> Surfaces:
        """Return the surfaces at a timestep."""
        start = self.settings.roi_start[0] - 0.5  # the ROI begins at the face of its first plane, not at its centre
        uniform, pits, opening = self._stripped(step)
        electrode = start + uniform - pits
        pit = electrode + opening
        redeposited = start + uniform + self._cover(step, pits - opening)
        plating = start + self.settings.roi_size[0] - self._plating
        return Surfaces(electrode, pit, redeposited, plating - self._deposited(step), plating, self._dendrite(step))

    def _stripped(self, step: Timestep) -> tuple[Map, Map, Map]:
        """Return what uniform stripping leaves of the electrode, the depth of pits, and what is open of that depth."""
        sites, share = self._pits, self.settings.pit_share
        lost = self.settings.voxels(faraday_um(self.settings, step.charged))
        hills = sites.hills(sites.size, PIT_POWER, self._pit_warp)
        scale = share * lost / max(self._mean(hills), TINY)
        filled = self._discharge(step) * np.clip(2 * sites.chance - 0.3, LEAST_FILLED, 1.0)
        opening = sites.hills(scale * sites.size * (1 - filled), PIT_POWER, self._pit_warp)
        return self._stripping - (1 - share) * lost, scale * hills, opening

    def _cover(self, step: Timestep, filled: Map) -> Map:
        """Return the redeposited lithium above the level of uniform stripping."""
        return self._clipped(0.5 * self._film_variation, self._gained(step.discharged) - self._mean(filled))

    def _deposited(self, step: Timestep) -> Map:
        settings = self.settings
        left = 1 - self._discharge(step) * (1 - settings.deposited_left_share)
        target = (1 - settings.dendrite_share) * self._gained(step.charged) * left
        return self._clipped(self._film_variation, target)

    def _dendrite(self, step: Timestep) -> Map:
        # Heights are set by the charge; on discharge each dendrite shrinks by its own share, so some stay and some go.
        settings, sites = self.settings, self._dendrites
        grown = np.where(sites.chance < DENDRITE_CHANCE, sites.size, 0.0)
        hills = sites.hills(grown, DENDRITE_POWER, self._dendrite_warp)
        scale = settings.dendrite_share * self._gained(step.charged) / max(self._mean(hills), TINY)
        left = np.minimum(2 * settings.dendrite_left_share * sites.chance / DENDRITE_CHANCE, 1.0)
        heights = scale * grown * (1 - self._discharge(step) * (1 - left))
        return sites.hills(heights, DENDRITE_POWER, self._dendrite_warp)

    def _gained(self, periods: int) -> float:
        """Mean thickness of the visible lithium plated in some periods, voxels."""
        return self.settings.voxels(self.settings.capacity_ratio * faraday_um(self.settings, periods))

    def _discharge(self, step: Timestep) -> float:
        return step.discharged / self.settings.periods_per_half_cycle

    def _scatter(self, name: str, spacing_um: float, radius_um: float) -> tuple[Sites, tuple[Map, Map]]:
        settings = self.settings
        rng = np.random.default_rng([settings.seed, STREAM[name]])
        radius = settings.voxels(radius_um)
        sites = Sites.scatter(self.shape, settings.voxels(spacing_um), radius, rng)
        rows, columns = (WARP_SHARE * radius * smooth_noise(self.shape, radius, rng) for _ in range(2))
        return sites, (rows, columns)

    def _roi(self, values: Map) -> Map:
        # Nodes are voxel centres, so the mean of the nodes is the midpoint rule over the ROI's area.
        first = [RIM + start for start in self.settings.roi_start[1:]]
        rows, columns = (slice(low, low + size) for low, size in zip(first, self.settings.roi_size[1:], strict=True))
        return values[rows, columns]

    def _mean(self, values: Map) -> float:
        return float(self._roi(values).mean())

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
