"""A model applied to a store: the same labels however it is cut, and after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support import tiny_training
from support.stores import SIZE, make_store, tree
from support.tiny_model import save_tiny
from tomocell.blocks import Limits, runner
from tomocell.errors import BadInput
from tomocell.models.settings import InferSettings
from tomocell.stages.infer import infer
from tomocell.volumes import store as stores
from tomocell.volumes.manifest import file_digest, manifest_path
from tomocell.volumes.store import StoreVolume, open_store
from tomocell.volumes.volume import ArrayVolume, whole

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = Limits(2048)
SETTINGS = InferSettings(tile_voxels=(8, 16), overlap=0.25, batch_size=3)


@pytest.fixture
def grey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreVolume:
    monkeypatch.setattr(stores, "SHARD", (4, 4, 4))
    return make_store(tmp_path / "volume.ome.zarr", tiny_training.scan(0)[0])


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    def layout(*arguments: Any, **named: Any) -> stores.Layout:
        return stores.Layout(*arguments, **{"chunk": (4, 4, 4), "shard": (4, 4, 4), **named})

    monkeypatch.setattr("tomocell.stages.infer.Layout", layout)


@pytest.mark.parametrize(("axis", "planes"), [("z", 1), ("y", 1), ("x", 1), ("z", 3), ("y", 11)])
def test_labels_do_not_depend_on_blocks_or_batches(
    tmp_path: Path, grey: StoreVolume, axis: str, planes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tiny(tmp_path / "model", plane_axis=axis, planes=planes)
    infer(grey, tmp_path / "model", tmp_path / "one" / "labels.ome.zarr", SETTINGS, LIMITS)
    monkeypatch.setattr(runner, "choose_core", lambda _shape, _need, _limits, grain: grain)
    infer(grey, tmp_path / "model", tmp_path / "other" / "labels.ome.zarr", SETTINGS, LIMITS)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")
    single = SETTINGS.model_copy(update={"batch_size": 1})
    infer(grey, tmp_path / "model", tmp_path / "single" / "labels.ome.zarr", single, LIMITS)
    one, other = (open_store(tmp_path / name / "labels.ome.zarr") for name in ("one", "single"))
    labels = one.read(whole(one.shape))
    np.testing.assert_array_equal(labels, other.read(whole(other.shape)))
    assert set(np.unique(labels)) == {0, 3}
    assert one.classes.names == ("empty", "solid")


def test_the_store_tells_what_it_was_made_from(tmp_path: Path, grey: StoreVolume) -> None:
    save_tiny(tmp_path / "model")
    infer(grey, tmp_path / "model", tmp_path / "labels.ome.zarr", SETTINGS, LIMITS, digest="abc")
    told = open_store(tmp_path / "labels.ome.zarr").manifest.provenance
    assert told.code_digest == "abc"
    assert told.settings == SETTINGS.model_dump(mode="json")
    assert told.parents["grey"] == file_digest(manifest_path(grey.path))
    assert told.parents["weights"] == file_digest(tmp_path / "model" / "model.safetensors")


def test_a_volume_of_another_voxel_size_is_refused(tmp_path: Path) -> None:
    save_tiny(tmp_path / "model")
    volume = ArrayVolume(tiny_training.scan(0)[0], (SIZE[0], SIZE[1], 2 * SIZE[2]))
    with pytest.raises(BadInput, match="voxel size that the model was trained at"):
        infer(volume, tmp_path / "model", tmp_path / "labels.ome.zarr", SETTINGS, LIMITS)
    assert not (tmp_path / "labels.ome.zarr").exists()


SLOW = """
import sys, time
from pathlib import Path
from tomocell.blocks import Limits, runner
from tomocell.models.settings import InferSettings
from tomocell.stages import infer as stage
from tomocell.volumes.store import Layout, open_store
runner.choose_core = lambda shape, need, limits, grain: grain
stage.Layout = lambda *a: Layout(*a, chunk=(4, 4, 4), shard=(4, 4, 4))
label = stage.PlanePredictor.label
stage.PlanePredictor.label = lambda self, *given: (time.sleep(0.5), label(self, *given))[1]
settings = InferSettings(tile_voxels=(8, 16), overlap=0.25, batch_size=3)
folder = Path(sys.argv[1])
grey, labels = open_store(folder / "volume.ome.zarr"), folder / "killed" / "labels.ome.zarr"
stage.infer(grey, folder / "model", labels, settings, Limits())
"""


def test_killed_and_run_again_it_gives_the_same_bytes(tmp_path: Path, grey: StoreVolume) -> None:
    save_tiny(tmp_path / "model")
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    infer(grey, tmp_path / "model", undisturbed / "labels.ome.zarr", SETTINGS, LIMITS)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path)], env=environment) as process:
        for _ in range(2400):
            if any(killed.glob("*.partial/0/c/**/*")):
                break
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert any(killed.glob("*.partial"))
    assert not (killed / "labels.manifest.json").exists()
    infer(grey, tmp_path / "model", killed / "labels.ome.zarr", SETTINGS, LIMITS)
    assert tree(killed) == tree(undisturbed)
