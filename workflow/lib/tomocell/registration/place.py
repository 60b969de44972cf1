"""A scan placed in the frame of the reference: its motion, what it deforms by, and the region that is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.blocks.plan import INTERPRETER_MB, MB, too_little
from tomocell.registration.deformation import Deformation, deformation_of
from tomocell.registration.resample import REACH, Frame, Resampled, resample_region, roi_region

if TYPE_CHECKING:
    from tomocell.blocks import Limits
    from tomocell.registration.record import Registration
    from tomocell.registration.settings import RegisterSettings
    from tomocell.volumes.volume import Region, Shape, Volume

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Placed:
    """Where a scan lies.

    Attributes:
        found: Its motion.
        deformation: Added to the motion.
        region: Of interest, in voxels of the reference's frame.
        frame: What a resampled volume is like.
    """

    found: Registration
    deformation: Deformation
    region: Region
    frame: Frame

    @property
    def shape(self) -> Shape:
        """Voxels of the region of interest."""
        z, y, x = (part.stop - part.start for part in self.region)
        return (z, y, x)

    def resample(self, moving: Volume, part: Region) -> Resampled:
        """Return the moving scan on a part of the region of interest, counted from its first voxel."""
        z, y, x = (
            slice(piece.start + whole.start, piece.stop + whole.start)
            for piece, whole in zip(part, self.region, strict=True)
        )
        return resample_region(moving, self.found.matrix, (z, y, x), self.frame, self.deformation)

    def block_shape(self, moving: Volume, limits: Limits, grain: Shape) -> Shape:
        """Return the largest block, in whole grains, whose resampling fits the memory of one worker.

        Blocks grow evenly: a turned slab needs a box that is much thicker than itself.

        Raises:
            BadInput: If not even one grain fits.
        """
        budget = (limits.memory_mb - INTERPRETER_MB) * MB / limits.workers
        core = [min(edge, size) for edge, size in zip(grain, self.shape, strict=True)]
        if self._bytes(core, moving) > budget:
            raise too_little(limits, self._bytes(core, moving))
        while True:
            larger = [self._grown(core, axis, grain) for axis in sorted(range(3), key=lambda axis: core[axis])]
            fitting = [trial for trial in larger if trial != core and self._bytes(trial, moving) <= budget]
            if not fitting:
                return (core[0], core[1], core[2])
            core = fitting[0]

    def _grown(self, core: list[int], axis: int, grain: Shape) -> list[int]:
        trial = [*core]
        trial[axis] = min(core[axis] + grain[axis], self.shape[axis])
        return trial

    def _bytes(self, core: list[int], moving: Volume) -> float:
        """Return the peak of a block: result and box, each in float and in the type of the scan."""
        turn = np.abs(np.array(self.found.matrix)[:3, :3])
        box = turn @ (np.array(core) * self.frame.voxel_size_um) / moving.size + 2 * REACH
        voxels = math.prod(core) + float(np.prod(np.minimum(box, moving.shape)))
        return voxels * (FLOAT_BYTES + 2.0 * moving.dtype.itemsize)


def place(found: Registration, fixed: Volume, settings: RegisterSettings) -> Placed:
    """Return where a scan lies, corrected for deformation if the settings ask for it.

    Raises:
        BadInput: If the region of interest lies outside the reference.
    """
    level = np.array(found.level_matrix)
    deformation = deformation_of(found.residuals(), found.correction, fixed.shape, fixed.size, level)
    frame = Frame(fixed.size, settings.interpolation, settings.fill_value)
    return Placed(found, deformation, roi_region(settings, fixed.shape), frame)
