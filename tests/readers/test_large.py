"""Opening reads headers only, a region only itself: shown on sparse files far larger than the memory allowed."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import tomocell

if TYPE_CHECKING:
    from collections.abc import Callable

    from tomocell.volumes.volume import Shape

SHAPE = (1024, 2048, 1024)  # 4 GiB of 16 bit
BYTES = SHAPE[0] * SHAPE[1] * SHAPE[2] * 2
MARK = (700, 1500, 900)
GROWTH_MIB = 48  # of the process, the region's 1 MiB and the format's library included
GROWTH_OF = {"hdf5": 96, "zarr": 160}  # the libraries alone

# The high-water mark of resident memory of this program alone: getrusage begins with that of the one that started it.
READ = """
import re, sys
import numpy as np
from tomocell.volumes.readers import open_source
def peak_kib():
    return int(re.search("VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
before = peak_kib()
volume = open_source(sys.argv[1])
z, y, x = (int(number) for number in sys.argv[2:])
block = volume.read((slice(z - 4, z + 4), slice(y - 128, y + 128), slice(x - 64, x + 64)))
after = peak_kib()
print(volume.shape, block[4, 128, 64], np.count_nonzero(block), (after - before) // 1024)
"""


def sparse(path: Path, head: bytes, tail: bytes = b"") -> Path:
    """Write a file of zeros with one voxel set, which takes no room on the disk."""
    place = ((MARK[0] * SHAPE[1] + MARK[1]) * SHAPE[2] + MARK[2]) * 2
    with path.open("wb") as handle:
        handle.write(head)
        handle.truncate(len(head) + BYTES)
        handle.seek(len(head) + place)
        handle.write((4711).to_bytes(2, "little"))
        handle.seek(0, os.SEEK_END)
        handle.write(tail)
    return path


def npy(folder: Path, shape: Shape) -> Path:
    import io

    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<u2", "fortran_order": False, "shape": shape})
    return sparse(folder / "v.npy", head.getvalue())


def raw(folder: Path, shape: Shape) -> Path:
    (folder / "v.json").write_text(json.dumps({"shape": shape, "dtype": "uint16"}))
    return sparse(folder / "v.raw", b"")


def big_tiff(folder: Path, shape: Shape) -> Path:
    """A directory a plane, all behind the voxels."""
    plane = shape[1] * shape[2] * 2
    entries = [
        (256, 4, shape[2]),
        (257, 4, shape[1]),
        (258, 3, 16),
        (259, 3, 1),
        (262, 3, 1),
        (277, 3, 1),
        (278, 4, shape[1]),
    ]
    size = 8 + 20 * (len(entries) + 2) + 8
    first = 16 + BYTES
    pages = bytearray()
    for number in range(shape[0]):
        tags = sorted([*entries, (273, 16, 16 + number * plane), (279, 16, plane)])
        following = 0 if number == shape[0] - 1 else first + (number + 1) * size
        pages += struct.pack("<Q", len(tags)) + b"".join(struct.pack("<HHQQ", c, t, 1, v) for c, t, v in tags)
        pages += struct.pack("<Q", following)
    return sparse(folder / "v.tif", b"II" + struct.pack("<HHHQ", 43, 8, 0, first), bytes(pages))


def imagej(folder: Path, shape: Shape) -> Path:
    """One directory, the voxels behind it: how ImageJ writes beyond 4 GiB."""
    text = f"ImageJ=1.54f\nimages={shape[0]}\nslices={shape[0]}\n".encode() + b"\0"
    start = 8 + 2 + 12 * 9 + 4
    entries = [
        *((256, 4, 1, shape[2]), (257, 4, 1, shape[1]), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1)),
        *((270, 2, len(text), start), (273, 4, 1, start + len(text)), (277, 3, 1, 1), (278, 4, 1, shape[1])),
    ]
    head = b"II" + struct.pack("<HI", 42, 8) + struct.pack("<H", len(entries))
    head += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4) + text
    return sparse(folder / "v.tif", head)


def nrrd(folder: Path, shape: Shape) -> Path:
    sizes = " ".join(str(length) for length in shape[::-1])
    head = f"NRRD0004\ntype: ushort\ndimension: 3\nsizes: {sizes}\nendian: little\nencoding: raw\n\n"
    return sparse(folder / "v.nrrd", head.encode())


def metaimage(folder: Path, shape: Shape) -> Path:
    sizes = " ".join(str(length) for length in shape[::-1])
    head = f"NDims = 3\nDimSize = {sizes}\nElementType = MET_USHORT\nElementDataFile = v.zeros\n"
    (folder / "v.mhd").write_text(head)
    sparse(folder / "v.zeros", b"")
    return folder / "v.mhd"


def hdf5(folder: Path, shape: Shape) -> Path:
    import h5py

    with h5py.File(folder / "v.h5", "w") as file:
        data = file.create_dataset("/exchange/data", shape, "u2", chunks=(8, 256, 256))
        data[MARK] = 4711
    return folder / "v.h5"


def zarr(folder: Path, shape: Shape) -> Path:
    import zarr as library

    array = library.create_array(folder / "v.zarr", shape=shape, dtype="u2", chunks=(8, 256, 256))
    array[MARK] = 4711
    return folder / "v.zarr"


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("write", [npy, raw, big_tiff, imagej, nrrd, metaimage, hdf5, zarr])
def test_a_region_of_four_gibibytes(tmp_path: Path, write: Callable[[Path, Shape], Path]) -> None:
    path = write(tmp_path, SHAPE)
    if write in (npy, raw) and path.stat().st_blocks * 512 > BYTES // 2:
        pytest.skip("this file system knows no sparse files")
    library = str(Path(tomocell.__file__).parents[1])
    command = [sys.executable, "-c", READ, str(path), *(str(number) for number in MARK)]
    environment = os.environ | {"PYTHONPATH": library}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
    *answer, growth_mib = done.stdout.split()
    assert " ".join(answer) == f"{SHAPE} 4711 1"
    assert int(growth_mib) < GROWTH_OF.get(write.__name__, GROWTH_MIB)
