"""The simulated corrector as a command; and training a network of a round by its name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from support.stores import CLASSES, make_store
from support.studies import model_section, threshold_study, write_study
from tomocell import cli
from tomocell.labelling.rounds import find_corrections

if TYPE_CHECKING:
    from pathlib import Path

TRUTH = np.random.default_rng(0).choice([0, 1, 7], (4, 5, 6)).astype(np.uint8)


def test_the_truth_takes_the_place_of_what_was_predicted(tmp_path: Path) -> None:
    for timestep in ("t0", "t1"):
        make_store(tmp_path / "truth" / timestep / "labels.ome.zarr", TRUTH, classes=CLASSES)
        folder = tmp_path / "mine" / "cell" / "round-1" / timestep
        folder.mkdir(parents=True)
        page = {"axis": "y", "planes": [1, 4], "voxel_size_um": [2.0, 0.5, 1.25]}
        (folder / "round.json").write_text(json.dumps(page))
    cli.main(["correct", str(tmp_path / "mine/cell/round-1"), "--truth", str(tmp_path / "truth")])
    found = find_corrections(tmp_path / "mine")
    assert [(one.timestep, one.plane) for one in found] == [("t0", 1), ("t0", 4), ("t1", 1), ("t1", 4)]
    for one in found:
        np.testing.assert_array_equal(tifffile.imread(one.path), TRUTH[:, one.plane])


def test_where_nothing_was_exported_there_is_nothing_to_correct(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["correct", str(tmp_path), "--truth", str(tmp_path)])
    assert ended.value.code == 2
    assert "no exported planes" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "words"), [("net-round-9", "one of: net, net-round-1"), ("net-round-1", "make it")])
def test_a_network_of_a_round_is_trained_by_its_name(
    tmp_path: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    study = threshold_study() | {"model": model_section(), "label": {"rounds": [{}]}, "results": str(tmp_path / "out")}
    del study["threshold"]
    path = write_study(tmp_path, study)
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", str(path), "--name", name])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert words in told
    assert name in told
