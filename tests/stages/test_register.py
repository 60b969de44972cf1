from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import affine_transform, gaussian_filter

from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.registration.settings import RegisterSettings
from tomocell.stages.register import Scans, open_scans, read_registration, register
from tomocell.volumes.store import Layout, create_store, open_store
from tomocell.volumes.volume import ArrayVolume, whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE = (52, 60, 56)
SIZE = (2.0, 1.5, 1.5)
LIMITS = Limits(2048)
SETTINGS = RegisterSettings(
    subvolume_size_voxels=(24, 28, 28),
    subvolume_centres_voxels=((26, 30, 28),),
    roi_start_voxels=(10, 12, 11),
    roi_size_voxels=(32, 36, 33),
)


def texture(seed: int) -> NDArray[np.float64]:
    """Smooth grains all over, so that every direction can be told."""
    grains = gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), (1.5, 2.0, 2.0))
    return 20000 + 4000 * grains / grains.std()


def moved(sample: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Return the scan in which the point ``p`` of the reference lies at ``matrix @ p`` (um)."""
    back = np.linalg.inv(matrix)
    edges = np.array(SIZE)
    turn = back[:3, :3] * edges / edges[:, None]
    return np.rint(affine_transform(sample, turn, back[:3, 3] / edges, order=3, mode="nearest")).astype(np.uint16)


def planted() -> NDArray[np.float64]:
    angle = np.deg2rad(0.8)
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = (1.7, -2.2, 3.1)
    return matrix


@pytest.fixture(scope="module")
def scans() -> tuple[ArrayVolume, ArrayVolume]:
    sample = texture(1)
    fixed = ArrayVolume(np.rint(sample).astype(np.uint16), SIZE, name="fixed")
    return fixed, ArrayVolume(moved(sample, planted()), SIZE, name="moving")


def run(scans: tuple[ArrayVolume, ArrayVolume], out: Path, settings: RegisterSettings = SETTINGS) -> dict[str, Any]:
    register(Scans(*scans), out, settings, LIMITS)
    record: dict[str, Any] = json.loads((out / "registration.json").read_text())
    return record


def test_a_known_motion_is_found(scans: tuple[ArrayVolume, ArrayVolume], tmp_path: Path) -> None:
    record = run(scans, tmp_path)
    corners = np.array([[z, y, x, 1] for z in (10, 42) for y in (12, 48) for x in (11, 44)]) * (*SIZE, 1)
    error = np.linalg.norm((corners @ (np.array(record["matrix"]) - planted()).T)[:, :3], axis=1)
    assert error.max() < 0.1 * min(SIZE)
    assert record["correlation_after"] > 0.98 > record["correlation_before"]
    assert record["registered"] is True
    assert len(record["subvolumes"]) == 1
    assert record["outside_voxels"] == 0


def test_the_registered_scan_lies_on_the_reference(scans: tuple[ArrayVolume, ArrayVolume], tmp_path: Path) -> None:
    run(scans, tmp_path)
    registered = open_store(tmp_path / "registered.ome.zarr")
    assert registered.shape == (32, 36, 33)
    assert registered.size == SIZE
    reference = scans[0].read((slice(10, 42), slice(12, 48), slice(11, 44))).astype(float)
    difference = registered.read(whole(registered.shape)) - reference
    assert np.abs(difference).mean() < 0.02 * reference.std() + 1


def test_blocks_change_nothing(
    scans: tuple[ArrayVolume, ArrayVolume], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(scans, tmp_path / "whole")
    monkeypatch.setattr("tomocell.registration.place.Placed.block_shape", lambda *_: (7, 36, 33))
    register(Scans(*scans), tmp_path / "cut", SETTINGS, Limits(2048, 2))
    stores = [open_store(tmp_path / name / "registered.ome.zarr") for name in ("whole", "cut")]
    first, second = (store.read(whole(store.shape)) for store in stores)
    assert np.array_equal(first, second)


def test_the_reference_is_only_cropped(scans: tuple[ArrayVolume, ArrayVolume], tmp_path: Path) -> None:
    record = run((scans[0], scans[0]), tmp_path)
    assert record["matrix"] == np.eye(4).tolist()
    store = open_store(tmp_path / "registered.ome.zarr")
    cropped = scans[0].read((slice(10, 42), slice(12, 48), slice(11, 44)))
    assert np.array_equal(store.read(whole(store.shape)), cropped)


def test_another_sample_does_not_register(scans: tuple[ArrayVolume, ArrayVolume], tmp_path: Path) -> None:
    stranger = ArrayVolume(np.rint(texture(2)).astype(np.uint16), SIZE, name="stranger")
    with pytest.raises(BadInput, match="stranger"):
        run((scans[0], stranger), tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_sample_can_be_flagged(scans: tuple[ArrayVolume, ArrayVolume], tmp_path: Path) -> None:
    stranger = ArrayVolume(np.rint(texture(2)).astype(np.uint16), SIZE, name="stranger")
    record = run(
        (scans[0], stranger),
        tmp_path,
        SETTINGS.model_copy(update={"on_failure": "flag", "subvolume_centres_voxels": ()}),
    )
    assert record["registered"] is False
    assert record["reasons"]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"roi_size_voxels": (50, 36, 33)}, "roi_start_voxels"),
        ({"subvolume_centres_voxels": ((200, 30, 28),)}, "200"),
    ],
)
def test_boxes_outside_are_refused(
    scans: tuple[ArrayVolume, ArrayVolume], tmp_path: Path, change: dict[str, Any], part: str
) -> None:
    with pytest.raises(BadInput, match=part):
        run(scans, tmp_path, SETTINGS.model_copy(update=change))


def test_another_voxel_size_is_refused(scans: tuple[ArrayVolume, ArrayVolume], tmp_path: Path) -> None:
    other = ArrayVolume(scans[1].read(whole(SHAPE)), (1.0, 1.0, 1.0), name="other")
    with pytest.raises(BadInput, match="voxel size"):
        run((scans[0], other), tmp_path)


def test_the_record_is_also_a_table_with_pictures(scans: tuple[ArrayVolume, ArrayVolume], tmp_path: Path) -> None:
    record = run(scans, tmp_path, SETTINGS.model_copy(update={"subvolume_centres_voxels": ()}))
    table = pd.read_parquet(tmp_path / "registration.parquet")
    assert len(table) == len(record["subvolumes"])
    assert table["residual_z_um"].tolist() == [part["residual_um"][0] for part in record["subvolumes"]]
    assert {"registration.png", "registration_residuals.png"} == {file.name for file in (tmp_path / "maps").iterdir()}


def test_a_levelled_reference_is_turned(scans: tuple[ArrayVolume, ArrayVolume], tmp_path: Path) -> None:
    given = SETTINGS.model_copy(update={"level": "given", "tilt_deg": (2.0, 0.0)})
    matrices = []
    for name, moving in zip(("reference", "moving"), scans, strict=True):
        register(Scans(scans[0], moving), tmp_path / name, given, LIMITS)
        matrices.append(read_registration(tmp_path / name / "registration.json"))
    assert np.array(matrices[0].matrix) == pytest.approx(np.array(matrices[1].level_matrix))
    assert np.abs(np.array(matrices[0].rotation_deg)) == pytest.approx([0.0, 0.0, 2.0])
    first, second = (open_store(tmp_path / name / "registered.ome.zarr") for name in ("reference", "moving"))
    inner = tuple(slice(4, size - 4) for size in first.shape)
    grey = [store.read(inner).ravel().astype(float) for store in (first, second)]
    assert np.corrcoef(*grey)[0, 1] > 0.98


def test_a_chain_is_read_from_its_records(scans: tuple[ArrayVolume, ArrayVolume], tmp_path: Path) -> None:
    for name, volume in zip(("fixed", "moving"), scans, strict=True):
        with create_store(tmp_path / f"{name}.ome.zarr", Layout(SHAPE, volume.dtype, SIZE), LIMITS) as writer:
            writer.write(whole(SHAPE), volume.read(whole(SHAPE)))
    run(scans, tmp_path / "near")
    manifests = [str(tmp_path / f"{name}.manifest.json") for name in ("fixed", "moving")]
    near = [manifests[1], str(tmp_path / "near" / "registration.json")]
    register(open_scans(*manifests, near), tmp_path / "far", SETTINGS, LIMITS)
    record = read_registration(tmp_path / "far" / "registration.json")
    assert record.chain is not None
    assert record.chain.links == 2
    assert np.array(record.matrix) == pytest.approx(planted(), abs=0.2)
