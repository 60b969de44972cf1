"""Stores: what goes in comes out, plain zarr reads it, and the same voxels give the same bytes."""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from support.stores import CLASSES, LIMITS, SIZE, make_store, tree
from tomocell.blocks import Limits, Need, cut, map_blocks, run_blocks, runner, transform_volume
from tomocell.errors import BadInput
from tomocell.volumes import store as stores
from tomocell.volumes.manifest import check_content, manifest_path
from tomocell.volumes.pyramid import halve_grey, halve_labels, level_shapes, plan_levels
from tomocell.volumes.store import Layout, create_store, open_store
from tomocell.volumes.volume import ArrayVolume, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

DTYPES = ["uint8", "uint16", "int16", "float32", "int8", "uint32"]
edge = st.integers(1, 17)
shape3 = st.tuples(edge, edge, edge)


def noise(shape: tuple[int, ...], dtype: str = "uint16") -> NDArray[Any]:
    return (np.random.default_rng(0).random(shape) * 120).astype(dtype)


@settings(max_examples=12)
@given(shape3, shape3, shape3, st.sampled_from(DTYPES), st.data())
def test_any_region_of_any_shape_comes_back(
    shape: tuple[int, int, int], chunk: tuple[int, int, int], shard: tuple[int, int, int], dtype: str, data: Any
) -> None:
    voxels = noise(shape, dtype)
    low = [data.draw(st.integers(0, size - 1)) for size in shape]
    high = [data.draw(st.integers(first + 1, size)) for first, size in zip(low, shape, strict=True)]
    region = tuple(slice(*ends) for ends in zip(low, high, strict=True))
    with TemporaryDirectory() as folder:
        opened = make_store(Path(folder) / "v.ome.zarr", voxels, chunk=chunk, shard=shard)
        assert (opened.shape, opened.dtype, opened.voxel_size_um) == (shape, voxels.dtype, SIZE)
        np.testing.assert_array_equal(opened.read(region), voxels[region])


def test_a_store_may_be_sent_to_another_process(tmp_path: Path) -> None:
    voxels = noise((4, 5, 6))
    again = pickle.loads(pickle.dumps(make_store(tmp_path / "v.ome.zarr", voxels)))  # noqa: S301
    np.testing.assert_array_equal(again.read(whole(again.shape)), voxels)


@pytest.mark.parametrize("labels", [False, True])
def test_the_metadata_is_ome_zarr_and_plain_zarr_reads_it(tmp_path: Path, *, labels: bool) -> None:
    voxels = np.where(noise((5, 100, 11), "uint8") > 60, 7, 1).astype(np.uint8)
    make_store(tmp_path / "v.ome.zarr", voxels, classes=CLASSES if labels else None)
    group = zarr.open_group(tmp_path / "v.ome.zarr", mode="r", zarr_format=3)
    ome: Any = group.attrs["ome"]
    assert ome["version"] == "0.5"
    multiscale = ome["multiscales"][0]
    assert [(a["name"], a["type"], a["unit"]) for a in multiscale["axes"]] == [
        (name, "space", "micrometer") for name in "zyx"
    ]
    scale, shift = (multiscale["datasets"][1]["coordinateTransformations"][i] for i in (0, 1))
    assert (scale["type"], scale["scale"]) == ("scale", [2 * edge for edge in SIZE])
    assert (shift["type"], shift["translation"]) == ("translation", [edge / 2 for edge in SIZE])
    with zarr.config.set({"codec_pipeline.path": "zarr.core.codec_pipeline.BatchedCodecPipeline"}):  # zarr's own
        plain = zarr.open_group(tmp_path / "v.ome.zarr", mode="r", zarr_format=3)
        np.testing.assert_array_equal(plain[multiscale["datasets"][0]["path"]][:], voxels)
    assert group["0"].metadata.dimension_names == ("z", "y", "x")
    assert group["1"].shape == (3, 50, 6)
    if labels:
        assert ome["image-label"]["properties"][1] == {"label-value": 1, "name": "solid"}
        assert ome["image-label"]["colors"][1] == {"label-value": 1, "rgba": [255, 128, 0, 255]}
        assert open_store(tmp_path / "v.ome.zarr").classes == CLASSES
    else:
        assert "image-label" not in ome


def test_a_coarser_level_covers_the_same_space(tmp_path: Path) -> None:
    voxels = noise((3, 200, 9))
    fine = make_store(tmp_path / "v.ome.zarr", voxels)
    assert fine.manifest.levels == 3
    coarse = fine.coarser(1)
    assert coarse.size == tuple(2 * edge for edge in SIZE)
    np.testing.assert_array_equal(coarse.read(whole(coarse.shape)), halve_grey(voxels))
    assert fine.coarser(9).shape == level_shapes(fine.shape)[-1]


