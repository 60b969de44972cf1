"""Dendrites of known height, root and distance, growing up or down, in voxels that are no cubes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support.stores import SIZE
from tomocell.analyses.dendrites import Result, Settings, measure
from tomocell.blocks import Limits, runner
from tomocell.errors import BadInput
from tomocell.objects import labelling
from tomocell.volumes.volume import ArrayVolume, Classes, VoxelClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = ("electrolyte", "dendrite", "film", "electrode", "other")
CLASSES = Classes(tuple(VoxelClass(name, value) for value, name in enumerate(NAMES)))
SHAPE = (40, 16, 30)
EDGE = SIZE[0]


def cell() -> NDArray[np.uint8]:
    """Film on an electrode below, another electrode from plane 36 on, thicker over some columns; three dendrites."""
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[:4] = 3
    voxels[4:6] = 2
    voxels[36:] = 4
    voxels[31:, 0:4, 0:6] = 4
    voxels[6:16, 2:4, 2:5] = 1  # 10 planes high, 2 x 3 at the root, under the thick part: 15 free planes
    voxels[6:14, 10, 10] = 1
    voxels[14:17, 9:12, 9:12] = 1  # a head on a stalk: 11 planes, 19 free
    voxels[20:23, 5, 25] = 1  # adrift: from plane 6 to 23, 13 free
    return voxels


def measured(voxels: NDArray[np.uint8], **chosen: Any) -> Result:
    settings = {"of": "dendrite", "roots": ["electrode", "film"], "opposite": ["other"], **chosen}
    return measure(ArrayVolume(voxels, SIZE, CLASSES), Settings.model_validate(settings), Limits())


@pytest.mark.parametrize("upside_down", [False, True])
def test_heights_roots_and_distances(upside_down: bool) -> None:  # noqa: FBT001
    voxels = cell()
    result = measured(voxels[::-1] if upside_down else voxels)
    assert result.table is not None
    table = result.table.sort_values("volume_voxels", ignore_index=True)
    assert table["volume_voxels"].tolist() == [3, 35, 60]
    np.testing.assert_allclose(table["tip_height_um"], np.array([17, 11, 10]) * EDGE)
    np.testing.assert_allclose(table["root_area_um2"], np.array([0, 1, 6]) * SIZE[1] * SIZE[2])
    np.testing.assert_allclose(table["distance_to_opposite_um"], np.array([13, 19, 15]) * EDGE)
    assert table["rooted"].tolist() == [False, True, True]
    assert not table["touches_opposite"].any()
    found = result.scalars
    assert (found["count"], found["short_circuit"], found["removed_small"]) == (3, False, 0)
    assert found["tip_height_um"] == 17 * EDGE
    assert found["mean_tip_height_um"] == pytest.approx(38 / 3 * EDGE)
    assert found["least_distance_um"] == 13 * EDGE
    assert found["rooted_percent"] == pytest.approx(200 / 3)
    two_faces = EDGE / math.sqrt(6)
    assert found["tip_height_uncertainty_um"] == pytest.approx(two_faces)
    error = np.std([17, 11, 10], ddof=1) * EDGE / math.sqrt(3)
    assert found["mean_tip_height_uncertainty_um"] == pytest.approx(math.hypot(two_faces, error))


def test_heights_are_measured_from_the_face_below() -> None:
    voxels = cell()
    voxels[6:9, 0:6, 0:8] = 2  # the film is 3 planes thicker where the first one stands
    voxels[9:16, 2:4, 2:5] = 1
    result = measured(voxels)
    assert result.table is not None
    table = result.table.set_index("volume_voxels")
    assert table["tip_height_um"][42] == 7 * EDGE


def test_small_ones_are_left_out() -> None:
    found = measured(cell(), least_voxels=4).scalars
    assert (found["count"], found["removed_small"], found["rooted_percent"]) == (2, 1, 100)
    assert found["least_distance_um"] == 15 * EDGE
    assert found["volume_um3"] == pytest.approx(95 * math.prod(SIZE))


def test_a_short_circuit_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert measured(cell(), warn_distance_um=13 * EDGE).scalars["short_circuit"] is False
    assert measured(cell(), warn_distance_um=13 * EDGE + 0.1).scalars["short_circuit"] is True
    assert "comes within 26.0 um of the other side" in caplog.text
    voxels = cell()
    voxels[23:36, 5, 25] = 1  # up to the other electrode
    result = measured(voxels, warn_distance_um=0)
    assert (result.scalars["short_circuit"], result.scalars["least_distance_um"]) == (True, 0)
    assert result.table is not None
    assert result.table["touches_opposite"].tolist() == [False, False, True]


def test_beyond_the_face_is_no_distance_below_zero() -> None:
    voxels = cell()
    voxels[38, 5, 25] = 1  # inside the other electrode
    assert measured(voxels).scalars["least_distance_um"] == 0


def test_where_the_other_side_is_out_of_view_there_is_no_distance() -> None:
    voxels = cell()
    voxels[voxels == 4] = 0
    result = measured(voxels)
    assert result.table is not None
    assert result.table["distance_to_opposite_um"].isna().all()
    assert (result.scalars["least_distance_um"], result.scalars["short_circuit"]) == (None, False)
    assert result.scalars["tip_height_um"] == 17 * EDGE


def test_without_dendrites_counts_are_zero_and_lengths_null() -> None:
    found = measured(np.where(cell() == 1, 0, cell()).astype(np.uint8)).scalars
    assert (found["count"], found["volume_um3"], found["short_circuit"]) == (0, 0, False)
    for key in ("tip_height_um", "mean_tip_height_um", "least_distance_um", "rooted_percent"):
        assert found[key] is None


def test_without_roots_heights_cannot_be_measured() -> None:
    with pytest.raises(BadInput, match="no voxel of electrode, film"):
        measured(np.where(np.isin(cell(), (2, 3)), 0, cell()).astype(np.uint8))


@pytest.mark.parametrize("core", [(7, 5, 9), (40, 3, 4), (1, 16, 30)])
def test_blocks_change_nothing(core: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measured(cell())
    for chooser in (runner, labelling):
        monkeypatch.setattr(chooser, "choose_core", lambda *_: core)
    part = measured(cell())
    assert part.scalars == whole.scalars
    assert part.table is not None
    assert part.table.equals(whole.table)
