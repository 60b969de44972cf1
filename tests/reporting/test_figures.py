from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reporting import fake, fake_series
from tomocell.reporting import whole_series
from tomocell.reporting.budgets import SERIES_MAP_BYTES
from tomocell.reporting.content import Details, Row, Table, Viewer
from tomocell.reporting.figures import colocalisation_lag, dendrite_history, electrode_gap, travelling_map
from tomocell.reporting.heat import Span
from tomocell.reporting.page import build_report, build_sections
from tomocell.reporting.parts import MEASUREMENTS, PARTS, group
from tomocell.reporting.sections.analyses import title_and_lead
from tomocell.reporting.sources import Source
from tomocell.volumes.maps import Map

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.reporting.content import Section

STEPS = 5


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder = tmp_path_factory.mktemp("whole")
    project = fake_series.make_project(folder, STEPS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tomocell.volumes.maps._picture", lambda *_: b"")  # the page draws its maps itself
        fake_series.fill(project, folder)
    return Source(project, fake.SERIES, folder)


@pytest.fixture(scope="module")
def sections(source: Source) -> dict[str, Section]:
    return {section.id: section for section in build_sections(source)}


def blocks(section: Section, kind: type) -> list[Any]:
    return [block for block in section.blocks if isinstance(block, kind)]


def test_every_analysis_of_a_lithium_series_has_its_chapter(sections: dict[str, Section]) -> None:
    wanted = {f"analysis-{name}" for name in (*fake_series.OF_TIMESTEPS, *fake_series.OF_SERIES)}
    assert wanted <= set(sections)
    named = {name for names in PARTS.values() for name in names}
    assert wanted <= named


def test_edges_of_three_timesteps_lie_over_each_other(source: Source) -> None:
    (row,) = electrode_gap.draw(source)
    assert isinstance(row, Row)
    assert [chart.title for chart in row.charts] == [f"Edges of the electrodes along {axis}" for axis in "yx"]
    for chart in row.charts:
        assert [key.name for key in chart.legend] == ["Pristine, t00", "Half cycle, t02", "Full cycle, t04"]
        assert str(chart.drawing).count('class="curve') == 3 * len(fake_series.EDGES)


def test_loss_is_blue_gain_is_red_and_both_are_dark() -> None:
    loss, gain = (Map(np.array([values], np.float32), (1.0, 1.0), "um") for values in ((0, 8, 0, 8), (0, 0, 8, 8)))
    none, lost, won, both = travelling_map.blend(loss, gain, Span(0.0, 8.0, 8.0))[0].tolist()
    assert none == [255, 255, 255]
    assert lost == list(travelling_map.BLUE)
    assert won == list(travelling_map.RED)
    assert sum(both) < min(sum(lost), sum(won))


def test_travelling_lithium_is_shown_along_and_across(source: Source) -> None:
    (viewer,) = travelling_map.draw(source)
    assert isinstance(viewer, Viewer)
    assert len(viewer.views) == 2
    frame = viewer.views[0].panes[0].frames[0]
    assert frame is not None
    assert frame.size == (fake.SHAPE[2], fake.SHAPE[0])
    assert str(viewer.views[0].panes[0].bar).count("Colour scale") == 2


def test_the_tree_is_followed_by_its_rows(source: Source) -> None:
    row, table = dendrite_history.draw(source)
    assert isinstance(row, Row)
    assert row.charts[0].title == "All 6 tracks"
    assert isinstance(table, Details)
    assert dendrite_history._parents("t00:1;t01:12") == (("t00", "1"), ("t01", "12"))
    assert dendrite_history._parents(None) == ()


def test_the_lag_has_a_line_for_each_pair(source: Source) -> None:
    (row,) = colocalisation_lag.draw(source)
    assert isinstance(row, Row)
    assert [key.name for key in row.charts[0].legend] == ["pit deposited", "pit dendrite"]


def test_figures_of_nothing_are_nothing(tmp_path: Path) -> None:
    bare = Source(fake_series.make_project(tmp_path, 3), fake.SERIES, tmp_path)
    assert all(
        figure.draw(bare) == () for figure in (colocalisation_lag, dendrite_history, electrode_gap, travelling_map)
    )


def test_maps_of_single_timesteps_share_a_slider_and_others_stand_alone(sections: dict[str, Section]) -> None:
    (pits,) = blocks(sections["analysis-unfilled_pits"], Viewer)
    assert len(pits.steps) == 3  # from the half cycle on
    assert pits.steps[0].startswith("t02")
    assert all(pits.views[0].panes[0].frames)
    (voids,) = blocks(sections["analysis-voids"], Viewer)
    assert voids.steps == ("",)
    assert voids.views[0].panes[0].title == "Void depth (µm)"
    (density,) = blocks(sections["analysis-current_density"], Viewer)
    assert len(density.steps) == STEPS - 1
    assert "mA/cm²" in str(density.views[0].panes[0].bar)


def test_maps_of_both_kinds_share_the_budget_of_a_chapter(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = source.maps_of_series("unfilled_pits") | source.maps_of_series("voids")
    views, asked = whole_series.map_views, []

    def spy(found: Any, steps: Any, budget_bytes: int, names: Any) -> Any:
        asked.append(budget_bytes)
        return views(found, steps, budget_bytes, names)

    monkeypatch.setattr(Source, "maps_of_series", lambda *_: paths)
    monkeypatch.setattr(whole_series, "map_views", spy)
    assert len(whole_series.maps(source, "voids")) == len(asked) == 2
    assert sum(asked) == SERIES_MAP_BYTES


def test_scalars_and_short_tables_are_shown(sections: dict[str, Section]) -> None:
    (voids,) = blocks(sections["analysis-voids"], Table)
    assert ["Void area", "(53.9 ± 2.1)\u00a0%"] in [[cell.text for cell in row] for row in voids.rows]
    (rates,) = blocks(sections["analysis-rates"], Table)
    assert rates.rows[0][-1].text == "0.930 ± 0.020"


@pytest.mark.parametrize(
    ("name", "step"),
    [("unfilled_pits_t1_um", "t1"), ("t10_um", "t10"), ("pits_t100_um", None), ("a_t1_b_t10_um", "t10"), ("t1", "t1")],
)
def test_a_map_names_its_timestep_by_whole_words(name: str, step: str | None) -> None:
    assert whole_series.step_of(name, ("t1", "t10")) == step


def test_chapters_come_in_parts_and_unknown_ones_among_the_measurements(sections: dict[str, Section]) -> None:
    parts = group(list(reversed(sections.values())))
    order = [section.id for part in parts for section in part.sections]
    assert sorted(order) == sorted(sections)
    assert order.index("analysis-rates") < order.index("analysis-voids") < order.index("appendix")
    unknown = sections["analysis-rates"].__class__("analysis-new", "New", ())
    assert [part.name for part in group([unknown])] == [MEASUREMENTS]


def test_titles_are_taken_from_what_an_analysis_says_of_itself() -> None:
    assert title_and_lead("Faraday", "Faraday comparison: what the charge moved.") == (
        "Faraday comparison", "What the charge moved.",
    )  # fmt: skip
    assert title_and_lead("Class volumes", "Volume of each class.") == ("Class volumes", "Volume of each class.")


def test_the_page_of_a_whole_series_needs_nothing_else(source: Source) -> None:
    page = build_report(source.project, fake.SERIES, source.results)
    assert page.count("<script") == 1
    assert "NaN" not in page
    assert build_report(source.project, fake.SERIES, source.results) == page
