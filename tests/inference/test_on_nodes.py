"""Nodes share a volume out in slabs: the same bytes, no shard and no tile twice, and only what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support import tiny_training
from support.stores import SIZE, make_store, tree
from support.tiny_model import save_tiny
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.inference import on_nodes
from tomocell.inference.forward import Forward
from tomocell.inference.on_nodes import Task, compute_slabs
from tomocell.inference.parts import Parts
from tomocell.models.settings import InferSettings
from tomocell.nodes import Team
from tomocell.stages.infer import infer
from tomocell.volumes import store as stores
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.volumes.store import StoreVolume
    from tomocell.volumes.volume import Shape

LIMITS = Limits(2048)
SETTINGS = InferSettings(tile_voxels=(8, 16), overlap=0.25, batch_size=3)


@pytest.fixture
def grey(tmp_path: Path) -> StoreVolume:
    return make_store(tmp_path / "volume.ome.zarr", tiny_training.scan(0)[0], chunk=(4, 4, 4), shard=(4, 4, 4))


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    def layout(*arguments: Any) -> stores.Layout:
        return stores.Layout(*arguments, chunk=(4, 4, 4), shard=(4, 4, 4))

    monkeypatch.setattr("tomocell.inference.run.Layout", layout)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What is done in the course of a test: shards saved, tiles computed, tasks of nodes, all in this process."""
    done: dict[str, list[Any]] = {"shards": [], "tiles": [], "tasks": []}
    save, call = Parts.save, Forward.__call__

    def noting(parts: Parts, place: Shape, layers: Any) -> None:
        done["shards"].append(place)
        save(parts, place, layers)

    def counting(forward: Forward, tiles: Any, corners: list[Shape]) -> Any:
        done["tiles"] += corners
        return call(forward, tiles, corners)

    def run(command: list[str]) -> int:
        task = Task.model_validate_json(command[-1])
        done["tasks"].append(task)
        tasks = next(int(option[9:]) for option in command if option.startswith("--ntasks="))
        for number in reversed(range(tasks)):
            compute_slabs(task, number)
        return 0

    monkeypatch.setattr(Parts, "save", noting)
    monkeypatch.setattr(Forward, "__call__", counting)
    monkeypatch.setattr("tomocell.inference.on_nodes._run", run)
    monkeypatch.setattr("tomocell.inference.run.measured_mb", lambda _run: 1.0)  # the trial would count as a tile
    return done


@pytest.mark.parametrize("nodes", [2, 3, 50])
def test_nodes_make_what_one_makes_and_nothing_twice(
    tmp_path: Path, grey: StoreVolume, done: dict[str, list[Any]], nodes: int
) -> None:
    save_tiny(tmp_path / "model")
    more = SETTINGS.model_copy(update={"entropy": True, "normalise": "volume"})
    infer(grey, tmp_path / "model", tmp_path / "one" / "labels.ome.zarr", more, LIMITS)
    shards, tiles = sorted(done["shards"]), sorted(done["tiles"])
    done["shards"].clear()
    done["tiles"].clear()
    infer(grey, tmp_path / "model", tmp_path / "other" / "labels.ome.zarr", more, LIMITS, team=Team(nodes))
    assert len(done["tasks"][0].slabs) == min(nodes, 6)  # the walk is along y, 24 planes in shards of 4
    assert sorted(done["shards"]) == shards
    assert sorted(done["tiles"]) == tiles
    assert len(set(tiles)) == len(tiles)
    assert tree(tmp_path / "other") == tree(tmp_path / "one")


def test_cubes_across_a_border_are_computed_on_both_sides_to_the_same_bytes(
    tmp_path: Path, grey: StoreVolume, done: dict[str, list[Any]]
) -> None:
    network = {"channels": [4, 8], "norm": "instance"}
    save_tiny(tmp_path / "model", architecture="unet_3d", network=network, patch_voxels=(6, 8, 8))
    settings = InferSettings(tile_voxels=(6, 8, 8), overlap=0.25, batch_size=1)
    infer(grey, tmp_path / "model", tmp_path / "one" / "labels.ome.zarr", settings, LIMITS)
    once = sorted(done["tiles"])
    done["tiles"].clear()
    infer(grey, tmp_path / "model", tmp_path / "other" / "labels.ome.zarr", settings, LIMITS, team=Team(2))
    (border,) = {slab[0] for slab in done["tasks"][0].slabs[1]}
    across = [tile for tile in once if tile[0] < border < tile[0] + 6]
    assert across
    assert sorted(done["tiles"]) == sorted(once + across)
    assert tree(tmp_path / "other") == tree(tmp_path / "one")


def test_only_what_is_missing_is_shared_out(
    tmp_path: Path, grey: StoreVolume, done: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tiny(tmp_path / "model")
    store = tmp_path / "labels.ome.zarr"
    monkeypatch.setattr("tomocell.stages.infer.publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        infer(grey, tmp_path / "model", store, SETTINGS, LIMITS, team=Team(3))
    monkeypatch.undo()
    (parts,) = (tmp_path / "labels.ome.zarr.parts").iterdir()
    for shard in ("0.2.3", "1.2.0", "2.5.6"):
        (parts / shard).unlink()
    tasks: list[Task] = []
    monkeypatch.setattr("tomocell.inference.run.Layout", lambda *a: stores.Layout(*a, chunk=(4, 4, 4), shard=(4, 4, 4)))

    def refuse(command: list[str]) -> int:
        tasks.append(Task.model_validate_json(command[-1]))
        return 2

    monkeypatch.setattr("tomocell.inference.on_nodes._run", refuse)
    with pytest.raises(BadInput, match=r"inference on 2 nodes: found 'status 2'.*finished shards are kept"):
        infer(grey, tmp_path / "model", store, SETTINGS, LIMITS, team=Team(2))
    assert tasks[0].slabs == (((8, 12),), ((20, 24),))
    assert not store.exists()
    assert parts.is_dir()
    assert len(done["shards"]) == 3 * 6 * 7


def test_a_node_that_would_make_something_else_is_told(
    tmp_path: Path, grey: StoreVolume, done: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tiny(tmp_path / "model")
    store = tmp_path / "labels.ome.zarr"
    infer(grey, tmp_path / "model", store, SETTINGS, LIMITS, team=Team(2))
    (task,) = done["tasks"]
    monkeypatch.setattr("tomocell.inference.run.resolve_precision", lambda *_: "float16")
    with pytest.raises(BadInput, match=r"node 1: found 'another result'.*same devices"):
        compute_slabs(task, 1)


def test_other_nodes_cannot_open_what_is_no_store(tmp_path: Path, grey: StoreVolume) -> None:
    save_tiny(tmp_path / "model")
    volume = ArrayVolume(np.asarray(tiny_training.scan(0)[0]), SIZE)
    with pytest.raises(BadInput, match=r"array: found 'ArrayVolume'.*tomocell convert"):
        infer(volume, tmp_path / "model", tmp_path / "labels.ome.zarr", SETTINGS, LIMITS, team=Team(2))
    assert grey.path.exists()


def test_lines_of_nodes_go_to_the_log_and_their_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "tomocell"):
        assert on_nodes._run(["sh", "-c", "echo one; echo two >&2; exit 3"]) == 3
    assert [record.message for record in caplog.records] == ["| one", "| two"]
