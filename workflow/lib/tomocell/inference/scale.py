"""A volume's voxels and grey values against those that a model was trained on."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import numpy as np

from tomocell.blocks import Limits, Need, reduce_volume
from tomocell.errors import BadInput, Fault
from tomocell.models.saved import Normalisation

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from tomocell.blocks import Block
    from tomocell.models.saved import ModelCard
    from tomocell.volumes.volume import Volume

log = logging.getLogger(__name__)
SAME_SIZE = 1.25  # networks bear as much without being told
MOST_SCALE = 4.0  # beyond, linear interpolation leaves out most voxels, or makes up most of them
ALIKE = (1.0, 1.0, 1.0)


def voxel_ratios(grey: Volume, card: ModelCard) -> tuple[float, float, float]:
    """Return the model's voxel edges over the volume's, (Z, Y, X); all 1 where they are alike within a quarter.

    Raises:
        BadInput: If one is more than four times the other.
    """
    if card.voxel_size_um is None:
        return ALIKE
    z, y, x = (there / here for here, there in zip(grey.size, card.voxel_size_um, strict=True))
    if all(1 / SAME_SIZE < ratio < SAME_SIZE for ratio in (z, y, x)):
        return ALIKE
    if not all(1 / MOST_SCALE <= ratio <= MOST_SCALE for ratio in (z, y, x)):
        expected = (
            f"{card.voxel_size_um} um, the voxel size that the model was trained at, or up to {MOST_SCALE:g} times off"
        )
        raise BadInput(Fault(grey.name, grey.size, expected, "train at this voxel size, or resample the volume"))
    log.warning(
        "%s has voxels of %s um, the model %s um: tiles are resampled", grey.name, grey.size, card.voxel_size_um
    )
    return (z, y, x)


def own_normalisation(grey: Volume, limits: Limits) -> Normalisation:
    """Return the mean and standard deviation of all voxels of ``grey``.

    Raises:
        BadInput: If all have the same value, or one is no number.
    """

    def sums(voxels: NDArray[Any], _block: Block) -> tuple[float, float]:
        exact = voxels.astype(np.float64)
        return float(exact.sum()), float(np.square(exact).sum())

    parts = [part for _, part in reduce_volume(sums, grey, Need(bytes_per_voxel=20.0), limits)]
    count = math.prod(grey.shape)
    mean = math.fsum(part[0] for part in parts) / count
    variance = math.fsum(part[1] for part in parts) / count - mean**2
    if not variance > 0:  # true of a variance that is no number, too
        expected = "grey values that differ, all of them numbers"
        raise BadInput(Fault(grey.name, f"variance {variance:g}", expected, "see what the volume holds"))
    return Normalisation(mean=mean, sd=math.sqrt(variance))
