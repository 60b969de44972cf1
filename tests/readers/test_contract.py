"""What every reader promises, on the same ragged volume written by each format's own library."""

from __future__ import annotations

import hashlib
import importlib
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from readers.writers import WRITERS
from tomocell.volumes.readers import known_readers, open_source
from tomocell.volumes.volume import Volume, whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region, Shape

SHAPE = (7, 19, 33)


class Case(NamedTuple):
    voxels: NDArray[Any]
    path: Path
    dataset: str | None
    volume: Volume


def volume_of(dtype: str, shape: Shape = SHAPE) -> NDArray[Any]:
    rng = np.random.default_rng(7)
    if dtype == "float32":
        return rng.normal(size=shape).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return rng.integers(low, high, shape, dtype, endpoint=True)


@pytest.fixture(scope="module", params=sorted(WRITERS))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    voxels = volume_of("uint16")
    path, dataset = WRITERS[request.param](tmp_path_factory.mktemp(request.param), voxels)
    return Case(voxels, path, dataset, open_source(path, dataset))


def regions(count: int, seed: int) -> list[Region]:
    rng = np.random.default_rng(seed)
    cuts = [np.sort(rng.integers(0, length + 1, (count, 2)), axis=1) for length in SHAPE]
    return [tuple(slice(int(a), int(b)) for a, b in bounds) for bounds in zip(*cuts, strict=True)]  # type: ignore[misc]


def test_every_reader_is_tried(tmp_path: Path) -> None:
    tried = set()
    for name, write in WRITERS.items():
        (tmp_path / name).mkdir()
        path, _ = write(tmp_path / name, volume_of("uint16", (4, 6, 8)))
        accepting = [reader.__name__ for reader in known_readers() if reader.accepts(path)]  # type: ignore[attr-defined]
        assert len(accepting) == 1, f"{name} is taken by {accepting}"
        tried.update(accepting)
    assert tried == {reader.__name__ for reader in known_readers()}  # type: ignore[attr-defined]


def test_shape_type_and_name(case: Case) -> None:
    assert case.volume.shape == SHAPE
    assert case.volume.dtype == np.uint16
    assert case.volume.dtype.isnative
    assert case.volume.name.startswith(str(case.path))


GRAINS = {  # rows where voxels lie as they are; else strips, tiles and chunks as the writers of these tests choose them
    "tiff": (1, 1, SHAPE[2]),
    "tiff_strips": (1, 3, SHAPE[2]),
    "tiff_tiles": (1, 16, 16),
    "tiff_folder": (1, 1, SHAPE[2]),
    "tiff_folder_compressed": (1, 4, SHAPE[2]),
    "hdf5": (1, 1, SHAPE[2]),
    "hdf5_gzip": (2, 3, 4),
    "zarr_v3_shards": (2, 2, 4),
    "ome_zarr_4": (4, 4, 4),
    "npy": (1, 1, SHAPE[2]),
    "npy_fortran": (SHAPE[0], 1, 1),
    "npz_compressed": (1, 1, 1),
}


@pytest.mark.parametrize("name", GRAINS)
def test_what_a_read_costs_at_least_is_told(tmp_path: Path, name: str) -> None:
    path, dataset = WRITERS[name](tmp_path, volume_of("uint16"))
    assert open_source(path, dataset).grain == GRAINS[name]


def test_whole_equals(case: Case) -> None:
    found = case.volume.read(whole(SHAPE))
    assert found.dtype == case.volume.dtype
    assert found.dtype.isnative
    assert found.flags.c_contiguous
    assert found.flags.writeable
    np.testing.assert_array_equal(found, case.voxels)


def test_random_regions_equal(case: Case) -> None:
    for region in regions(12, seed=1):
        np.testing.assert_array_equal(case.volume.read(region), case.voxels[region])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_single_planes_equal(case: Case, axis: int) -> None:
    for index in (0, SHAPE[axis] // 2, SHAPE[axis] - 1):
        bounds = [slice(0, length) for length in SHAPE]
        bounds[axis] = slice(index, index + 1)
        region = (bounds[0], bounds[1], bounds[2])
        np.testing.assert_array_equal(case.volume.read(region), case.voxels[region])


def test_a_read_is_the_readers_own_copy(case: Case) -> None:
    region = whole(SHAPE)
    case.volume.read(region)[...] = 0
    np.testing.assert_array_equal(case.volume.read(region), case.voxels)


def test_threads_read_at_once(case: Case) -> None:
    fresh = open_source(case.path, case.dataset)
    wanted = regions(24, seed=2)
    with ThreadPoolExecutor(8) as pool:
        for region, found in zip(wanted, pool.map(fresh.read, wanted), strict=True):
            np.testing.assert_array_equal(found, case.voxels[region])


def test_goes_to_another_process(case: Case) -> None:
    copy = pickle.loads(pickle.dumps(case.volume))  # noqa: S301 our own bytes
    assert (copy.shape, copy.dtype, copy.voxel_size_um) == (SHAPE, case.volume.dtype, case.volume.voxel_size_um)
    region = (slice(2, 5), slice(1, 18), slice(3, 9))
    np.testing.assert_array_equal(copy.read(region), case.voxels[region])


def test_pickles_small(case: Case) -> None:
    case.volume.read(whole(SHAPE))
    assert len(pickle.dumps(case.volume)) < case.voxels.nbytes


def test_no_file_is_changed_or_added(case: Case) -> None:
    before = digest(case.path.parent)
    open_source(case.path, case.dataset).read(whole(SHAPE))
    assert digest(case.path.parent) == before


def digest(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("name", sorted(WRITERS))
def test_types_are_kept(name: str, dtype: str, tmp_path: Path) -> None:
    if "imagej" in name or name == "tiff_one_directory":
        dtype = {"int16": "uint16"}.get(dtype, dtype)  # ImageJ knows no signed 16 bit
    voxels = volume_of(dtype, (4, 6, 8))
    path, dataset = WRITERS[name](tmp_path, voxels)
    volume = open_source(path, dataset)
    assert volume.dtype == np.dtype(dtype)
    found = volume.read(whole(volume.shape))
    if (name, dtype) == ("vtk_text", "float32"):  # VTK writes six digits
        np.testing.assert_allclose(found, voxels, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(found, voxels)


@pytest.mark.parametrize("name", ["npy", "npy_fortran", "tiff_big_endian", "tiff_folder", "raw_big_endian"])
def test_part_of_rows_longer_than_a_page_of_the_disk(name: str, tmp_path: Path) -> None:
    voxels = volume_of("uint16", (4, 6, 9000))
    path, dataset = WRITERS[name](tmp_path, voxels)
    volume = open_source(path, dataset)
    for columns in (slice(0, 10), slice(4000, 8000), slice(4500, 9000), slice(8999, 9000), slice(10, 8990)):
        region = (slice(1, 4), slice(2, 5), columns)
        np.testing.assert_array_equal(volume.read(region), voxels[region])


def test_importing_the_readers_loads_no_file_library() -> None:
    import subprocess
    import sys

    heavy = "tifffile", "h5py", "zarr", "SimpleITK", "vtkmodules", "pyvista", "imagecodecs"
    package = importlib.import_module("tomocell").__path__[0]
    code = (
        f"import sys; sys.path.insert(0, {package!r} + '/..'); from tomocell.volumes.readers import known_readers;"
        f"known_readers(); print([name for name in {heavy!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
