"""Voids in the electrolyte beside pits of the electrode."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from objects.solids import ball
from tomocell.analyses.electrolyte_voids import Result, Settings, measure
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.volumes.volume import ArrayVolume, Classes, VoxelClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = ("electrolyte", "pit", "electrode", "dendrite")
CLASSES = Classes(tuple(VoxelClass(name, value) for value, name in enumerate(NAMES)))
SIZE = (0.5, 0.5, 0.5)
SHAPE = (40, 44, 48)


def cell() -> NDArray[np.uint8]:
    """An electrode with a pit, two balls in the electrolyte, one that the edge cuts, and a speck."""
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[ball(SHAPE, (22, 12, 12), 6)] = 1
    voxels[ball(SHAPE, (28, 30, 30), 8)] = 1
    voxels[ball(SHAPE, (20, 12, 47), 5)] = 1
    voxels[:8] = 2
    voxels[6:9, 20:24, 4:9] = 1  # a pit
    voxels[38, 2, 2] = 1
    return voxels


def measured(voxels: NDArray[np.uint8], **chosen: Any) -> Result:
    settings = {"of": ["pit"], "electrolyte": "electrolyte", **chosen}
    return measure(ArrayVolume(voxels, SIZE, CLASSES), Settings.model_validate(settings), Limits())


def test_voids_are_what_touches_no_electrode() -> None:
    found = measured(cell(), least_voxels=2).scalars
    voids = int((cell() == 1).sum()) - 60 - 1
    assert (found["count"], found["touching"], found["removed_small"], found["at_edge"]) == (3, 1, 1, 1)
    assert found["volume_um3"] == pytest.approx(voids * 0.125)
    electrolyte = int((cell() == 0).sum())
    assert found["electrolyte_um3"] == pytest.approx(electrolyte * 0.125)
    assert found["void_percent"] == pytest.approx(100 * voids / (voids + electrolyte))
    assert found["mean_equivalent_diameter_um"] == pytest.approx(7, rel=0.01)  # of radii 6 and 8 voxels of half a um


def test_a_void_of_known_volume_is_within_its_uncertainty() -> None:
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[ball(SHAPE, (20, 22, 24), 9)] = 1
    found = measured(voxels).scalars
    true_um3 = 4 / 3 * math.pi * 4.5**3
    assert abs(found["volume_um3"] - true_um3) < found["volume_uncertainty_um3"]  # type: ignore[operator]
    field_um3 = math.prod(SHAPE) * 0.125
    assert found["void_uncertainty_percent"] == pytest.approx(100 * found["volume_uncertainty_um3"] / field_um3)  # type: ignore[operator]


def test_what_a_void_may_touch_is_a_setting() -> None:
    voxels = cell()
    voxels[29:32, 12, 12] = 3  # a dendrite that reaches the first ball, which ends with plane 28
    assert measured(voxels, least_voxels=2).scalars["count"] == 2
    assert measured(voxels, least_voxels=2, electrodes=["electrode"]).scalars["count"] == 3


def test_no_voids_are_none_and_no_electrolyte_has_no_share() -> None:
    found = measured(np.zeros(SHAPE, np.uint8)).scalars
    assert (found["count"], found["void_percent"], found["mean_equivalent_diameter_um"]) == (0, 0, None)
    assert measured(np.full(SHAPE, 2, np.uint8)).scalars["void_percent"] is None


def test_a_misspelt_electrode_is_told() -> None:
    with pytest.raises(BadInput, match="one of: electrolyte, pit, electrode, dendrite"):
        measured(cell(), electrodes=["electrod"])
