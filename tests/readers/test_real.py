"""Real volumes, beside the repository where they are at hand: shape, type, and what is known of their voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from tomocell.volumes.readers import open_source
from tomocell.volumes.volume import Shape, whole

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data with real volumes beside the repository")

SHAPES: dict[str, tuple[Shape, str]] = {
    "soc/grey.tif": ((160, 256, 256), "uint16"),
    "soc/labels.tif": ((160, 256, 256), "uint8"),
    "battery_21700/cell.tif": ((100, 728, 728), "uint8"),
    "battery_21700/im_1.tif": ((1, 576, 576), "uint16"),
    "electrode/electrode.tif": ((256, 256, 256), "uint8"),
    "nmc_1cal/phases.tif": ((251, 301, 301), "uint8"),
    "fibreform/fibreform.tif": ((100, 100, 100), "uint8"),
    "berea/ketton.tif": ((256, 256, 256), "uint8"),
    "rock_pair/intact.tif": ((193, 150, 150), "uint8"),
    "concrete_snow/concrete_xray.tif": ((100, 100, 100), "uint16"),
}
SHARES = {
    "soc/labels.tif": {0: 0.26615, 1: 0.49445, 2: 0.23940},
    "electrode/electrode.tif": {0: 0.449917, 85: 0.400466, 170: 0.149616},
    "nmc_1cal/phases.tif": {0: 0.400549, 1: 0.499451, 2: 0.100000},
    "berea/ketton.tif": {0: 0.12686205},
}


def real(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no {name} in {DATA}")
    return path


@pytest.mark.parametrize("name", SHAPES)
def test_real_volume_as_tifffile_reads_it(name: str) -> None:
    volume = open_source(real(name))
    assert (volume.shape, volume.dtype) == (SHAPES[name][0], np.dtype(SHAPES[name][1]))
    assert volume.voxel_size_um is None  # none of these files states all three lengths with a unit
    expected = tifffile.imread(real(name)).reshape(volume.shape)
    z, y, x = (length // 3 for length in volume.shape)
    region = (slice(z, 2 * z + 1), slice(y, 2 * y), slice(x, 2 * x))
    np.testing.assert_array_equal(volume.read(region), expected[region])
    np.testing.assert_array_equal(volume.read(whole(volume.shape)), expected)


@pytest.mark.parametrize("name", SHARES)
def test_shares_of_classes_as_published(name: str) -> None:
    volume = open_source(real(name))
    labels = volume.read(whole(volume.shape))
    for value, share in SHARES[name].items():
        assert np.mean(labels == value) == pytest.approx(share, abs=6e-6)
