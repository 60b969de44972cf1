"""Thresholds: Otsu's as scikit-image has it, a calibrated one that reaches the porosity, and a given one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.ndimage import median_filter
from skimage.filters import threshold_otsu

from support.stores import LIMITS, make_store
from tomocell.blocks import Limits, runner
from tomocell.errors import BadInput
from tomocell.labelling.settings import ThresholdSettings
from tomocell.registration.settings import RegisterSettings
from tomocell.stages.register import Scans, register
from tomocell.stages.threshold import segment_by_threshold
from tomocell.volumes.store import StoreVolume, open_store
from tomocell.volumes.volume import Classes, VoxelClass, whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE = (11, 12, 13)
CLASSES = Classes((VoxelClass("void", 2), VoxelClass("matter", 5)))


def grey(dtype: str = "uint16") -> NDArray[Any]:
    random = np.random.default_rng(0)
    solid = random.random(SHAPE) > 0.3
    values = random.normal(np.where(solid, 140, 90), 12)
    return values.astype(dtype) if dtype == "float32" else values.round().astype(dtype)


def segmented(folder: Path, voxels: NDArray[Any], porosity: float | None = None, **chosen: Any) -> StoreVolume:
    folder.mkdir(exist_ok=True)
    make_store(folder / "volume.ome.zarr", voxels, chunk=(4, 4, 4), shard=(4, 4, 4))
    settings = ThresholdSettings(dark="void", bright="matter", **chosen)
    arguments = (folder / "volume.ome.zarr", folder / "labels.ome.zarr", CLASSES, settings, LIMITS)
    segment_by_threshold(*arguments, measured_porosity=porosity)
    return open_store(folder / "labels.ome.zarr")


def is_bright(store: StoreVolume) -> NDArray[np.bool_]:
    labels = store.read(whole(SHAPE))
    assert set(np.unique(labels)) <= {2, 5}
    return np.asarray(labels == 5)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_otsu_is_that_of_scikit_image(tmp_path: Path, dtype: str) -> None:
    store = segmented(tmp_path, grey(dtype))
    np.testing.assert_array_equal(is_bright(store), grey(dtype) > threshold_otsu(grey(dtype)))
    notes = store.manifest.notes
    assert notes["method"] == "otsu"
    assert notes["porosity"] == pytest.approx(1 - is_bright(store).mean())


def test_otsu_of_floats(tmp_path: Path) -> None:
    voxels = grey("float32")
    store = segmented(tmp_path, voxels)
    expected = threshold_otsu(voxels, nbins=65536)
    assert store.manifest.notes["threshold"] == pytest.approx(expected, abs=2 * float(np.ptp(voxels)) / 65536)
    assert (is_bright(store) != (voxels > expected)).mean() < 1e-3


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("porous", ["void", "matter"])
def test_a_calibrated_threshold_reaches_the_porosity(tmp_path: Path, dtype: str, porous: str) -> None:
    store = segmented(tmp_path, grey(dtype), 0.42, porous=porous, porosity_error=0.05)
    bright = is_bright(store)
    share = bright.mean() if porous == "matter" else 1 - bright.mean()
    step = 0.03 if dtype == "uint16" else 1e-3
    notes = store.manifest.notes
    assert share == pytest.approx(0.42, abs=step)
    assert notes["porosity"] == pytest.approx(share, abs=1e-9)
    assert (notes["method"], notes["measured_porosity"]) == ("calibrated", 0.42)
    low, high = notes["threshold_band"]
    assert low < notes["threshold"] < high
    dark_share = 0.42 if porous == "void" else 0.58
    assert (grey(dtype) < low).mean() == pytest.approx(dark_share - 0.05, abs=step)
    assert (grey(dtype) < high).mean() == pytest.approx(dark_share + 0.05, abs=step)


def test_a_given_threshold_wins(tmp_path: Path) -> None:
    store = segmented(tmp_path, grey(), 0.42, value=120)
    np.testing.assert_array_equal(is_bright(store), grey() >= 120)
    assert store.manifest.notes == {
        "method": "given",
        "threshold": 120,
        "porosity": pytest.approx((grey() < 120).mean()),
    }


def test_the_median_filter_does_not_see_the_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = median_filter(grey(), 3, mode="nearest")
    once = segmented(tmp_path / "one", grey(), median_voxels=3)
    np.testing.assert_array_equal(is_bright(once), expected > threshold_otsu(expected))
    monkeypatch.setattr(runner, "choose_core", lambda *_: (4, 4, 8))
    cut = segmented(tmp_path / "other", grey(), median_voxels=3)
    np.testing.assert_array_equal(is_bright(cut), is_bright(once))
    assert cut.manifest.notes == once.manifest.notes


def test_a_registered_scan_is_segmented_like_any_other(tmp_path: Path) -> None:
    volume = make_store(tmp_path / "volume.ome.zarr", grey())
    register(Scans(volume, volume), tmp_path, RegisterSettings(), LIMITS)
    settings = ThresholdSettings(dark="void", bright="matter")
    segment_by_threshold(tmp_path / "registered.ome.zarr", tmp_path / "l.ome.zarr", CLASSES, settings, LIMITS)
    np.testing.assert_array_equal(is_bright(open_store(tmp_path / "l.ome.zarr")), grey() > threshold_otsu(grey()))


def test_a_single_grey_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="grey value 7 everywhere"):
        segmented(tmp_path, np.full(SHAPE, 7, np.uint8))
    assert not (tmp_path / "labels.ome.zarr").exists()


def test_too_little_memory_is_told_with_what_would_do(tmp_path: Path) -> None:
    make_store(tmp_path / "volume.ome.zarr", grey())
    settings = ThresholdSettings(dark="void", bright="matter")
    with pytest.raises(BadInput, match="at least"):
        segment_by_threshold(tmp_path / "volume.ome.zarr", tmp_path / "l.ome.zarr", CLASSES, settings, Limits(200))
