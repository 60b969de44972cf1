"""The cell as volumes that are read a region at a time: the scan, the true labels and phases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tomocell.phantoms.cell import kernels
from tomocell.phantoms.cell.parameters import Cell, Look, Placement
from tomocell.phantoms.cell.surfaces import RIM
from tomocell.volumes.volume import Classes, Region, Volume, VoxelClass, VoxelSize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.phantoms.cell.chronology import Timestep
    from tomocell.phantoms.cell.motion import Motion
    from tomocell.phantoms.cell.settings import CellSettings
    from tomocell.phantoms.cell.surfaces import Surfaces

LABELS = Classes(
    (
        VoxelClass("background", 0, "#f2efe6"),
        VoxelClass("dendrite", 1, "#2ca02c"),
        VoxelClass("pit", 2, "#ff7f0e"),
        VoxelClass("film", 3, "#d62728"),
        VoxelClass("electrode", 4, "#7f7f7f"),
    )
)
PHASES = Classes(
    (
        *LABELS.members[:3],
        VoxelClass("deposited", 3, "#d62728"),
        VoxelClass("redeposited", 4, "#9467bd"),
        VoxelClass("stripping_electrode", 5, "#7f7f7f"),
        VoxelClass("plating_electrode", 6, "#5b5b5b"),
    )
)
LABEL_OF_PHASE = np.array([0, 1, 2, 3, 3, 4, 4], dtype=np.uint8)
STREAM = 4


def sampled_cell(settings: CellSettings, surfaces: Surfaces) -> Cell:
    """Return the sample of one timestep as the kernels take it."""
    smallest, largest = settings.inclusion_radius_um
    below = settings.casing_um + settings.stripping_electrode_um + settings.inclusion_gap_um
    bottom = settings.roi_start[0] - 0.5 + settings.voxels(below)
    return Cell(
        maps=surfaces.stacked(),
        outer=surfaces.paired("outer"),
        dead=surfaces.paired("dead"),
        dead_reach=_reach_of(surfaces),
        dead_gap=settings.voxels(settings.dead_gap_um),
        rim=RIM,
        highest=float(surfaces.dendrite.max()),
        edge=settings.edge_voxels,
        seed=_seed(settings.seed, 0),
        inclusion_bottom=bottom,
        inclusion_cell=settings.voxels(settings.inclusion_spacing_um),
        inclusion_layers=settings.inclusion_layers,
        inclusion_share=settings.inclusion_share,
        inclusion_least=settings.voxels(smallest),
        inclusion_most=settings.voxels(largest),
    )


class ScanVolume(Volume):
    """The raw scan of one timestep: the displaced sample with noise and rings, uint16, shape (Z, Y, X)."""

    def __init__(self, settings: CellSettings, step: Timestep, surfaces: Surfaces, motion: Motion) -> None:
        self.name = step.name
        self.shape = settings.shape
        self.dtype = np.dtype(np.uint16)
        self.voxel_size_um = _voxel_size(settings)
        self._cell = sampled_cell(settings, surfaces)
        arrays = (motion.inverse_voxels(), motion.warp, motion.middle, motion.half)
        # One memory layout for all motions: numba compiles anew for each.
        self._placement = Placement(*(np.ascontiguousarray(array) for array in arrays))
        self._look = _look(settings, step)

    def read(self, region: Region) -> NDArray[np.uint16]:
        """Return the grey values of ``region``."""
        out = np.empty(_size(region), dtype=np.uint16)
        kernels.fill_grey(out, _first(region), self._cell, self._placement, self._look)
        return out


class PhaseVolume(Volume):
    """The true phases in the ROI of the reference frame, uint8: the phase with the largest share of each voxel."""

    def __init__(self, settings: CellSettings, step: Timestep, surfaces: Surfaces) -> None:
        self.name = step.name
        self.shape = settings.roi_size
        self.dtype = np.dtype(np.uint8)
        self.voxel_size_um = _voxel_size(settings)
        self.classes = PHASES
        self._start = settings.roi_start
        self._cell = sampled_cell(settings, surfaces)

    def read(self, region: Region) -> NDArray[np.uint8]:
        """Return the phases of ``region``."""
        out = np.empty(_size(region), dtype=np.uint8)
        kernels.fill_phases(out, _shifted(_first(region), self._start), self._cell)
        return out

    def shares(self) -> NDArray[np.float64]:
        """Return the voxels of each phase in each plane of the ROI, shape (Z, 7); partial voxels count in part."""
        totals = np.zeros((self.shape[0], kernels.PHASES))
        kernels.sum_shares(totals, self._start, self.shape, self._cell)
        return totals

    def dead(self) -> tuple[float, int]:
        """Return the voxels of dendrites without contact in the ROI: partial ones in part, and as they are counted."""
        totals = np.zeros(2)
        if self._cell.dead.size == 0:
            return 0.0, 0
        kernels.sum_dead(totals, self._start, self.shape, self._cell)
        return float(totals[0]), int(totals[1])


class LabelVolume(Volume):
    """The same truth in the values of a network's labels: film and electrode are not yet told apart by side."""

    def __init__(self, phases: PhaseVolume) -> None:
        self.name = phases.name
        self.shape = phases.shape
        self.dtype = phases.dtype
        self.voxel_size_um = phases.voxel_size_um
        self.classes = LABELS
        self._phases = phases

    def read(self, region: Region) -> NDArray[np.uint8]:
        """Return the labels of ``region``."""
        return LABEL_OF_PHASE[self._phases.read(region)]


def _reach_of(surfaces: Surfaces) -> tuple[float, float]:
    """Return the lowest and the highest plane that dead dendrites reach."""
    if not surfaces.dead:
        return (0.0, 0.0)
    height, foot = surfaces.dead
    inside = height > 0
    return (float((foot - height)[inside].min()), float(foot[inside].max()))


def _look(settings: CellSettings, step: Timestep) -> Look:
    film, electrode = settings.grey_film, settings.grey_electrode
    grey = [settings.grey_electrolyte, settings.grey_dendrite, settings.grey_pit, film, film, electrode, electrode]
    _, height, width = settings.shape
    return Look(
        grey=np.array(grey),
        casing=settings.grey_casing,
        inclusion=settings.grey_inclusion,
        interphase=settings.interphase_grey,
        interphase_width=settings.voxels(settings.interphase_um),
        texture=settings.texture_grey,
        texture_length=settings.voxels(settings.texture_um),
        mottle=settings.mottle_grey,
        mottle_length=settings.voxels(settings.mottle_um),
        noise=settings.noise_grey,
        ring=settings.ring_grey,
        ring_y=0.47 * height,  # rotation axes are never quite in the middle
        ring_x=0.54 * width,
        seed=_seed(settings.seed, 1 + step.index),
    )


def _seed(seed: int, stream: int) -> np.uint64:
    return np.uint64(np.random.SeedSequence([seed, STREAM, stream]).generate_state(1, np.uint64)[0])


def _voxel_size(settings: CellSettings) -> VoxelSize:
    return (settings.voxel_size_um, settings.voxel_size_um, settings.voxel_size_um)


def _first(region: Region) -> tuple[int, int, int]:
    return (region[0].start, region[1].start, region[2].start)


def _size(region: Region) -> tuple[int, int, int]:
    z, y, x = (part.stop - part.start for part in region)
    return (z, y, x)


def _shifted(first: tuple[int, int, int], start: tuple[int, int, int]) -> tuple[int, int, int]:
    return (first[0] + start[0], first[1] + start[1], first[2] + start[2])
