"""Dead lithium: pieces that hang together with an electrode, that do by a corner only, that do not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from support.stores import SIZE
from tomocell.analyses.dead_lithium import Result, Settings, measure
from tomocell.blocks import Limits
from tomocell.volumes.volume import ArrayVolume, Classes, VoxelClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = ("electrolyte", "dendrite", "film", "electrode")
CLASSES = Classes(tuple(VoxelClass(name, value) for value, name in enumerate(NAMES)))
VOXEL_UM3 = math.prod(SIZE)
SHAPE = (20, 16, 30)


def cell() -> NDArray[np.uint8]:
    """An electrode, film on it, a rooted dendrite, one that hangs by a corner, and one adrift with film on it."""
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[:4] = 3
    voxels[4:6] = 2
    voxels[6:12, 2:4, 2:5] = 1  # 36 voxels, rooted
    voxels[6, 8, 8] = 1
    voxels[7:9, 9:11, 9:11] = 1  # 8 voxels, by a corner
    voxels[14:17, 3:5, 20:25] = 1  # 30 voxels, adrift
    voxels[17, 3, 20:22] = 2  # 2 of film with them
    return voxels


def measured(voxels: NDArray[np.uint8], **chosen: Any) -> Result:
    settings = Settings.model_validate({"of": ["dendrite", "film"], "anchors": ["electrode"], **chosen})
    return measure(ArrayVolume(voxels, SIZE, CLASSES), settings, Limits())


def test_what_hangs_together_with_nothing_is_dead() -> None:
    result = measured(cell())
    found = result.scalars
    lithium = int(np.isin(cell(), (1, 2)).sum())
    assert found["count"] == 2
    assert found["dead_um3"] == pytest.approx((8 + 30 + 2) * VOXEL_UM3)
    assert found["dead_26_um3"] == pytest.approx(32 * VOXEL_UM3)
    assert found["dead_dendrite_um3"] == pytest.approx(38 * VOXEL_UM3)
    assert found["dead_film_um3"] == pytest.approx(2 * VOXEL_UM3)
    assert found["alive_um3"] == pytest.approx((lithium - 40) * VOXEL_UM3)
    assert found["dead_percent"] == pytest.approx(100 * 40 / lithium)
    assert result.table is not None
    assert result.table["volume_voxels"].tolist() == [8, 32]
    np.testing.assert_allclose(result.table["volume_film_um3"], [0, 2 * VOXEL_UM3])


def test_the_uncertainty_is_that_of_corners_and_of_faces() -> None:
    # 2 x 2 x 2, and 3 x 2 x 5 with a bar of 2 on it: faces by their normals z, y, x.
    faces = np.array([8 + 20, 8 + 30 + 4, 8 + 12 + 2])
    band = 8 * VOXEL_UM3 / math.sqrt(3)
    expected = math.hypot(band, VOXEL_UM3 * math.sqrt((faces**2).sum() / 12))
    assert measured(cell()).scalars["dead_uncertainty_um3"] == pytest.approx(expected)


def test_a_few_voxels_of_electrode_in_a_dendrite_are_no_electrode() -> None:
    voxels = cell()
    voxels[15, 3, 22] = 3
    assert measured(voxels).scalars["dead_dendrite_um3"] == pytest.approx(37 * VOXEL_UM3)
    assert measured(voxels, least_anchor_percent=0).scalars["dead_dendrite_um3"] == pytest.approx(8 * VOXEL_UM3)


def test_any_electrode_will_do() -> None:
    voxels = cell()
    voxels[18:] = 3  # what was adrift stands on the other electrode by its film
    assert measured(voxels).scalars["count"] == 1


def test_without_an_electrode_all_is_dead_and_without_lithium_nothing(caplog: pytest.LogCaptureFixture) -> None:
    voxels = cell()
    voxels[voxels == 3] = 0
    found = measured(voxels).scalars
    assert (found["alive_um3"], found["dead_percent"]) == (0, 100)
    assert "no voxel of electrode in view" in caplog.text
    caplog.clear()
    found = measured(np.where(cell() == 3, 3, 0).astype(np.uint8)).scalars
    assert (found["dead_um3"], found["count"], found["dead_percent"], found["dead_uncertainty_um3"]) == (0, 0, None, 0)
    assert not caplog.text


def test_lithium_is_no_anchor_of_its_own() -> None:
    with pytest.raises(ValidationError, match="film in 'of' and 'anchors'"):
        Settings(of=("film",), anchors=("electrode", "film"))
