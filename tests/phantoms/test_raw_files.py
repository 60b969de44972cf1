"""Each raw file holds the volume, read by another library than wrote it where there is one, and by ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import SimpleITK
import tifffile

from tomocell.errors import BadInput
from tomocell.phantoms.raw_files import WRITERS, RawFile, write_as
from tomocell.volumes.readers import open_source
from tomocell.volumes.volume import ArrayVolume, Region, whole

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (5, 7, 11)
SIZE = (2.0, 1.5, 0.5)


class Recording(ArrayVolume):
    """Remembers how many planes were asked for at once."""

    most = 0

    def read(self, region: Region) -> Any:
        self.most = max(self.most, region[0].stop - region[0].start)
        return super().read(region)


@pytest.fixture
def volume() -> Recording:
    voxels = np.random.default_rng(0).integers(0, 2**16, SHAPE, dtype=np.uint16)
    return Recording(voxels, SIZE)


def read_back(name: str, file: RawFile) -> Any:
    if name == "tiff_folder":
        return np.stack([tifffile.imread(path) for path in sorted(file.path.glob("*.tif"))])
    if name in {"big_tiff", "multipage_tiff"}:
        return tifffile.imread(file.path)
    if name == "data_exchange":
        with h5py.File(file.path) as handle:
            return handle[file.dataset][:]
    if name == "raw":
        sidecar = json.loads(file.path.with_suffix(".json").read_text())
        assert (sidecar["byte_order"], sidecar["voxel_size_um"]) == ("little", list(SIZE))
        return np.fromfile(file.path, dtype=f"<{np.dtype(sidecar['dtype']).str[1:]}").reshape(sidecar["shape"])
    image = SimpleITK.ReadImage(str(file.path))
    assert image.GetSpacing() == pytest.approx([edge / 1000 for edge in reversed(SIZE)])
    return SimpleITK.GetArrayFromImage(image)


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_is_read_back(name: str, volume: Recording, tmp_path: Path) -> None:
    file = write_as(name, volume, tmp_path / "scan")
    np.testing.assert_array_equal(read_back(name, file), volume.read(whole(SHAPE)))


@pytest.mark.parametrize("name", WRITERS)
def test_our_readers_open_it(name: str, volume: Recording, tmp_path: Path) -> None:
    file = write_as(name, volume, tmp_path / "scan")
    source = open_source(file.path, file.dataset or None)
    assert source.shape == SHAPE
    np.testing.assert_array_equal(source.read(whole(SHAPE)), volume.read(whole(SHAPE)))


@pytest.mark.parametrize("name", WRITERS)
def test_only_one_plane_is_held(name: str, volume: Recording, tmp_path: Path) -> None:
    write_as(name, volume, tmp_path / "scan")
    assert volume.most == 1


def test_big_tiff_is_big_and_classic_is_not(volume: Recording, tmp_path: Path) -> None:
    magic = {
        name: write_as(name, volume, tmp_path / name).path.read_bytes()[2] for name in ("big_tiff", "multipage_tiff")
    }
    assert magic == {"big_tiff": 43, "multipage_tiff": 42}


def test_data_exchange_names_its_layout(volume: Recording, tmp_path: Path) -> None:
    with h5py.File(write_as("data_exchange", volume, tmp_path / "scan").path) as handle:
        assert handle["implements"][()].decode().startswith("exchange")
        assert handle["exchange/data"].chunks == (1, *SHAPE[1:])


def test_an_unknown_format_is_refused(volume: Recording, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'jpeg'.*tiff_folder"):
        write_as("jpeg", volume, tmp_path / "scan")
