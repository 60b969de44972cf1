"""Stores: what goes in comes out, plain zarr reads it, and the same voxels give the same bytes."""

from __future__ import annotations

import pickle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from support.stores import CLASSES, LIMITS, SIZE, make_store, tree
from tomocell.blocks import Limits, Need, runner, transform_volume
from tomocell.errors import BadInput
from tomocell.volumes import store as stores
from tomocell.volumes.manifest import manifest_path
from tomocell.volumes.pyramid import halve_grey, halve_labels, level_shapes
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


def written(path: Path, voxels: NDArray[Any], limits: Limits, core: Any, monkeypatch: Any) -> dict[str, bytes]:
    """Store ``voxels`` with blocks of ``core`` for the volume and of whole shards for its pyramid."""
    layout = Layout(voxels.shape, voxels.dtype, SIZE, None, (8, 16, 16), (8, 32, 32))
    with monkeypatch.context() as patch:
        if core:
            patch.setattr(runner, "choose_core", lambda *_: core)
            patch.setattr(stores, "choose_core", lambda _shape, _need, _limits, grain: grain)
        with create_store(path, layout, limits) as writer:
            transform_volume(lambda v, _: v, ArrayVolume(voxels, SIZE), writer, Need(), limits)
    return tree(path) | {"manifest": manifest_path(path).read_bytes()}


def test_the_same_voxels_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voxels = noise((20, 70, 130))
    path = tmp_path / "v.ome.zarr"
    first = written(path, voxels, LIMITS, None, monkeypatch)
    assert first == written(path, voxels, LIMITS, None, monkeypatch)
    assert first == written(path, voxels, Limits(2048, 2), (8, 64, 32), monkeypatch)
    assert sum(name.startswith("1/c") for name in first) > 1


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
