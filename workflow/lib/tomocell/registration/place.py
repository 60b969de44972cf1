"""A scan placed in the frame of the reference: its motion, what it deforms by, and the region that is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.registration.deformation import Deformation, deformation_of
from tomocell.registration.resample import Frame, Resampled, resample_region, roi_region

if TYPE_CHECKING:
    from tomocell.registration.record import Registration
    from tomocell.registration.settings import RegisterSettings
    from tomocell.volumes.volume import Region, Shape, Volume


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


def place(found: Registration, fixed: Volume, settings: RegisterSettings) -> Placed:
    """Return where a scan lies, corrected for deformation if the settings ask for it.

    Raises:
        BadInput: If the region of interest lies outside the reference.
    """
    level = np.array(found.level_matrix)
    deformation = deformation_of(found.residuals(), found.correction, fixed.shape, fixed.size, level)
    frame = Frame(fixed.size, settings.interpolation, settings.fill_value)
    return Placed(found, deformation, roi_region(settings, fixed.shape), frame)
