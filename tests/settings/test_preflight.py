"""What is wrong with the scans is told before the first job, all at once, each with its row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from support.studies import threshold_study, write_scans, write_study
from tomocell.errors import BadInput
from tomocell.settings.load import load_project
from tomocell.settings.preflight import check_scans

if TYPE_CHECKING:
    from pathlib import Path


def test_scans_that_are_there_pass(tmp_path: Path) -> None:
    write_scans(tmp_path)
    check_scans(load_project(write_study(tmp_path, threshold_study())), lambda _: False)


def test_missing_scans_and_annotations_are_told_together(tmp_path: Path) -> None:
    project = load_project(write_study(tmp_path, threshold_study()))
    with pytest.raises(BadInput) as caught:
        check_scans(project, lambda _: False)
    told = [str(fault) for fault in caught.value.faults]
    assert len(told) == 3
    for text, row, name in zip(told, ("t0", "t0", "t1"), ("t0.tif", "t0.labels.tif", "t1.tif"), strict=True):
        assert f"samples.tsv, cell {row}" in text
        assert name in text


def test_a_scan_that_was_converted_may_be_gone(tmp_path: Path) -> None:
    write_scans(tmp_path)
    (tmp_path / "t1.tif").unlink()
    project = load_project(write_study(tmp_path, threshold_study()))
    check_scans(project, lambda sample: sample.timestep == "t1")


@pytest.mark.parametrize(("edge_um", "fine"), [(1.0, True), (1.3, True), (0.05, False)])
def test_the_voxel_size_agrees_with_the_file(tmp_path: Path, edge_um: float, *, fine: bool) -> None:
    told = {"axes": "ZYX", "unit": "um", "spacing": edge_um}
    voxels = np.zeros((2, 3, 4), np.uint8)
    tifffile.imwrite(tmp_path / "t0.tif", voxels, imagej=True, resolution=(1 / edge_um, 1 / edge_um), metadata=told)
    path = write_study(tmp_path, threshold_study(), ("cell\tt0\tt0.tif\t0\t\t",))
    project = load_project(path)
    if fine:
        check_scans(project, lambda _: False)
        return
    with pytest.raises(BadInput) as caught:
        check_scans(project, lambda _: False)
    assert "samples.tsv, cell t0" in str(caught.value)
    assert "(1.0, 1.0, 1.0)" in str(caught.value)
    assert "0.05" in str(caught.value)
