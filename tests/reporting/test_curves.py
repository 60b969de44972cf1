from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reporting import fake
from tomocell.reporting.curves import charts_over_time, color_of, groups, number_keys
from tomocell.reporting.distributions import charts_of_tables
from tomocell.reporting.timeaxis import time_axis


def table(**columns: list[float]) -> pd.DataFrame:
    steps = [f"t{index:02d}" for index in range(len(next(iter(columns.values()))))]
    return pd.DataFrame({"timestep": steps, "time_min": range(len(steps)), "state": "rest", **columns})


def names(frame: pd.DataFrame) -> list[list[str]]:
    return [[quantity.key for quantity in group] for group in groups(frame)]


def test_index_columns_and_uncertainties_are_no_curves() -> None:
    frame = table(film_um=[1.0, 2.0], film_uncertainty_um=[0.1, 0.1], lonely_uncertainty_um=[1.0, 1.0])
    assert number_keys(frame) == ["film_um", "lonely_uncertainty_um"]


def test_one_unit_and_like_sizes_share_a_chart() -> None:
    frame = table(electrode_um3=[1e6, 9e5], film_um3=[5e5, 6e5], pit_um3=[10.0, 20.0], film_um=[1.0, 2.0])
    assert names(frame) == [["electrode_um3", "film_um3"], ["pit_um3"], ["film_um"]]


def test_sums_of_classes_stand_apart_from_classes() -> None:
    frame = table(film_um=[1.0, 2.0], plating_side_um=[3.0, 4.0], pit_um=[1.0, 1.0])
    assert [[q.key for q in group] for group in groups(frame, ("film", "pit"))] == [
        ["film_um", "pit_um"],
        ["plating_side_um"],
    ]


def test_pure_numbers_keep_to_themselves() -> None:
    assert names(table(count=[1, 2], ratio=[0.5, 0.6])) == [["count"], ["ratio"]]


def test_a_complement_and_a_row_of_noughts_add_no_curve() -> None:
    frame = table(film_percent=[10.0, 30.0], film_rest_percent=[90.0, 70.0], pit_percent=[0.0, 0.0])
    assert names(frame) == [["film_percent"]]


def test_shares_left_bare_get_a_chart_of_their_own() -> None:
    frame = table(film_percent=[10.0, 30.0], film_bare_percent=[90.0, 70.0])
    assert names(frame) == [["film_percent"], ["film_bare_percent"]]


def test_correlations_share_a_chart_and_open_marks_tell_their_p_values() -> None:
    frame = table(
        pearson_pit_film=[0.8, 0.01], p_value_pit_film=[0.001, 0.6], pearson_pit_dendrite=[-0.01, -0.02],
        p_value_pit_dendrite=[0.01, 0.02],
    )  # fmt: skip
    assert names(frame) == [["pearson_pit_film", "pearson_pit_dendrite"]]
    (chart,) = charts_over_time("Colocalisation", frame, time_axis(fake.make_samples(2)), {})
    assert str(chart.drawing).count('class="open"') == 1
    assert "not significant" in chart.note


def test_a_class_keeps_its_colour_and_the_longest_name_wins() -> None:
    colors = {"electrode": "#111111", "electrode_plating": "#222222"}
    assert color_of("electrode_plating_um", 0, colors) == "#222222"
    assert color_of("electrode_um", 1, colors) == "#111111"
    assert color_of("electrodes_um", 0, colors) not in colors.values()


def test_charts_carry_class_colours_error_bars_and_bands() -> None:
    axis = time_axis(fake.make_samples(3))
    frame = table(pit_um=[1.0, 2.0, 3.0], pit_uncertainty_um=[0.1, 0.2, 0.3])
    (chart,) = charts_over_time("Thickness", frame, axis, {"pit": "#30638e"})
    assert str(chart.drawing).count("#30638e") == 7  # curve, three marks, three error bars
    assert "Discharge" in str(chart.drawing)
    assert chart.title == "Pit"


def test_without_times_the_timesteps_are_the_axis() -> None:
    samples = [sample.model_copy(update={"time_min": None}) for sample in fake.make_samples(3)]
    axis = time_axis(samples)
    assert axis.positions == {"t00": 0.0, "t01": 1.0, "t02": 2.0}
    assert axis.axes.x_names == ("t00", "t01", "t02")


def test_neighbouring_stretches_of_charge_are_one_band() -> None:
    bands = time_axis(fake.make_samples(5)).axes.bands
    assert [(band.start, band.stop, band.look) for band in bands] == [(0, 20, "charge"), (20, 40, "discharge")]


def test_a_histogram_counts_every_object() -> None:
    sizes = np.random.default_rng(0).normal(10, 1, 100)
    (chart,) = charts_of_tables({"t0": pd.DataFrame({"label": range(100), "equivalent_diameter_um": sizes})})
    assert chart.legend[0].name == "t0 (100 objects)"
    assert chart.title == "Equivalent diameter"


def test_first_middle_and_last_of_many_tables_are_drawn() -> None:
    tables = {f"t{index}": pd.DataFrame({"diameter_um": np.arange(9.0) ** 2 % 7}) for index in range(7)}
    (chart,) = charts_of_tables(tables)
    assert [key.name.split()[0] for key in chart.legend] == ["t0", "t3", "t6"]


def test_positions_are_drawn_as_profiles_one_for_each_axis() -> None:
    parts = [pd.DataFrame({"axis": axis, "position_um": np.arange(9.0), "porosity": 0.5}) for axis in "zyx"]
    charts = charts_of_tables({"t0": pd.concat(parts)})
    assert [chart.title for chart in charts] == ["Porosity, axis z", "Porosity, axis y", "Porosity, axis x"]


def test_a_wide_spread_is_drawn_on_a_logarithmic_axis() -> None:
    (chart,) = charts_of_tables({"t0": pd.DataFrame({"volume_um3": np.geomspace(1, 1e4, 50)[::-1]})})
    for tick in ("1", "10", "100", "1000"):
        assert f">{tick}</text>" in str(chart.drawing)


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame({"diameter_um": [1.0, 2.0]})])
def test_too_few_objects_make_no_chart(frame: pd.DataFrame) -> None:
    assert charts_of_tables({"t0": frame}) == ()