def written(path: Path, voxels: NDArray[Any], limits: Limits, core: Any, monkeypatch: Any, **layout: Any) -> Any:
    """Store ``voxels`` with blocks of ``core``, or as memory allows; return the bytes of the store and its manifest."""
    with monkeypatch.context() as patch:
        if core:
            patch.setattr(runner, "choose_core", lambda *_: core)
        with create_store(path, Layout(voxels.shape, voxels.dtype, SIZE, **layout), limits) as writer:
            transform_volume(lambda v, _: v, ArrayVolume(voxels, SIZE), writer, Need(), limits)
    return tree(path) | {"manifest": manifest_path(path).read_bytes()}


@pytest.mark.parametrize(
    ("in_passing", "layout", "cores"),
    [
        (0, {"chunk": (8, 16, 16), "shard": (8, 32, 32)}, [(8, 64, 32), (16, 32, 231)]),
        (1, {"chunk": (4, 8, 8), "shard": (8, 32, 32)}, [(8, 64, 32), (8, 32, 32)]),
        (2, {"chunk": (4, 4, 8), "shard": (16, 32, 32)}, [(16, 64, 32), (32, 32, 64)]),
        (2, {"chunk": (4, 4, 8), "shard": (16, 32, 32), "classes": CLASSES}, [(16, 32, 32)]),
        (1, {"chunk": (4, 8, 8), "shard": (8, 32, 32)}, [(3, 70, 50), (8, 20, 31)]),  # blocks that cut through shards
    ],
    ids=["none", "one", "two", "labels", "unaligned"],
)
def test_the_same_voxels_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_passing: int, layout: Any, cores: Any
) -> None:
    voxels = noise((21, 70, 231), "uint8" if "classes" in layout else "uint16") // (50 if "classes" in layout else 1)
    path = tmp_path / "v.ome.zarr"
    assert sum(level.halved for level in plan_levels(voxels.shape, layout["chunk"], layout["shard"])) == in_passing
    first = written(path, voxels, LIMITS, None, monkeypatch, **layout)
    assert first == written(path, voxels, LIMITS, None, monkeypatch, **layout)
    for core in cores:
        assert first == written(path, voxels, Limits(2048, 3), core, monkeypatch, **layout)
    assert sum(name.startswith("1/c") for name in first) > 1
    store, expected = open_store(path), voxels
    for level in range(store.manifest.levels):
        np.testing.assert_array_equal(store.coarser(level).read(whole(expected.shape)), expected)
        expected = (halved_labels if "classes" in layout else halved_grey)(expected)
    check_content(path, store.manifest)


def test_a_region_written_twice_counts_as_written_last(tmp_path: Path) -> None:
    first, last, part = noise((16, 32, 32)) + 1, noise((16, 32, 32)) * 3, (slice(2, 9), slice(0, 5), slice(3, 30))
    layout = Layout((16, 32, 32), first.dtype, SIZE, None, (4, 8, 8), (8, 16, 16))
    for region, name in ((part, "a"), (whole(first.shape), "b")):
        with create_store(tmp_path / f"{name}.ome.zarr", layout, LIMITS) as writer:
            writer.write(whole(first.shape), first)
            writer.write(region, last[region])
        expected = first.copy()
        expected[region] = last[region]
        assert_pyramid_of(tmp_path / f"{name}.ome.zarr", expected)


def test_what_was_never_written_is_zero_at_every_level_and_has_no_shard(tmp_path: Path) -> None:
    layout = Layout((16, 128, 32), np.dtype(np.uint16), SIZE, None, (4, 8, 8), (8, 16, 16))
    expected = np.zeros(layout.shape, np.uint16)
    corner = (slice(0, 8), slice(112, 128), slice(0, 16))
    expected[corner] = noise((8, 16, 16)) + 1
    with create_store(tmp_path / "v.ome.zarr", layout, LIMITS) as writer:
        writer.write(whole(layout.shape), np.ones(layout.shape))
        writer.write(whole(layout.shape), np.zeros(layout.shape))
        writer.write(corner, expected[corner])
    assert_pyramid_of(tmp_path / "v.ome.zarr", expected)
    shards = [name for name in open_store(tmp_path / "v.ome.zarr").manifest.files if "/c/" in name]
    assert shards[:2] == ["0/c/0/7/0", "1/c/0/7/0"]


def assert_pyramid_of(path: Path, expected: NDArray[Any]) -> None:
    store = open_store(path)
    check_content(path, store.manifest)
    for level in range(store.manifest.levels):
        np.testing.assert_array_equal(store.coarser(level).read(whole(expected.shape)), expected)
        expected = halved_grey(expected)


