"""Rounds as files: which planes are exported, which corrections are found, which round is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from tomocell.errors import BadInput
from tomocell.labelling.round_settings import LabelSettings, RoundSettings
from tomocell.labelling.rounds import (
    correction_faults,
    decided,
    exported_planes,
    find_corrections,
    learners,
    open_round,
    to_correct,
)
from tomocell.models.settings import ModelSettings

if TYPE_CHECKING:
    from pathlib import Path

KEYS = [("cell", "t0"), ("cell", "t1"), ("other", "t1")]
MODEL = ModelSettings.model_validate(
    {
        "name": "net",
        "classes": ["background", "pit", "film", "electrode"],
        "plane_axis": "y",
        "train": {"class_weights": {"pit": 3.0, "film": 2.0}},
        "sampling": {"rare_classes": ["pit"]},
    }
)
PROBLEMS = [
    {"name": "pits", "of": ["pit"], "rest": "background"},
    {"name": "bulk", "of": ["film", "electrode"], "rest": "background"},
]


def corrected(folder: Path, number: int, name: str, shape: tuple[int, int] = (5, 7), key: str = "cell/t0") -> Path:
    series, timestep = key.split("/")
    path = folder / series / f"round-{number}" / timestep / "corrected" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.zeros(shape, np.uint8))
    return path


def test_planes_are_spread_and_other_ones_in_every_round() -> None:
    rounds = [exported_planes(RoundSettings(count=5), 200, number) for number in (1, 2, 3, 4)]
    for planes in rounds:
        assert len(planes) == 5
        assert set(np.diff(planes)) <= {39, 40, 41}
        assert 0 <= planes[0] < planes[-1] < 200
    assert len({plane for planes in rounds for plane in planes}) == 20
    assert exported_planes(RoundSettings(count=9), 4, 1) == (0, 1, 2, 3)


def test_planes_given_are_taken_as_they_are() -> None:
    assert exported_planes(RoundSettings(planes=(7, 3, 7)), 8, 2) == (3, 7)
    with pytest.raises(BadInput, match=r"round 2, planes.*\[8\].*below 8"):
        exported_planes(RoundSettings(planes=(3, 8)), 8, 2)


def test_corrections_are_found_and_the_first_round_without_one_is_open(tmp_path: Path) -> None:
    assert find_corrections(tmp_path) == []
    assert open_round([], 2) == 1
    for number, name in ((2, "y0007.tif"), (1, "y0012.tif"), (1, "x3.tiff")):
        corrected(tmp_path, number, name)
    (tmp_path / "cell/round-1/t0/corrected/.DS_Store").touch()
    (tmp_path / "cell/round-1/t0/labels").mkdir()
    (tmp_path / "cell/round-1/t0/labels/y0001.tif").touch()
    found = find_corrections(tmp_path)
    assert [(one.round, one.axis, one.plane) for one in found] == [(1, "x", 3), (1, "y", 12), (2, "y", 7)]
    assert {(one.series, one.timestep) for one in found} == {("cell", "t0")}
    assert open_round(found, 3) == 3
    assert open_round(found, 2) is None


def test_a_name_that_tells_no_plane_is_named(tmp_path: Path) -> None:
    corrected(tmp_path, 1, "y0012 (copy).tif")
    corrected(tmp_path, 1, "final.tif")
    with pytest.raises(BadInput) as caught:
        find_corrections(tmp_path)
    assert len(caught.value.faults) == 2
    assert "y0012.tif" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("y0006.tif", (5, 8), "plane 6"),
        ("y0005.tif", (5, 7), "(1, 5, 7)"),
        ("z0002.tif", (6, 7), "(1, 6, 8)"),
    ],
)
def test_a_plane_of_another_volume_is_named(tmp_path: Path, name: str, shape: tuple[int, int], words: str) -> None:
    corrected(tmp_path, 1, name, shape)
    faults = correction_faults(find_corrections(tmp_path)[0], (5, 6, 8))
    assert len(faults) == 1
    assert words in str(faults[0])


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    corrected(tmp_path, 1, "y0001.tif").write_text("no image")
    assert "y0001.tif" in str(correction_faults(find_corrections(tmp_path)[0], (5, 6, 8))[0])


def label(*rounds: dict[str, Any]) -> LabelSettings:
    return LabelSettings.model_validate({"rounds": rounds})


def test_a_round_has_a_network_for_each_problem() -> None:
    found = learners(MODEL, label({"axis": "z", "problems": PROBLEMS}, {"axis": "y"}))
    assert list(found) == ["net", "net-round-1-pits", "net-round-1-bulk", "net-round-2"]
    pits, bulk, whole = (found[name].model for name in list(found)[1:])
    assert (pits.name, pits.classes, pits.plane_axis) == ("net-round-1-pits", ("pit", "background"), "z")
    assert (bulk.classes, whole.classes) == (("film", "electrode", "background"), MODEL.classes)
    assert (pits.train.class_weights, bulk.train.class_weights) == ({"pit": 3.0}, {"film": 2.0})
    assert (pits.sampling.rare_classes, bulk.sampling.rare_classes) == (("pit",), ())
    assert [found[name].rest for name in found] == [None, "background", "background", None]
    for learner in found.values():
        assert ModelSettings.model_validate(learner.model.model_dump()) == learner.model
    assert list(learners(MODEL, None)) == ["net"]


def test_a_network_decides_on_its_own_classes_only() -> None:
    first, second = label({"problems": PROBLEMS}, {}).rounds
    assert decided(MODEL, first, 1) == {"net-round-1-pits": ("pit",), "net-round-1-bulk": ("film", "electrode")}
    assert decided(MODEL, second, 2) == {"net-round-2": MODEL.classes}


def test_the_timesteps_of_a_round() -> None:
    assert to_correct(RoundSettings(), KEYS, KEYS[:1]) == KEYS[:1]
    assert to_correct(RoundSettings(timesteps=("t1",)), KEYS, KEYS[:1]) == KEYS[1:]
    assert to_correct(RoundSettings(timesteps=("other/t1",)), KEYS, KEYS[:1]) == KEYS[2:]
    with pytest.raises(BadInput, match="t9"):
        to_correct(RoundSettings(timesteps=("t1", "t9")), KEYS, KEYS[:1])
