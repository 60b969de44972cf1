from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from objects.solids import ball, volume
from tomocell.analyses._objects import standard_errors
from tomocell.analyses.objects import Settings, measure
from tomocell.blocks import Limits
from tomocell.blocks.plan import INTERPRETER_MB
from tomocell.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMITS = Limits()
SIZE = (0.5, 0.5, 0.5)
SHAPE = (40, 44, 48)


def balls() -> NDArray[np.bool_]:
    """Three whole balls, one that the edge cuts, and two specks."""
    mask = ball(SHAPE, (12, 12, 12), 6) | ball(SHAPE, (28, 12, 30), 8) | ball(SHAPE, (20, 32, 12), 7)
    mask |= ball(SHAPE, (20, 30, 47), 9)
    mask[2, 2, 2] = mask[35, 40, 2] = mask[35, 41, 3] = True
    return mask


def scalars(mask: NDArray[np.bool_], **chosen: object) -> dict[str, float]:
    return measure(volume(mask, SIZE), Settings.model_validate({"of": "bubble", **chosen}), LIMITS).scalars  # type: ignore[return-value]


def test_balls_of_known_size() -> None:
    found = scalars(balls(), least_voxels=3)
    field = math.prod(SHAPE) * 0.125
    assert (found["count"], found["removed_small"], found["at_edge"]) == (4, 2, 1)
    assert found["removed_small_volume_um3"] == pytest.approx(3 * 0.125)
    assert found["volume_um3"] == pytest.approx((balls().sum() - 3) * 0.125)
    assert found["volume_fraction_percent"] == pytest.approx(100 * found["volume_um3"] / field)
    assert found["number_density_per_mm3"] == pytest.approx(4 / field * 1e9)
    assert found["mean_equivalent_diameter_um"] == pytest.approx(7, rel=0.01)
    assert found["median_equivalent_diameter_um"] == pytest.approx(7, rel=0.01)
    weighted = (6**4 + 7**4 + 8**4) / (6**3 + 7**3 + 8**3)
    assert found["volume_weighted_mean_equivalent_diameter_um"] == pytest.approx(weighted, rel=0.01)
    assert found["mean_sphericity"] == pytest.approx(1, abs=0.02)


def test_the_volume_is_known_as_well_as_its_interfaces() -> None:
    mask = np.zeros((9, 10, 11), bool)
    mask[2:6, 3:5, 0:7] = True  # 4 x 2 x 7 voxels, one face of 8 on the volume's edge, which is no interface
    mask[8, 9, 10] = True
    faces = np.array([2 * 14, 2 * 28, 8])
    found = scalars(mask, least_voxels=2)
    assert found["volume_uncertainty_um3"] == pytest.approx(math.sqrt((faces**2).sum() / 12) * 0.125)


def test_the_edge_leaves_statistics_not_the_table() -> None:
    without, within = (scalars(balls(), least_voxels=3, exclude_edge=edge) for edge in (True, False))
    assert without["count"] == within["count"]
    assert without["mean_sphericity"] > within["mean_sphericity"] + 0.01
    result = measure(volume(balls(), SIZE), Settings(of="bubble", least_voxels=3), LIMITS)
    assert result.table is not None
    assert result.table["at_edge"].sum() == 1
    assert result.table.index.tolist() == [0, 1, 2, 3]


def test_connectivity_is_a_setting() -> None:
    assert [scalars(balls(), connectivity=c)["count"] for c in (6, 18, 26)] == [7, 6, 6]


def test_standard_errors_are_those_of_theory() -> None:
    count = 2000
    diameters = np.random.default_rng(2).lognormal(1, 0.3, count)
    volumes = diameters**3
    mean, median, weighted = standard_errors(diameters, volumes, 0)
    assert mean == pytest.approx(diameters.std() / math.sqrt(count), rel=0.1)
    # The median's variance is 1 / (4 n f**2), with the density f at the median of the distribution drawn from.
    density = 1 / (math.e * 0.3 * math.sqrt(2 * math.pi))
    assert median == pytest.approx(1 / (2 * density * math.sqrt(count)), rel=0.25)
    centre = np.average(diameters, weights=volumes)
    assert weighted == pytest.approx(math.sqrt(((volumes * (diameters - centre)) ** 2).sum()) / volumes.sum(), rel=0.1)


def test_the_same_seed_gives_the_same_errors() -> None:
    one, same, other = (scalars(balls(), seed=seed)["mean_equivalent_diameter_uncertainty_um"] for seed in (1, 1, 2))
    assert one == same != other


def test_memory_and_workers_change_nothing() -> None:
    mask = np.tile(balls(), (2, 4, 4))
    results = [
        measure(volume(mask, SIZE), Settings(of="bubble", least_voxels=5), limits)
        for limits in (Limits(4096), Limits(INTERPRETER_MB + 2), Limits(INTERPRETER_MB + 10, 2))
    ]
    for result in results[1:]:
        assert result.scalars == results[0].scalars
        pd.testing.assert_frame_equal(result.table, results[0].table, check_exact=True)


def test_an_empty_class_has_counts_and_no_sizes() -> None:
    found = scalars(np.zeros((4, 4, 4), bool))
    assert (found["count"], found["volume_um3"], found["number_density_per_mm3"]) == (0, 0, 0)
    assert found["mean_equivalent_diameter_um"] is None
    assert found["mean_sphericity"] is None


def test_one_object_has_a_size_and_no_error() -> None:
    found = scalars(ball((20, 20, 20), (9, 9, 9), 5))
    assert found["mean_equivalent_diameter_um"] == pytest.approx(5, rel=0.01)
    assert found["mean_equivalent_diameter_uncertainty_um"] is None


def test_an_unknown_class_is_told() -> None:
    with pytest.raises(BadInput, match="one of: liquid, bubble, wall"):
        measure(volume(balls(), SIZE), Settings(of="void"), LIMITS)


@pytest.mark.parametrize("wrong", [{"connectivity": 8}, {"least_voxels": 0}, {"least_voxel": 3}])
def test_settings_refuse_what_they_do_not_know(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"of": "bubble", **wrong})
