"""A model applied to a store: the same labels however it is cut, and after a kill."""

from __future__ import annotations

import os
import shutil
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
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.inference.parts import Parts
from tomocell.inference.plan import Plan
from tomocell.models.saved import Normalisation
from tomocell.models.settings import InferSettings
from tomocell.stages.infer import infer
from tomocell.volumes import store as stores
from tomocell.volumes.manifest import file_digest, manifest_path
from tomocell.volumes.store import StoreVolume, open_store
from tomocell.volumes.volume import ArrayVolume, whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Shape

LIMITS = Limits(2048)
SETTINGS = InferSettings(tile_voxels=(8, 16), overlap=0.25, batch_size=3)


@pytest.fixture
def grey(tmp_path: Path) -> StoreVolume:
    return make_store(tmp_path / "volume.ome.zarr", tiny_training.scan(0)[0], chunk=(4, 4, 4), shard=(4, 4, 4))


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    def layout(*arguments: Any, **named: Any) -> stores.Layout:
        return stores.Layout(*arguments, **{"chunk": (4, 4, 4), "shard": (4, 4, 4), **named})

    monkeypatch.setattr("tomocell.inference.run.Layout", layout)


@pytest.mark.parametrize(("axis", "planes"), [("z", 1), ("y", 1), ("x", 1), ("z", 3), ("y", 11)])
def test_labels_do_not_depend_on_blocks_or_batches(
    tmp_path: Path, grey: StoreVolume, axis: str, planes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tiny(tmp_path / "model", plane_axis=axis, planes=planes)
    infer(grey, tmp_path / "model", tmp_path / "one" / "labels.ome.zarr", SETTINGS, LIMITS)
    monkeypatch.setattr("tomocell.inference.run.plan_strips", lambda _budget, _batch, _most: Plan((4, 8), 3))
    infer(grey, tmp_path / "model", tmp_path / "other" / "labels.ome.zarr", SETTINGS, Limits(2048, 2))
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


def test_a_volume_of_far_another_voxel_size_is_refused(tmp_path: Path) -> None:
    save_tiny(tmp_path / "model")
    volume = ArrayVolume(tiny_training.scan(0)[0], (SIZE[0], SIZE[1], 5 * SIZE[2]))
    with pytest.raises(BadInput, match="voxel size that the model was trained at"):
        infer(volume, tmp_path / "model", tmp_path / "labels.ome.zarr", SETTINGS, LIMITS)
    assert not (tmp_path / "labels.ome.zarr").exists()


SLOW = """
import sys, time
from pathlib import Path
from tomocell.blocks import Limits
from tomocell.inference.forward import Forward
from tomocell.inference.plan import Plan
from tomocell.models.settings import InferSettings
from tomocell.inference import run
from tomocell.stages.infer import infer
from tomocell.volumes.store import Layout, open_store
run.plan_strips = lambda budget, batch, most: Plan((4, 28), 3)
run.Layout = lambda *a: Layout(*a, chunk=(4, 4, 4), shard=(4, 4, 4))
call = Forward.__call__
Forward.__call__ = lambda self, *given: (time.sleep(0.2), call(self, *given))[1]
settings = InferSettings(tile_voxels=(8, 16), overlap=0.25, batch_size=3)
folder = Path(sys.argv[1])
grey, labels = open_store(folder / "volume.ome.zarr"), folder / "killed" / "labels.ome.zarr"
infer(grey, folder / "model", labels, settings, Limits())
"""


def kill_it(folder: Path) -> set[str]:
    """Begin to infer in a process of its own, kill it after some shards, and return which they are."""
    killed = folder / "killed"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", SLOW, str(folder)], env=environment) as process:
        for _ in range(2400):
            if len(finished(killed)) > 3:
                break
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    return finished(killed)


def finished(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.parts/*/*") if path.name.replace(".", "").isdigit()}


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the shards that are computed."""
    names: list[str] = []
    save = Parts.save

    def noting(parts: Parts, place: Shape, layers: NDArray[np.uint8]) -> None:
        names.append(".".join(map(str, place)))
        save(parts, place, layers)

    monkeypatch.setattr(Parts, "save", noting)
    return names


def test_killed_and_run_again_it_computes_what_is_missing(tmp_path: Path, grey: StoreVolume, saved: list[str]) -> None:
    save_tiny(tmp_path / "model")
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    infer(grey, tmp_path / "model", undisturbed / "labels.ome.zarr", SETTINGS, LIMITS)
    every = set(saved)
    assert len(every) == len(saved) == 3 * 6 * 7
    saved.clear()
    before = kill_it(tmp_path)
    assert 3 < len(before) < len(every)
    assert not (killed / "labels.manifest.json").exists()
    assert not (killed / "labels.ome.zarr").exists()
    # The walk goes along y with strips of whole rows: no shelf of shards is begun twice.
    whole_shelves = {
        name for name in before if {f"{z}.{name.split('.')[1]}.{x}" for z in range(3) for x in range(7)} <= before
    }
    infer(grey, tmp_path / "model", killed / "labels.ome.zarr", SETTINGS, LIMITS)
    assert len(saved) == len(set(saved))
    assert not whole_shelves & set(saved)
    assert every - before <= set(saved)
    assert tree(killed) == tree(undisturbed)
    assert sorted(path.name for path in killed.iterdir()) == ["labels.manifest.json", "labels.ome.zarr"]


def test_shards_of_another_model_are_not_taken(tmp_path: Path, grey: StoreVolume, saved: list[str]) -> None:
    save_tiny(tmp_path / "model")
    assert kill_it(tmp_path)
    save_tiny(tmp_path / "model", name="another")
    infer(grey, tmp_path / "model", tmp_path / "killed" / "labels.ome.zarr", SETTINGS, LIMITS)
    assert len(saved) == 3 * 6 * 7


def test_processes_share_a_volume(tmp_path: Path, grey: StoreVolume) -> None:
    save_tiny(tmp_path / "model")
    infer(grey, tmp_path / "model", tmp_path / "one" / "labels.ome.zarr", SETTINGS, LIMITS)
    shared = SETTINGS.model_copy(update={"processes": 2})
    infer(grey, tmp_path / "model", tmp_path / "two" / "labels.ome.zarr", shared, Limits(4096, 2))
    one, two = (open_store(tmp_path / name / "labels.ome.zarr") for name in ("one", "two"))
    np.testing.assert_array_equal(one.read(whole(one.shape)), two.read(whole(two.shape)))
    assert one.manifest.files == two.manifest.files
    assert one.manifest.notes == two.manifest.notes


def test_what_goes_wrong_in_a_process_is_told(tmp_path: Path) -> None:
    save_tiny(tmp_path / "model")
    voxels = tiny_training.scan(0)[0].astype(np.float32)
    voxels[7, 21, 9] = np.nan
    volume = ArrayVolume(voxels, SIZE)
    settings = SETTINGS.model_copy(update={"processes": 2})
    with pytest.raises(BadInput, match=r"voxel \(7, 21, 9\): found nan"):
        infer(volume, tmp_path / "model", tmp_path / "labels.ome.zarr", settings, Limits(4096))
    assert not (tmp_path / "labels.ome.zarr").exists()
    assert not (tmp_path / "labels.manifest.json").exists()


@pytest.mark.parametrize("harm", ["missing", "altered"])
def test_a_broken_shard_is_named_and_nothing_is_done(tmp_path: Path, grey: StoreVolume, harm: str) -> None:
    save_tiny(tmp_path / "model")
    shard = grey.path / "0" / "c" / "1" / "3" / "2"
    if harm == "missing":
        shard.unlink()
    else:
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
    with pytest.raises(BadInput, match="0/c/1/3/2"):
        infer(grey, tmp_path / "model", tmp_path / "out" / "labels.ome.zarr", SETTINGS, LIMITS)
    assert not (tmp_path / "out" / "labels.ome.zarr").exists()
    assert not (tmp_path / "out" / "labels.manifest.json").exists()
    assert not finished(tmp_path / "out") & {"1.3.2"}


def test_more_outputs_stand_beside_the_labels(tmp_path: Path, grey: StoreVolume) -> None:
    save_tiny(tmp_path / "model")
    settings = SETTINGS.model_copy(update={"probabilities": True, "entropy": True, "flips": True})
    infer(grey, tmp_path / "model", tmp_path / "out" / "labels.ome.zarr", settings, LIMITS)
    stores = {
        name: open_store(tmp_path / "out" / f"{name}.ome.zarr")
        for name in ("labels", "probabilities/empty", "probabilities/solid", "entropy", "spread")
    }
    assert all(store.dtype == np.uint8 and store.shape == grey.shape for store in stores.values())
    voxels = {name: store.read(whole(store.shape)) for name, store in stores.items()}
    solid = voxels["labels"] == 3
    assert 0 < solid.sum() < solid.size
    both = voxels["probabilities/solid"].astype(int) + voxels["probabilities/empty"]
    assert set(np.unique(both)) <= {255, 256}
    assert (voxels["probabilities/solid"][solid] >= 127).all()
    assert (voxels["probabilities/solid"][~solid] <= 128).all()
    told = stores["labels"].manifest.notes["classes"]["solid"]
    assert told["voxels"] == solid.sum()
    np.testing.assert_allclose(told["probability"], voxels["probabilities/solid"][solid].mean() / 255)
    np.testing.assert_allclose(told["entropy"], voxels["entropy"][solid].mean() / 255)
    np.testing.assert_allclose(told["spread"], voxels["spread"][solid].mean() / 510)
    assert told["spread"] > 0


def test_outputs_no_longer_asked_for_are_removed_and_nothing_else(tmp_path: Path, grey: StoreVolume) -> None:
    save_tiny(tmp_path / "model")
    out = tmp_path / "out"
    all_of_them = SETTINGS.model_copy(update={"probabilities": True, "entropy": True, "flips": True})
    infer(grey, tmp_path / "model", out / "labels.ome.zarr", all_of_them, LIMITS)
    infer(grey, tmp_path / "model", out / "other.ome.zarr", all_of_them, LIMITS)
    (out / "probabilities" / "notes.txt").write_text("mine")
    make_store(out / "probabilities" / "mine.ome.zarr", tiny_training.scan(0)[0])
    shutil.copy(out / "probabilities" / "mine.manifest.json", out / "spread.manifest.json")  # somebody else's now
    others = {name: content for name, content in tree(out).items() if name.startswith("other")}
    (out / "labels.manifest.json").unlink()  # as Snakemake does before a job
    infer(grey, tmp_path / "model", out / "labels.ome.zarr", SETTINGS, LIMITS)
    left = {path.relative_to(out).as_posix() for path in out.glob("*")}
    assert left == {
        *("labels.ome.zarr", "labels.manifest.json", "probabilities", "spread.ome.zarr", "spread.manifest.json"),
        *("other.ome.zarr", "other.manifest.json", "other"),
    }
    assert {path.name for path in (out / "probabilities").iterdir()} == {
        *("notes.txt", "mine.ome.zarr", "mine.manifest.json"),
    }
    assert {name: content for name, content in tree(out).items() if name.startswith("other")} == others
    assert {path.name for path in (out / "other").glob("*.zarr")} == {"entropy.ome.zarr", "spread.ome.zarr"}
    infer(grey, tmp_path / "model", out / "other.ome.zarr", SETTINGS, LIMITS)
    assert not list((out / "other").iterdir())


def test_a_3d_network_refines_labels(tmp_path: Path) -> None:
    labels = tiny_training.scan(0)[1]
    classes = [{"name": "empty", "value": 0}, {"name": "solid", "value": 3}]
    network = {"channels": [4, 8], "norm": "instance"}
    made = save_tiny(
        tmp_path / "model", architecture="unet_3d", network=network, patch_voxels=(8, 8, 8), inputs=classes
    )
    assert (made.channels, made.planes) == (2, 1)
    source = make_store(tmp_path / "labels.ome.zarr", labels, classes=tiny_training.CLASSES)
    settings = InferSettings(tile_voxels=(8, 8, 8), overlap=0.25, blend="gaussian")
    infer(source, tmp_path / "model", tmp_path / "out" / "labels.ome.zarr", settings, LIMITS)
    refined = open_store(tmp_path / "out" / "labels.ome.zarr")
    assert refined.shape == labels.shape
    assert set(np.unique(refined.read(whole(refined.shape)))) <= {0, 3}
    labels[5, 6, 7] = 2
    with pytest.raises(BadInput, match=r"voxel \(5, 6, 7\): found 2"):
        infer(ArrayVolume(labels, SIZE), tmp_path / "model", tmp_path / "other.ome.zarr", settings, LIMITS)
    doubled = ArrayVolume(labels, (SIZE[0] * 2, SIZE[1] * 2, SIZE[2] * 2))
    with pytest.raises(BadInput, match="labels cannot be interpolated"):
        infer(doubled, tmp_path / "model", tmp_path / "other.ome.zarr", settings, LIMITS)


def test_a_volume_s_own_grey_range_gives_what_its_normalisation_gives(tmp_path: Path) -> None:
    grey = tiny_training.scan(0)[0]
    own = Normalisation(mean=float(grey.mean()), sd=float(grey.std()))
    save_tiny(tmp_path / "model")
    save_tiny(tmp_path / "same", normalisation=own)
    settings = SETTINGS.model_copy(update={"normalise": "volume"})
    scaled = ArrayVolume((grey * 3.0 - 40.0).astype(np.float32), SIZE)
    infer(scaled, tmp_path / "model", tmp_path / "one" / "labels.ome.zarr", settings, LIMITS)
    infer(ArrayVolume(grey, SIZE), tmp_path / "same", tmp_path / "two" / "labels.ome.zarr", SETTINGS, LIMITS)
    one, two = (open_store(tmp_path / name / "labels.ome.zarr").read(whole(grey.shape)) for name in ("one", "two"))
    assert (one == two).mean() > 0.999  # to rounding, near ties
    with pytest.raises(BadInput, match="variance 0"):
        infer(ArrayVolume(np.full_like(grey, 7), SIZE), tmp_path / "model", tmp_path / "no", settings, LIMITS)


def test_too_little_memory_is_told_with_what_would_do(tmp_path: Path, grey: StoreVolume) -> None:
    save_tiny(tmp_path / "model")
    with pytest.raises(BadInput, match=r"found '600 MB'; expected at least \d+ MB"):
        infer(grey, tmp_path / "model", tmp_path / "labels.ome.zarr", SETTINGS, Limits(600))
    assert not (tmp_path / "labels.ome.zarr").exists()