@settings(max_examples=200)
@given(*[st.tuples(*[st.integers(1, 300)] * 3)] * 3)
def test_levels_made_in_passing_have_a_shard_for_each_of_the_finer_one(shape: Any, chunk: Any, shard: Any) -> None:
    plan = plan_levels(shape, chunk, shard)
    assert [level.shape for level in plan] == level_shapes(shape)
    assert not plan[0].halved
    for fine, coarse in pairwise(plan):
        assert all(edge % part == 0 for edge, part in zip(coarse.shard, coarse.chunk, strict=True))
        if coarse.halved:
            assert math.prod(coarse.shard) >= math.prod(plan[0].chunk)
            for axis in range(3):
                cuts = range(0, fine.shape[axis], fine.shard[axis])
                assert [place // 2 for place in cuts] == list(range(0, coarse.shape[axis], coarse.shard[axis]))


def test_a_shard_of_the_usual_size_makes_one_level_in_passing() -> None:
    plan = plan_levels((3000, 2900, 3001), stores.CHUNK, stores.SHARD)
    assert [level.shard for level in plan[:3]] == [(128, 256, 256), (64, 128, 128), (128, 256, 256)]
    assert [level.halved for level in plan] == [False, True, *[False] * (len(plan) - 2)]


def halved_grey(voxels: NDArray[Any]) -> NDArray[Any]:
    """Return what a coarser level is defined to hold."""
    mean = cells_of(voxels).mean(axis=-1, dtype=np.float64)
    return (mean if voxels.dtype.kind == "f" else np.rint(mean)).astype(voxels.dtype)


def halved_labels(voxels: NDArray[Any]) -> NDArray[Any]:
    cells = cells_of(voxels)
    values = np.unique(voxels)
    return values[np.stack([(cells == value).sum(axis=-1) for value in values]).argmax(axis=0)]  # the first of the most


def cells_of(voxels: NDArray[Any]) -> NDArray[Any]:
    padded = np.pad(voxels, [(0, size % 2) for size in voxels.shape], mode="edge")
    return np.stack([padded[z::2, y::2, x::2] for z in (0, 1) for y in (0, 1) for x in (0, 1)], axis=-1)


@settings(max_examples=60)
@given(shape3, st.sampled_from(DTYPES), st.integers(0, 9))
def test_compiled_means_are_those_of_numpy(shape: tuple[int, int, int], dtype: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    if dtype == "float32":
        voxels = random.normal(0, 10.0 ** random.integers(-3, 4), shape).astype(dtype)
        np.testing.assert_allclose(halve_grey(voxels), halved_grey(voxels), rtol=1e-6, atol=1e-9)
        return
    low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if seed % 2 else (0, 3)
    voxels = random.integers(low, high, shape, dtype, endpoint=True)
    np.testing.assert_array_equal(halve_grey(voxels), halved_grey(voxels))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32"])
def test_compiled_votes_are_those_of_numpy(dtype: str) -> None:
    random = np.random.default_rng(0)
    for classes in (1, 2, 3, 9):
        values = random.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, classes, dtype, endpoint=True)
        voxels = random.choice(values, (11, 14, 17))
        np.testing.assert_array_equal(halve_labels(voxels), halved_labels(voxels))
        np.testing.assert_array_equal(halve_labels(voxels[:, ::2]), halved_labels(voxels[:, ::2]))


def test_opening_a_store_compiles_nothing(tmp_path: Path) -> None:
    make_store(tmp_path / "v.ome.zarr", noise((4, 5, 6)))
    code = "import sys, pathlib; from tomocell.volumes.store import open_store; open_store(pathlib.Path(sys.argv[1]))"
    code += "; assert not {'numba', 'scipy', 'torch', 'pandas'} & set(sys.modules)"
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    subprocess.run([sys.executable, "-c", code, tmp_path / "v.ome.zarr"], check=True, timeout=60, env=environment)


def test_threads_read_and_write_side_by_side(tmp_path: Path) -> None:
    voxels = noise((32, 64, 64))
    layout = Layout((32, 64, 64), voxels.dtype, SIZE, None, (4, 8, 8), (8, 16, 16))
    blocks = cut(voxels.shape, layout.shard)
    with create_store(tmp_path / "v.ome.zarr", layout, LIMITS) as writer:
        run_blocks(lambda block: writer.write(block.core, voxels[block.core]), blocks, 8)
    store = open_store(tmp_path / "v.ome.zarr")
    for block, read in zip(blocks, map_blocks(lambda block: store.read(block.core), blocks, 8), strict=True):
        np.testing.assert_array_equal(read, voxels[block.core])


@given(shape3)
@settings(max_examples=30)
def test_the_mean_of_a_level_is_within_its_voxels(shape: tuple[int, int, int]) -> None:
    voxels = noise(shape)
    coarse = halve_grey(voxels)
    assert coarse.shape == tuple((size + 1) // 2 for size in shape)
    assert coarse.dtype == voxels.dtype
    assert coarse[0, 0, 0] == np.rint(np.pad(voxels, 1, mode="edge")[1:3, 1:3, 1:3].mean())
    if not any(size % 2 for size in shape):
        assert halve_grey(voxels.astype(float)).mean() == pytest.approx(voxels.mean())


@given(shape3, st.lists(st.integers(0, 255), min_size=1, max_size=4))
@settings(max_examples=30)
def test_coarser_labels_never_invent_a_class(shape: tuple[int, int, int], values: list[int]) -> None:
    voxels = np.random.default_rng(0).choice(values, shape).astype(np.uint8)
    coarse = halve_labels(voxels)
    padded = np.pad(voxels, [(0, size % 2) for size in shape], mode="edge")
    for place in np.ndindex(coarse.shape):
        cell = padded[tuple(slice(2 * index, 2 * index + 2) for index in place)].ravel()
        counts = np.bincount(cell)
        assert coarse[place] == counts.argmax()  # the most frequent, the smaller on a tie


def test_a_writer_that_was_believed_dead_harms_nothing_that_another_finished(tmp_path: Path) -> None:
    path = tmp_path / "v.ome.zarr"
    late, good = np.full((16, 8, 8), 7, np.uint16), noise((16, 8, 8))
    small: dict[str, Any] = {"chunk": (8, 8, 8), "shard": (8, 8, 8)}
    writing = create_store(path, Layout((16, 8, 8), late.dtype, SIZE, **small), LIMITS)
    zombie = writing.__enter__()
    zombie.write((slice(0, 8), slice(0, 8), slice(0, 8)), late[:8])
    make_store(path, good, **small)
    finished = tree(tmp_path)
    zombie.write((slice(8, 16), slice(0, 8), slice(0, 8)), late[8:])
    assert tree(tmp_path) != finished  # its folder is there again
    with pytest.raises(BadInput, match="another writer took over"):
        writing.__exit__(None, None, None)
    assert tree(tmp_path) == finished
    np.testing.assert_array_equal(open_store(path).read(whole((16, 8, 8))), good)


def test_a_store_that_lost_its_metadata_takes_nobodys_place(tmp_path: Path) -> None:
    path = tmp_path / "v.ome.zarr"
    make_store(path, noise((4, 5, 6)))
    finished = tree(tmp_path)
    writing = create_store(path, Layout((4, 5, 6), np.dtype(np.uint16), SIZE), LIMITS)
    writing.__enter__().write(whole((4, 5, 6)), noise((4, 5, 6)))
    next(tmp_path.glob("*.partial/0/zarr.json")).unlink()
    with pytest.raises(BadInput, match=r"0/zarr\.json"):
        writing.__exit__(None, None, None)
    assert tree(tmp_path) == finished


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_a_grey_store_notes_the_range_of_what_was_written(tmp_path: Path, dtype: str) -> None:
    voxels = noise((9, 10, 11), dtype) - np.array(1 if dtype != "uint16" else 0, dtype)
    path = tmp_path / "v.ome.zarr"
    layout = Layout((9, 10, 11), voxels.dtype, SIZE, None, (4, 4, 4), (4, 4, 4))
    with create_store(path, layout, Limits(2048, 3)) as writer:
        transform_volume(lambda v, _: v, ArrayVolume(voxels, SIZE), writer, Need(), Limits(2048, 3))
        writer.notes.update(more=1)
    notes = open_store(path).manifest.notes
    assert notes == {"least": float(voxels.min()), "greatest": float(voxels.max()), "more": 1}


def test_a_label_store_notes_no_range(tmp_path: Path) -> None:
    layout = Layout((4, 5, 6), np.dtype(np.uint8), SIZE, CLASSES)
    with create_store(tmp_path / "v.ome.zarr", layout, LIMITS) as writer:
        writer.write(whole((4, 5, 6)), np.ones((4, 5, 6), np.uint8))
    assert open_store(tmp_path / "v.ome.zarr").manifest.notes == {}


def test_an_old_manifest_never_vouches_for_a_new_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "v.ome.zarr"
    make_store(path, noise((4, 5, 6)))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stores, "write_manifest", killed)
    with pytest.raises(KeyboardInterrupt):
        make_store(path, noise((4, 5, 6)))
    with pytest.raises(BadInput, match="make the store again"):
        open_store(path)
