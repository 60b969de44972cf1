"""Records, tables and maps: numbers survive, and what is no number is null."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import tifffile

from tomocell.analyses.result import Map
from tomocell.volumes.maps import write_map
from tomocell.volumes.tables import read_json, write_csv, write_json, write_parquet

if TYPE_CHECKING:
    from pathlib import Path


def test_a_record_holds_plain_numbers_and_null(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    values = {"nan": float("nan"), "inf": np.float32("inf"), "count": np.int64(3), "share": np.float64(0.1)}
    write_json(path, {**values, "list": np.array([1.0, np.nan]), "deep": {"a": (1, None)}, "yes": np.bool_(True)})
    assert json.loads(path.read_text(), parse_constant=pytest.fail) == read_json(path)
    expected = {"nan": None, "inf": None, "count": 3, "share": 0.1, "list": [1.0, None], "deep": {"a": [1, None]}}
    assert read_json(path) == {**expected, "yes": True}


def test_tables_come_back(tmp_path: Path) -> None:
    table = pd.DataFrame({"label": [1, 2], "volume_um3": [0.1 + 0.2, 1e-17]})
    write_parquet(tmp_path / "t.parquet", table)
    write_csv(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), table)
    header, *rows = csv.reader((tmp_path / "t.csv").read_text().splitlines())
    assert header == ["label", "volume_um3"]
    assert [(int(label), float(volume)) for label, volume in rows] == [(1, 0.1 + 0.2), (2, 1e-17)]


def test_a_map_carries_its_scale(tmp_path: Path) -> None:
    values = np.arange(12.0).reshape(3, 4)
    content = Map(values, (2.0, 0.5), "um")
    write_map(tmp_path / "maps" / "height_um.tif", "height_um", content)
    first = (tmp_path / "maps" / "height_um.png").read_bytes()
    with tifffile.TiffFile(tmp_path / "maps" / "height_um.tif") as file:
        np.testing.assert_array_equal(file.asarray(), values)
        assert file.imagej_metadata is not None
        assert file.imagej_metadata["unit"] == "um"
        tags = file.pages[0].tags  # type: ignore[union-attr]
        pixels_per_um = {name: tags[name].value[0] / tags[name].value[1] for name in ("XResolution", "YResolution")}
    assert pixels_per_um == pytest.approx({"XResolution": 2.0, "YResolution": 0.5})
    write_map(tmp_path / "maps" / "height_um.tif", "height_um", content)
    assert (tmp_path / "maps" / "height_um.png").read_bytes() == first
