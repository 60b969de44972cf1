"""What a series analysis is given: records, tables, maps, stores, other tables over time, files beside the sheet."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from tomocell.analyses.result import Map, Result
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.series.cycle import full_cycle, half_cycle
from tomocell.series.timeline import Outcome, Timeline
from tomocell.settings import discovery
from tomocell.settings.base import Frozen
from tomocell.settings.plug_ins import files_read, results_read
from tomocell.settings.samples import Sample
from tomocell.stages.measure import write_result
from tomocell.stages.over_time import Follower, follow
from tomocell.volumes.maps import read_map
from tomocell.volumes.tables import read_json, write_csv

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [Sample(series="cell", timestep=f"t{index}", path="x", time_min=index) for index in range(2)]


def _follow(timeline: Timeline, settings: Frozen, limits: Limits) -> Outcome:
    del settings, limits
    step = timeline.samples[-1].timestep
    rough = timeline.maps[step, "rough_um"]
    scalars = {
        "largest_um": float(rough.values.max()),
        "objects": len(timeline.tables[step, "roughness"]),
        "before": float(timeline.followed["earlier"]["x"].sum()),
        "read": timeline.files["curve_cell.csv"].read_text(),
    }
    rows = [{"timestep": sample.timestep, "n": 1} for sample in timeline.measured]
    return Outcome(pd.DataFrame(rows), Result(scalars, maps={"twice_um": Map(2 * rough.values, (2.0, 3.0), "um")}))


@pytest.fixture
def _plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(
        NEEDS=("roughness",), AFTER=("earlier",), files=lambda _, series: (f"curve_{series}.csv",), follow=_follow
    )
    monkeypatch.setattr(discovery, "load", lambda *_: module)


@pytest.mark.usefixtures("_plug_in")
def test_it_reads_what_it_names_and_leaves_record_table_and_maps(tmp_path: Path) -> None:
    rough = Map(np.arange(6, dtype=np.float32).reshape(2, 3), (1.33, 2.5), "um")
    for row in ROWS:
        result = Result({"ra_um": 1.0}, pd.DataFrame({"x": [1, 2]}), {"rough_um": rough})
        write_result(tmp_path / "cell" / row.timestep, "roughness", result, {})
    write_csv(tmp_path / "cell" / "earlier.csv", pd.DataFrame({"timestep": ["t0", "t1"], "x": [1, 2]}))
    (tmp_path / "curve_cell.csv").write_text("0.75")
    follow(tmp_path, ROWS, Follower("any", Frozen()), Limits(), sheet=tmp_path / "samples.tsv", registers=False)
    record = read_json(tmp_path / "cell" / "any.json")
    assert (record["largest_um"], record["objects"], record["before"], record["read"]) == (5, 2, 3, "0.75")
    assert list(pd.read_csv(tmp_path / "cell" / "any.csv")["timestep"]) == ["t0", "t1"]
    twice = read_map(tmp_path / "cell" / "maps" / "twice_um.tif")
    np.testing.assert_array_equal(twice.values, 2 * rough.values)
    assert twice.pixel_size_um == pytest.approx((2, 3))
    assert twice.unit == "um"


@pytest.mark.usefixtures("_plug_in")
def test_the_workflow_knows_what_it_reads() -> None:
    expected = ["cell/t0/roughness.json", "cell/t1/roughness.json", "cell/earlier.csv"]
    assert results_read("cell", ["t0", "t1"], "any", Frozen()) == expected
    assert files_read("cell", "any", Frozen()) == ("curve_cell.csv",)


def test_a_map_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(BadInput, match=r"a\.tif"):
        read_map(tmp_path / "a.tif")


def _rows(*currents_ma: float | None) -> list[Sample]:
    return [Sample(series="c", timestep=f"t{i}", path="x", current_ma=current) for i, current in enumerate(currents_ma)]


def test_where_a_cycle_turns() -> None:
    rows = _rows(None, 0.75, 0.75, 0, -0.75, -0.75)
    assert (half_cycle(rows), full_cycle(rows)) == (3, 5)
    again = [*rows, *_rows(0.75, -0.75)]
    assert (half_cycle(again), full_cycle(again)) == (3, 5)


@pytest.mark.parametrize(("currents", "found"), [((0, 0.7, 0.7), "no discharge"), ((0, -1, -1), "no charge")])
def test_a_cycle_that_never_turns_is_refused(currents: tuple[float, ...], found: str) -> None:
    with pytest.raises(BadInput, match=found):
        half_cycle(_rows(*currents))
