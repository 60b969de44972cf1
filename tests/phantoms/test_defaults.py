"""The demo's cell is the one it has always been: new features are off unless asked for."""

from __future__ import annotations

import numpy as np
import pytest

from phantoms.small import small
from tomocell.phantoms.lithium import scenes
from tomocell.volumes.volume import whole

# Voxels of each phase, and the sum of all grey values, from before the cell could swell or lose lithium.
EARLIER = {
    "t000": ([151041, 0, 0, 0, 0, 70038, 47721], 12546797571),
    "t060": ([148907, 1445, 3107, 12969, 0, 54651, 47721], 12582668974),
    "t120": ([146498, 3151, 6007, 26071, 0, 39352, 47721], 12504358788),
    "t180": ([147928, 2030, 4050, 13111, 14589, 39371, 47721], 12582798070),
    "t240": ([149157, 1047, 2000, 143, 29241, 39414, 47798], 12635469265),
}


def test_the_cell_of_the_demo_is_as_it_was() -> None:
    for one in scenes(small()):
        counts, grey = EARLIER[one.step.name]
        found = np.bincount(one.phases.read(whole(one.phases.shape)).ravel(), minlength=7)
        assert found.tolist() == counts
        # Another processor's exponential may round a voxel of 424,320 the other way, no more.
        assert int(one.scan.read(whole(one.scan.shape)).astype(np.int64).sum()) == pytest.approx(grey, abs=4)
