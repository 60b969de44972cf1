"""A real volume whose every voxel is labelled: multi-Otsu's known accuracy, and strokes that do better."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from support.stores import LIMITS, make_store
from tomocell.labelling.settings import IGNORE, AnnotateSettings, ClassifierSettings, ThresholdSettings
from tomocell.stages.annotate import annotate
from tomocell.stages.classify import classify, train_classifier
from tomocell.stages.threshold import segment_by_threshold
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import Classes, VoxelClass, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region

SOC = Path(__file__).parents[3] / "shared/data/soc"
CLASSES = Classes((VoxelClass("pore", 0), VoxelClass("ysz", 1), VoxelClass("nickel", 2)))
BY_OTSU = 0.9728  # published for planes 130 to 157, with 256 bins
pytestmark = pytest.mark.skipif(not SOC.is_dir(), reason="shared/data/soc is not beside the repository")


def read(region: Region) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    return tuple(tifffile.imread(SOC / name)[region] for name in ("grey.tif", "labels.tif"))  # type: ignore[return-value]


def by_otsu(folder: Path, grey: NDArray[np.uint16]) -> NDArray[np.uint8]:
    make_store(folder / "volume.ome.zarr", grey)
    settings = ThresholdSettings(dark="pore", between=("ysz",), bright="nickel")
    segment_by_threshold(folder / "volume.ome.zarr", folder / "otsu.ome.zarr", CLASSES, settings, LIMITS)
    return open_store(folder / "otsu.ome.zarr").read(whole((grey.shape[0], grey.shape[1], grey.shape[2])))


def test_multi_otsu_reaches_its_known_accuracy(tmp_path: Path) -> None:
    grey, labels = read((slice(130, 158), slice(None), slice(None)))
    assert (by_otsu(tmp_path, grey) == labels).mean() == pytest.approx(BY_OTSU, abs=2e-3)


def test_a_few_strokes_do_better(tmp_path: Path) -> None:
    grey, labels = read((slice(130, 158), slice(80, 176), slice(80, 176)))
    between = slice(10, 17)  # planes away from the strokes
    otsu = (by_otsu(tmp_path, grey) == labels)[between].mean()
    drawn = np.full(labels.shape, IGNORE, np.uint8)
    for plane, rows in ((6, slice(20, 60)), (20, slice(50, 90))):
        drawn[plane, rows] = labels[plane, rows]
    np.save(tmp_path / "drawn.npy", drawn)
    stores = (tmp_path / "volume.ome.zarr", tmp_path / "annotations.ome.zarr")
    annotate(tmp_path / "drawn.npy", *stores, CLASSES, AnnotateSettings(), LIMITS)
    settings = ClassifierSettings(name="soc", classes=CLASSES.names, sigmas_voxels=(1.0, 2.0), trees=30)
    train_classifier([stores], tmp_path / "model", CLASSES, settings, LIMITS)
    classify(open_store(stores[0]), tmp_path / "model", tmp_path / "labels.ome.zarr", settings, LIMITS)
    found = open_store(tmp_path / "labels.ome.zarr").read(whole((28, 96, 96)))
    assert (found == labels)[between].mean() > otsu + 0.005
