"""The demo's cell while its lithium moves, with sub-volumes chosen by us: their surfaces are not where they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registration.scenes import corner_error, corners
from tomocell.registration.register import register
from tomocell.registration.settings import RegisterSettings
from tomocell.volumes.readers import open_source
from tomocell.volumes.volume import ArrayVolume, whole

CELL = Path(__file__).resolve().parents[2] / "data" / "lithium"


def scan_of(step: str, size: tuple[float, float, float]) -> ArrayVolume:
    rows = [line.split("\t") for line in (CELL / "samples.tsv").read_text().splitlines()]
    row = next(dict(zip(rows[0], row, strict=False)) for row in rows[1:] if row[1] == step)
    source = open_source(CELL / row["path"], row["dataset"] or None)
    return ArrayVolume(source.read(whole(source.shape)), size, name=step)


@pytest.mark.parametrize("step", ["t060", "t120"])
def test_moving_lithium_does_not_carry_the_frame_along(step: str) -> None:
    if not (CELL / "truth" / "truth.json").exists():
        pytest.skip(f"{CELL} is not there: make data")
    truth = json.loads((CELL / "truth" / "truth.json").read_text())
    z, y, x = truth["voxel_size_um"]
    fixed, moving = scan_of(truth["reference"], (z, y, x)), scan_of(step, (z, y, x))
    found = register(fixed, moving, RegisterSettings(), threads=2)
    planted = truth["timesteps"][step]["rigid"]["matrix"]
    assert corner_error(found.matrix, planted, corners(fixed.shape, fixed.size)) < 0.2 * z
