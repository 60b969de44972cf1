"""Cubes: read by region with a bounded cache, mirrored beyond the volume, every labelled voxel judged once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from support import tiny_training
from support.stores import make_store
from tomocell.labelling.settings import IGNORE
from tomocell.models.settings import ModelSettings
from tomocell.stages.training_set import assemble_training_set
from tomocell.training.bricks import BrickCache
from tomocell.training.cubes import CubeReader, RandomCubes, WholeCubes
from tomocell.training.loss import Loss, confusion
from tomocell.training.samples import Source
from tomocell.training.shards import EveryRankItsShare
from tomocell.volumes import planes as planes_module
from tomocell.volumes.store import StoreVolume, open_store
from tomocell.volumes.volume import ArrayVolume

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.training.trainingset import TrainingSet

EDGES = (8, 10, 16)
KEYS = [("cell", name) for name in tiny_training.TIMESTEPS]


def cubes(**changes: Any) -> ModelSettings:
    content = tiny_training.settings().model_dump() | {"patch_voxels": EDGES} | changes
    content["infer"] = {"tile_voxels": content["patch_voxels"]}
    return ModelSettings.model_validate(content)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cubes")
    tiny_training.prepare(folder, tiny_training.settings())
    return folder


def assembled(results: Path, model: ModelSettings) -> TrainingSet:
    return assemble_training_set(results, KEYS, "volume", model, IGNORE)


def opened(results: Path, model: ModelSettings) -> tuple[TrainingSet, CubeReader]:
    found = assembled(results, model)
    reader = Source.of(results, found, tiny_training.CLASSES, model).reader
    assert isinstance(reader, CubeReader)
    return found, reader


VOXELS = np.random.default_rng(0).integers(0, 999, (9, 14, 11)).astype(np.uint16)


@given(st.tuples(*(st.integers(0, n - 1) for n in VOXELS.shape)), st.tuples(*(st.integers(1, n) for n in VOXELS.shape)))
def test_bricks_put_together_are_the_volume(start: tuple[int, ...], length: tuple[int, ...]) -> None:
    z, y, x = (slice(at, min(at + n, size)) for at, n, size in zip(start, length, VOXELS.shape, strict=True))
    cache = BrickCache(400)
    for _ in range(2):
        np.testing.assert_array_equal(cache.read(ArrayVolume(VOXELS, None), (z, y, x), (4, 5, 3)), VOXELS[z, y, x])
    assert cache.bytes <= 400


def test_what_is_in_the_cache_is_not_read_again() -> None:
    volume = ArrayVolume(VOXELS, None)
    regions = []
    read = volume.read
    volume.read = lambda region: (regions.append(region), read(region))[1]  # type: ignore[method-assign]
    cache = BrickCache(1 << 20)
    for _ in range(3):
        cache.read(volume, (slice(0, 8), slice(0, 5), slice(0, 3)), (4, 5, 3))
    assert len(regions) == 2


def test_a_cube_beyond_the_volume_is_its_mirror_image_and_not_labelled(results: Path) -> None:
    found, reader = opened(results, cubes())
    entry = found.entries[0]
    grey, target = reader.read(entry, (8, 20, 20), EDGES)
    volume = open_store(results / entry.grey)
    inside = volume.read((slice(8, 12), slice(20, 24), slice(20, 28))).astype(np.float32)
    inside = (inside - np.float32(found.grey_mean)) / np.float32(found.grey_sd)
    np.testing.assert_array_equal(grey[0], np.pad(inside, ((0, 4), (0, 6), (0, 8)), mode="symmetric"))
    assert (target[4:] == -1).all()
    assert (target[:, 4:] == -1).all()
    assert (target[:, :, 8:] == -1).all()
    truth = tiny_training.scan(0)[1]
    np.testing.assert_array_equal(target[:4, 1, :8], (truth[8:12, 21, 20:28] == 3).astype(int))  # y = 21 is labelled


@pytest.mark.parametrize("split", [{}, {"by": "random", "share": 0.4}, {"by": "block", "ranges": [[3, 6]]}])
def test_every_voxel_that_judges_is_seen_once_and_none_that_trains(results: Path, split: dict[str, Any]) -> None:
    model = cubes(split={"gap_voxels": 1} | split)
    found, reader = opened(results, model)
    entries = found.part("validation")
    judged = WholeCubes(reader, entries, model)
    seen = sum(int((target >= 0).sum()) for _, target in judged)
    assert seen == found.split.validation_pixels == sum(sum(entry.pixels.values()) for entry in entries) > 0
    assert isinstance(Source(reader, model).whole(entries), WholeCubes)


def test_an_epoch_is_the_same_again_and_another_is_not(results: Path) -> None:
    model = cubes(train={"patches_per_plane": 3, "batch_size": 2})
    found, reader = opened(results, model)
    entries = found.part("train")
    tiles = sum(len(entry.tiles) for entry in entries)
    epochs = [RandomCubes(reader, entries, model, epoch) for epoch in (0, 0, 1)]
    assert {len(epoch) for epoch in epochs} == {3 * tiles}
    firsts = [np.concatenate([epoch[index][0].numpy() for index in range(4)]) for epoch in epochs]
    np.testing.assert_array_equal(firsts[0], firsts[1])
    assert not np.array_equal(firsts[0], firsts[2])
    assert all(bool((target >= 0).any()) for _, target in (epochs[0][index] for index in range(len(epochs[0]))))
    grey, target = epochs[0][5]
    assert (grey.shape, target.shape) == ((1, *EDGES), EDGES)
    assert isinstance(Source(reader, model).random(entries, 0), RandomCubes)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_cubes_are_centred_on_a_rare_class(tmp_path: Path, share: float) -> None:
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[6:9, 6:9, 6:9] = 3
    labels[30:33, 30:33, 6:9] = 3
    results = rare_volume(tmp_path, labels)
    sampling = {"foreground_share": share, "rare_classes": ["solid"]}
    model = cubes(patch_voxels=(8, 8, 8), sampling=sampling, train={"patches_per_plane": 2, "batch_size": 2})
    found = assemble_training_set(results, [("cell", "t0")], "volume", model, IGNORE)
    reader = CubeReader(results, found, tiny_training.CLASSES)
    drawn = RandomCubes(reader, found.entries, model, 0)
    held = np.mean([bool((drawn[index][1] == 1).any()) for index in range(100)])
    assert held == 1.0 if share else held < 0.5


def rare_volume(folder: Path, labels: np.ndarray) -> Path:
    from support.stores import LIMITS
    from tomocell.labelling.settings import AnnotateSettings
    from tomocell.stages.annotate import annotate

    step = folder / "cell" / "t0"
    grey = np.random.default_rng(0).integers(0, 99, labels.shape).astype(np.uint8)
    make_store(step / "volume.ome.zarr", grey, chunk=(16, 16, 16), shard=(32, 32, 32))
    np.save(step / "labels.npy", labels)
    stores = (step / "volume.ome.zarr", step / "annotations.ome.zarr")
    annotate(step / "labels.npy", *stores, tiny_training.CLASSES, AnnotateSettings(), LIMITS)
    return folder


def test_planes_are_drawn_for_a_rare_class(tmp_path: Path) -> None:
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[3:5, 17, 20:22] = 3
    results = rare_volume(tmp_path, labels)
    content = {
        "patch_voxels": (8, 8),
        "plane_axis": "y",
        "sampling": {"rare_classes": ["solid"], "foreground_share": 0.6},
    }
    model = cubes(**content)
    found = assemble_training_set(results, [("cell", "t0")], "volume", model, IGNORE)
    assert found.entries[0].planes_of == {"empty": tuple(range(40)), "solid": (17,)}
    reader = Source.of(results, found, tiny_training.CLASSES, model).reader
    drawn = Source(reader, model).random(found.entries, 0)
    held = np.mean([bool((drawn[index][1] == 1).any()) for index in range(160)])
    assert held == pytest.approx(0.6, abs=0.12)


def test_the_planes_kept_stay_within_the_bound(results: Path) -> None:
    from tomocell.training.patches import PlaneReader

    model = tiny_training.settings()
    found = assembled(results, model)
    entry = found.entries[0]
    reader = PlaneReader(results, found, tiny_training.CLASSES, cache_mb=1)
    reader._most_bytes = 5000
    for plane in entry.planes:
        grey, target = reader.read(entry, plane)
        assert grey.nbytes + target.nbytes <= reader.cached_bytes() <= 5000


@pytest.mark.parametrize("planes", [1, 3])
def test_planes_of_the_same_chunks_are_read_together_where_all_fit(
    results: Path, planes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tomocell.training.patches import PlaneReader

    found = assembled(results, tiny_training.settings())
    entry = found.entries[0]
    alone, together = (PlaneReader(results, found, tiny_training.CLASSES, planes) for _ in range(2))
    alone._most_bytes = 5000
    reads = []
    read = StoreVolume.read
    monkeypatch.setattr(StoreVolume, "read", lambda self, region: (reads.append(self.name), read(self, region))[1])
    one_by_one = [alone.read(entry, plane) for plane in entry.planes]
    assert len(reads) == 2 * len(entry.planes)  # grey values and labels
    reads.clear()
    at_once = [together.read(entry, plane) for plane in reversed(entry.planes)][::-1]
    assert len(reads) == 2
    for one, other in zip(one_by_one, at_once, strict=True):
        for expected, pixels in zip(one, other, strict=True):
            np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_strips_put_together_are_the_planes(axis: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planes_module, "STRIP_BYTES", 1)
    voxels = np.random.default_rng(0).integers(0, 9, (11, 12, 13))
    volume = ArrayVolume(voxels, None)
    found = planes_module.read_planes(volume, axis, [2, 3, 9], (4, 5, 6))
    np.testing.assert_array_equal(found, np.moveaxis(voxels, axis, 0)[[2, 3, 9]])


def test_two_ranks_take_the_cubes_of_one_and_a_network_of_volumes_can_learn_from_them(results: Path) -> None:
    model = cubes(train={"patches_per_plane": 2, "batch_size": 4})
    found, reader = opened(results, model)
    samples = Source(reader, model).random(found.part("train"), 0)
    shares = [EveryRankItsShare(len(samples), 4, rank, 2) for rank in range(2)]
    batches = [next(iter(DataLoader(samples, batch_sampler=share))) for share in shares]
    alone = next(iter(DataLoader(samples, batch_sampler=EveryRankItsShare(len(samples), 4, 0, 1))))
    for part in (0, 1):
        torch.testing.assert_close(torch.cat([batch[part] for batch in batches]), alone[part], rtol=0, atol=0)
    torch.manual_seed(0)
    logits = torch.nn.Conv3d(1, 2, 3, padding=1)(alone[0])
    loss, count = Loss.of(model).sums([logits], alone[1], torch.ones(2))[0]
    assert count == (alone[1] >= 0).sum() > 0
    assert torch.isfinite(loss)
    assert confusion(logits, alone[1], 2).sum() == count
