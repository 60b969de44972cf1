"""Electrode gap: flat, tilted, pitted, cut and missing electrodes, in voxels that are no cubes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from support.stores import CLASSES, SIZE
from tomocell.analyses.electrode_gap import Result, Settings, measure
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (30, 8, 12)
EDGE = SIZE[0]
VOXEL = EDGE / math.sqrt(12)


def cell(low: Any = (3, 9), high: Any = (20, 24)) -> NDArray[np.uint8]:
    """Two electrodes: solid between the planes ``low``, grain between ``high``; numbers, or maps of them."""
    z = np.arange(SHAPE[0])[:, None, None]
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[(z >= low[0]) & (z < low[1]) & np.ones(SHAPE, bool)] = 1
    voxels[(z >= high[0]) & (z < high[1]) & np.ones(SHAPE, bool)] = 7
    return voxels


def measured(voxels: NDArray[np.uint8], **chosen: Any) -> Result:
    settings = Settings.model_validate({"stripping": ["solid"], "plating": ["grain"], **chosen})
    return measure(ArrayVolume(voxels, SIZE, CLASSES), settings, Limits())


def test_flat_electrodes() -> None:
    found = measured(cell()).scalars
    for key, plane in (("stripping_outer", 3), ("stripping_inner", 9), ("plating_inner", 20), ("plating_outer", 24)):
        assert found[f"{key}_um"] == plane * EDGE
        assert found[f"{key}_uncertainty_um"] == pytest.approx(VOXEL)
    assert (found["gap_um"], found["gap_median_um"], found["gap_sd_um"]) == (11 * EDGE, 11 * EDGE, 0)
    assert found["gap_uncertainty_um"] == pytest.approx(VOXEL * math.sqrt(2))
    assert found["stripping_in_view"] is True
    assert found["plating_missing_percent"] == 0


def test_which_electrode_comes_first_is_found() -> None:
    one, other = measured(cell()), measured(cell()[::-1])
    top = SHAPE[0] * EDGE
    for key in ("stripping_outer_um", "stripping_inner_um", "plating_inner_um", "plating_outer_um"):
        assert other.scalars[key] == top - one.scalars[key]  # type: ignore[operator]
    assert other.scalars["gap_um"] == one.scalars["gap_um"]


def test_a_tilted_electrode_widens_the_gap_column_by_column() -> None:
    tilt = np.arange(SHAPE[2])[None, None, :]  # a plane a column
    result = measured(cell(high=(15 + tilt, 18 + tilt)))
    gaps = (6 + np.arange(SHAPE[2])) * EDGE
    np.testing.assert_allclose(result.maps["gap_um"].values, np.tile(gaps, (SHAPE[1], 1)))
    assert result.scalars["gap_um"] == pytest.approx(gaps.mean())
    assert result.scalars["gap_sd_um"] == pytest.approx(gaps.std())
    # 4 x 4 patches, alike along y, of three columns along x.
    error = np.std(np.tile(gaps.reshape(4, 3).mean(1), 4), ddof=1) / 4
    assert result.scalars["gap_uncertainty_um"] == pytest.approx(math.hypot(VOXEL * math.sqrt(2), error))
    table = result.table
    assert table is not None
    along_x, along_y = (table[table["axis"] == axis] for axis in "xy")
    np.testing.assert_allclose(along_x["position_um"], np.arange(SHAPE[2]) * SIZE[2])
    np.testing.assert_allclose(along_x["plating_inner_um"] - along_x["stripping_inner_um"], gaps)
    np.testing.assert_allclose(along_y["plating_inner_um"], (15 + 5.5) * EDGE)
    assert len(along_y) == SHAPE[1]


def test_an_electrode_that_leaves_the_volume_has_no_outer_edge(caplog: pytest.LogCaptureFixture) -> None:
    found = measured(cell(low=(0, 9))).scalars
    assert (found["stripping_outer_um"], found["stripping_outer_uncertainty_um"]) == (None, None)
    assert found["stripping_in_view"] is False
    assert found["stripping_inner_um"] == 9 * EDGE
    assert found["plating_in_view"] is True
    assert "stripping electrode: 100 % of it reach the volume's face" in caplog.text


def test_how_much_may_reach_the_face_is_a_setting() -> None:
    reach = np.full(SHAPE[1:], 3)
    reach[0, :2] = 0  # 2 of 96 columns
    voxels = cell(low=(reach[None], 9))
    assert measured(voxels).scalars["stripping_in_view"] is False
    assert measured(voxels, most_cut_percent=2.5).scalars["stripping_in_view"] is True


def test_columns_without_an_electrode_are_told_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    voxels = cell()
    voxels[:9, :, 6:] = 0  # the stripping electrode covers half the face
    result = measured(voxels)
    assert result.scalars["stripping_missing_percent"] == 50
    assert result.scalars["gap_um"] == 11 * EDGE
    assert np.isnan(result.maps["gap_um"].values[:, 6:]).all()
    assert result.table is not None
    assert result.table["stripping_inner_um"].isna().sum() == 6
    assert "50 % of the columns have none" in caplog.text


def test_electrodes_that_share_no_column_have_no_gap() -> None:
    voxels = cell()
    voxels[:9, :, 6:] = voxels[20:, :, :6] = 0
    found = measured(voxels).scalars
    assert (found["gap_um"], found["gap_uncertainty_um"]) == (None, None)
    assert found["plating_inner_um"] == 20 * EDGE


def test_an_electrode_that_is_not_there_is_told() -> None:
    with pytest.raises(BadInput, match=r"plating: found 'no voxel of grain'; expected an electrode in view"):
        measured(cell(high=(30, 30)))


def test_an_electrode_is_not_both() -> None:
    with pytest.raises(ValidationError, match="solid in 'stripping' and 'plating'"):
        Settings(stripping=("solid",), plating=("grain", "solid"))
