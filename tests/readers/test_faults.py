"""One fault each: what the user is told."""

from __future__ import annotations

import gzip
import json
import os
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from readers.writers import ome_attributes
from tomocell.errors import BadInput
from tomocell.volumes.readers import open_source
from tomocell.volumes.volume import whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLANES = np.arange(10 * 6 * 5, dtype=np.uint16).reshape(10, 6, 5)


def refused(path: Path, *parts: str, dataset: str | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        open_source(path, dataset)
    text = str(caught.value)
    for part in parts:
        assert part in text
    return text


def slices(folder: Path, numbers: list[int] | None = None, name: str = "slice_{:04}.tif", **options: Any) -> Path:
    folder.mkdir()
    for number, plane in zip(numbers or range(10), PLANES, strict=False):
        tifffile.imwrite(folder / name.format(number), plane, **options)
    return folder


# any format


def test_missing_path_names_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "scan_01.tif").touch()
    refused(tmp_path / "scan_O1.tif", "scan_O1.tif: found 'nothing'", "beside it lies scan_01.tif")


def test_missing_folder_says_how_far_the_path_goes(tmp_path: Path) -> None:
    refused(tmp_path / "raw" / "cell" / "scan.tif", f"it exists up to {tmp_path}")


def test_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "scan.docx").touch()
    refused(
        tmp_path / "scan.docx", "found '.docx'", "HDF5 (.h5", "NRRD (.nrrd", "folder of TIFF slices", "VTK image data"
    )


def test_folder_without_slices_says_what_is_in_it(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "notes"):
        (tmp_path / name).touch()
    refused(tmp_path, "a folder with files: 2 .png, 1 without extension")


@pytest.mark.parametrize("name", ["v.tif", "v.raw", "v.npy", "v.nrrd"])
def test_a_dataset_is_not_ignored(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    refused(tmp_path / name, "dataset: found '/exchange/data'", "leave the dataset empty", dataset="/exchange/data")


@pytest.mark.parametrize(
    "name", ["v.tif", "v.npy", "v.npz", "v.nrrd", "v.mha", "v.nii", "v.nii.gz", "v.vti", "v.vtk", "v.h5"]
)
@pytest.mark.parametrize("content", [b"", b"not what its name says\n" * 40])
def test_other_content_than_the_name_says(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, name)


def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "v.npy"
    np.save(path, PLANES)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    refused(path, "Permission denied")


# folder of slices


def test_gap_in_the_numbering_names_the_missing_numbers(tmp_path: Path) -> None:
    folder = slices(tmp_path / "s", [1, 2, 4, 8, 9])
    refused(folder, "5 slices, without number 3, 5-7", "every number from 1 to 9")


def test_slice_of_another_shape_is_named_with_both_shapes(tmp_path: Path) -> None:
    folder = slices(tmp_path / "s")
    tifffile.imwrite(folder / "slice_0003.tif", PLANES[3].T)
    refused(folder, "slice_0003.tif: found 'shape (5, 6)", "expected shape (6, 5)", "as in", "slice_0000.tif")


def test_slice_of_another_type_is_named_with_both_types(tmp_path: Path) -> None:
    folder = slices(tmp_path / "s")
    tifffile.imwrite(folder / "slice_0007.tif", PLANES[7].astype(np.uint8))
    refused(folder, "slice_0007.tif", "unsigned 8 bit", "unsigned 16 bit")


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
def test_truncated_slice_is_named(tmp_path: Path, options: dict[str, str]) -> None:
    folder = slices(tmp_path / "s", **options)
    path = folder / "slice_0005.tif"
    path.write_bytes(path.read_bytes()[:-3])
    refused(folder, "slice_0005.tif", "truncated")


def test_empty_slice_is_named(tmp_path: Path) -> None:
    folder = slices(tmp_path / "s")
    (folder / "slice_0005.tif").write_bytes(b"")
    refused(folder, "slice_0005.tif")


def test_mixed_extensions(tmp_path: Path) -> None:
    folder = slices(tmp_path / "s")
    (folder / "slice_0003.tif").rename(folder / "slice_0003.tiff")
    refused(folder, "9 .tif, 1 .tiff", "one extension")


def test_two_sets_in_one_folder(tmp_path: Path) -> None:
    folder = slices(tmp_path / "s")
    tifffile.imwrite(folder / "dark_0001.tif", PLANES[0])
    refused(folder, "10 like slice_#, 1 like dark_#")


def test_two_numbers_that_change(tmp_path: Path) -> None:
    folder = slices(tmp_path / "s", name="scan_1_{:03}.tif")
    (folder / "scan_1_009.tif").rename(folder / "scan_2_009.tif")
    refused(folder, "2 numbers that change", "one number that counts the slices")


def test_the_same_number_twice(tmp_path: Path) -> None:
    folder = slices(tmp_path / "s")
    tifffile.imwrite(folder / "slice_3.tif", PLANES[0])
    refused(folder, "the same number in slice_0003.tif and slice_3.tif")


def test_slice_with_several_pages(tmp_path: Path) -> None:
    folder = slices(tmp_path / "s")
    tifffile.imwrite(folder / "slice_0004.tif", PLANES, metadata=None)
    refused(folder, "slice_0004.tif: found '10 pages'", "one page a slice")


def test_natural_order_of_numbers(tmp_path: Path) -> None:
    folder = slices(tmp_path / "s", list(range(95, 105)), name="slice{}.tif")
    volume = open_source(folder)
    np.testing.assert_array_equal(volume.read(whole(volume.shape)), PLANES)


# one TIFF


@pytest.mark.parametrize(
    "options", [{}, {"metadata": None}, {"compression": "zlib"}, {"imagej": True}, {"bigtiff": True}]
)
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.98])
def test_truncated_stack(tmp_path: Path, options: dict[str, Any], kept: float) -> None:
    path = tmp_path / "v.tif"
    tifffile.imwrite(path, np.tile(PLANES, (1, 8, 8)), **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    refused(path, "v.tif", "truncated")


def test_pages_of_different_shape(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "v.tif") as out:
        for number, plane in enumerate(PLANES):
            out.write(plane.T if number == 6 else plane, metadata=None)
    refused(tmp_path / "v.tif", "page 7: found 'shape (5, 6)", "expected shape (6, 5)")


def test_a_chain_of_pages_that_bites_its_tail(tmp_path: Path) -> None:
    path = tmp_path / "v.tif"
    tifffile.imwrite(path, PLANES[0], metadata=None)
    data = bytearray(path.read_bytes())
    first = int.from_bytes(data[4:8], "little")
    behind = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[behind : behind + 4] = first.to_bytes(4, "little")
    path.write_bytes(data)
    refused(path, "page 2", "a directory at byte")


def test_colour_image(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", np.zeros((4, 6, 5, 3), np.uint8), photometric="rgb")
    refused(tmp_path / "v.tif", "3 channels", "one grey value or label a voxel")


@pytest.mark.parametrize("options", [{"imagej": True}, {"ome": True}])
def test_channels_and_slices(tmp_path: Path, options: dict[str, bool]) -> None:
    voxels = np.zeros((4, 2, 6, 5), np.uint16)
    tifffile.imwrite(tmp_path / "v.tif", voxels, metadata={"axes": "ZCYX"}, **options)
    refused(tmp_path / "v.tif", "one axis besides rows and columns", "export one channel")


def test_one_part_of_a_stack_in_several_files(tmp_path: Path) -> None:
    path = tmp_path / "v.tif"
    tifffile.imwrite(path, PLANES, ome=True, metadata={"axes": "ZYX"}, compression="zlib")
    path.write_bytes(path.read_bytes().replace(b'SizeZ="10"', b'SizeZ="20"'))
    refused(path, "10 pages", "20, as its description says")


def test_strip_that_was_never_written(tmp_path: Path) -> None:
    path = tmp_path / "v.tif"
    tifffile.imwrite(path, PLANES, compression="zlib", metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[3].tags["StripByteCounts"].overwrite(0)
    volume = open_source(path)
    with pytest.raises(BadInput, match=r"page 4: found 'strip or tile 1 of 1 was never written'"):
        volume.read(whole(volume.shape))
    np.testing.assert_array_equal(volume.read((slice(4, 6), slice(0, 6), slice(0, 5))), PLANES[4:6])


def test_pages_compressed_in_different_ways(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "v.tif") as out:
        for number, plane in enumerate(PLANES):
            out.write(plane, metadata=None, compression="lzw" if number == 2 else "zlib")
    refused(tmp_path / "v.tif", "page 3: found 'Packing(compression=5", "page 1: Packing(compression=8", "in one way")


@pytest.mark.parametrize("dtype", ["complex64", "float16"])
def test_types_of_numbers(tmp_path: Path, dtype: str) -> None:
    tifffile.imwrite(tmp_path / "v.tif", PLANES.astype(dtype))
    if dtype == "float16":
        assert open_source(tmp_path / "v.tif").dtype == np.float16
    else:
        refused(tmp_path / "v.tif", "sample format 6 64 bit", "8, 16 or 32 bit integers or floats")


# files that change under the reader


def test_a_file_cut_short_after_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "v.npy"
    np.save(path, PLANES)
    volume = open_source(path)
    os.truncate(path, 300)
    with pytest.raises(BadInput, match=r"v.npy: found 'the file ends at byte 300"):
        volume.read(whole(volume.shape))


# HDF5


@pytest.fixture
def h5(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["/entry/volume"] = PLANES
        file["/entry/image"] = PLANES[0]
        file["/entry/names"] = "abc"
    return tmp_path / "v.h5"


def test_missing_dataset_lists_the_volumes(h5: Path) -> None:
    text = refused(h5, "no dataset /exchange/data", "there are: /entry/volume (10, 6, 5) uint16")
    assert "/entry/image" not in text


def test_group_instead_of_a_dataset(h5: Path) -> None:
    refused(h5, "/entry, a group", "/entry/volume", dataset="/entry")


@pytest.mark.parametrize(("dataset", "part"), [("/entry/image", "three axes (Z, Y, X)"), ("/entry/names", "integers")])
def test_dataset_that_is_no_volume(h5: Path, dataset: str, part: str) -> None:
    refused(h5, part, dataset=dataset)


def test_truncated_hdf5(h5: Path) -> None:
    h5.write_bytes(h5.read_bytes()[:-100])
    refused(h5, "truncated file", dataset="/entry/volume")


def test_projections_are_no_volume(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["/exchange/data"] = PLANES
        file["/exchange/data"].attrs["axes"] = "theta:y:x"
    refused(tmp_path / "v.h5", "axes theta:y:x", "reconstruct it first")


def test_dataset_that_was_never_filled(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_dataset("/exchange/data", (10, 6, 5), "u2", chunks=(2, 2, 2))
    refused(tmp_path / "v.h5", "a dataset without data", "never filled")


def test_virtual_dataset_without_its_files(tmp_path: Path) -> None:
    layout = h5py.VirtualLayout((10, 6, 5), "u2")
    layout[:5] = h5py.VirtualSource("part_1.h5", "data", (5, 6, 5))
    layout[5:] = h5py.VirtualSource("part_2.h5", "data", (5, 6, 5))
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_virtual_dataset("/exchange/data", layout)
    with h5py.File(tmp_path / "part_1.h5", "w") as file:
        file["data"] = PLANES[:5]
    text = refused(tmp_path / "v.h5", "part_2.h5")
    assert "part_1" not in text
    with h5py.File(tmp_path / "part_2.h5", "w") as file:
        file["data"] = PLANES[5:]
    volume = open_source(tmp_path / "v.h5")
    np.testing.assert_array_equal(volume.read(whole(volume.shape)), PLANES)


# zarr


def test_zarr_group_lists_its_arrays(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "v.zarr")
    group.create_array("deep/grey", data=PLANES)
    refused(tmp_path / "v.zarr", "a group", "deep/grey (10, 6, 5)")
    refused(tmp_path / "v.zarr", "dataset nothing", "deep/grey (10, 6, 5)", dataset="nothing")


def test_zarr_with_channels(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "v.zarr", attributes=ome_attributes("0.5", "czyx", [1.0] * 4))
    group.create_array("s0", data=np.zeros((2, 3, 4, 5), np.uint8))
    refused(tmp_path / "v.zarr", "shape (2, 3, 4, 5)", "one volume with axes (z, y, x)")


def test_folder_called_zarr_without_anything(tmp_path: Path) -> None:
    (tmp_path / "v.zarr").mkdir()
    refused(tmp_path / "v.zarr", "a zarr store")


@pytest.mark.parametrize("kept", [20, 60, -1])
def test_blosc_chunk_cut_short(tmp_path: Path, kept: int) -> None:
    noise = np.random.default_rng(0).integers(0, 65535, (4, 4, 4), np.uint16)
    zarr.create_array(tmp_path / "v.zarr", data=noise, chunks=(4, 4, 4), compressors=zarr.codecs.BloscCodec())
    volume = open_source(tmp_path / "v.zarr")
    chunk = tmp_path / "v.zarr" / "c" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:kept])
    with pytest.raises(BadInput, match="chunk c/0/0/0 has"):
        volume.read(whole(volume.shape))


# NumPy


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.full((2, 2, 2), {}, dtype=object), allow_pickle=True)
    refused(tmp_path / "v.npy", "'object'", "integers, floats or booleans")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archive_with_several_arrays_needs_a_name(tmp_path: Path, save: Callable[..., None]) -> None:
    save(tmp_path / "v.npz", grey=PLANES, mask=PLANES > 3)
    refused(tmp_path / "v.npz", "2 arrays and no dataset", "one of: grey, mask")
    assert open_source(tmp_path / "v.npz", "mask").dtype == np.bool_


def test_truncated_array(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", PLANES)
    size = (tmp_path / "v.npy").stat().st_size
    os.truncate(tmp_path / "v.npy", size - 1)
    refused(tmp_path / "v.npy", f"{size - 1} bytes", f"at least {size} bytes", "truncated")


def test_image_instead_of_a_volume(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", PLANES[0])
    refused(tmp_path / "v.npy", "shape (6, 5)", "three axes (Z, Y, X)")


def test_empty_volume(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", PLANES[:0])
    refused(tmp_path / "v.npy", "at least one voxel")


# raw


def raw(folder: Path, **changes: Any) -> Path:
    sidecar: dict[str, Any] = {"shape": [10, 6, 5], "dtype": "uint16", "byte_order": "little"} | changes
    PLANES.tofile(folder / "v.raw")
    kept = {key: value for key, value in sidecar.items() if value is not ...}
    (folder / "v.json").write_text(json.dumps(kept))
    return folder / "v.raw"


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"shape": [10, 6, 6]}, ("found '600 bytes'", "720 bytes, as v.json says")),
        ({"offset_bytes": 2}, ("600 bytes", "602 bytes")),
        ({"voxelsize": [1, 1, 1]}, ("the key voxelsize", "voxel_size_um, offset_bytes")),
        ({"dtype": ...}, ("no dtype", "shape, dtype, byte_order")),
        ({"dtype": "uint12"}, ("v.json, dtype", "'uint12'")),
        ({"shape": [10, 6]}, ("v.json, shape",)),
        ({"shape": [10, 6.5, 5]}, ("v.json, shape", "6.5", "planes, rows and columns")),
        ({"shape": [10, 0, 5]}, ("v.json, shape", "[10, 0, 5]", "greater than or equal to 1")),
        ({"byte_order": "middle"}, ("v.json, byte_order", "little or big")),
        ({"voxel_size_um": [0, 1, 1]}, ("v.json, voxel_size_um: found [0, 1, 1]", "micrometres")),
        ({"voxel_size_um": [1.33e-6] * 3}, ("v.json, voxel_size_um", "1.33e-06", "micrometres")),
        ({"voxel_size_um": [float("nan"), 1, 1]}, ("v.json, voxel_size_um",)),
    ],
)
def test_sidecar_with_one_fault(tmp_path: Path, changes: dict[str, Any], parts: tuple[str, ...]) -> None:
    refused(raw(tmp_path, **changes), *parts)


def test_every_fault_of_a_sidecar_is_told_at_once(tmp_path: Path) -> None:
    refused(raw(tmp_path, dtype="uint12", order="big"), "uint12", "the key order")


def test_raw_without_a_sidecar(tmp_path: Path) -> None:
    PLANES.tofile(tmp_path / "v.raw")
    refused(tmp_path / "v.raw", "no sidecar", "v.raw.json or v.json beside it", '"shape"')
    (tmp_path / "v.mhd").touch()
    refused(tmp_path / "v.raw", "give v.mhd instead")


def test_sidecar_that_is_no_json(tmp_path: Path) -> None:
    path = raw(tmp_path)
    (tmp_path / "v.json").write_text("{'shape': 3}")
    refused(path, "v.json", "a JSON sidecar")
    (tmp_path / "v.json").write_text("[1, 2]")
    refused(path, "v.json: found [1, 2]", "an object with the keys shape")


# formats of ITK and VTK


def test_detached_header_without_its_data(tmp_path: Path) -> None:
    head = "NDims = 3\nDimSize = 5 6 10\nElementType = MET_USHORT\nElementDataFile = v.raw\n"
    (tmp_path / "v.mhd").write_text(head)
    refused(tmp_path / "v.mhd", "v.raw", "a readable file")
    PLANES[:9].tofile(tmp_path / "v.raw")
    refused(tmp_path / "v.mhd", "v.raw", "540 bytes", "at least 600 bytes", "truncated")


def test_several_channels(tmp_path: Path) -> None:
    head = "NRRD0004\ntype: uchar\ndimension: 4\nsizes: 3 5 6 10\nencoding: raw\n\n"
    (tmp_path / "v.nrrd").write_bytes(head.encode() + bytes(900))
    refused(tmp_path / "v.nrrd", "shape (10, 6, 5, 3)", "give one channel")


@pytest.mark.parametrize("name", ["LIST", "slice%03d.raw 1 10 1"])
def test_list_of_files(tmp_path: Path, name: str) -> None:
    head = f"NDims = 3\nDimSize = 5 6 10\nElementType = MET_USHORT\nElementDataFile = {name}\n"
    (tmp_path / "v.mhd").write_text(head)
    refused(tmp_path / "v.mhd", "list of files", "folder of slices")


def test_compressed_stream_with_a_flipped_bit(tmp_path: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    path = tmp_path / "v.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(PLANES), str(path))
    data = bytearray(gzip.decompress(path.read_bytes()))
    packed = bytearray(gzip.compress(bytes(data), compresslevel=0))
    packed[-40] ^= 4
    path.write_bytes(packed)
    volume = open_source(path)
    with pytest.raises(BadInput, match="incorrect data check"):
        volume.read(whole(volume.shape))


def test_compressed_volume_too_large_to_decode_whole(tmp_path: Path) -> None:
    head = "NRRD0004\ntype: ushort\ndimension: 3\nsizes: 2000 2000 2000\nendian: little\nencoding: gzip\n\n"
    (tmp_path / "v.nrrd").write_bytes(head.encode() + gzip.compress(b"0"))
    refused(tmp_path / "v.nrrd", "15258 MiB", "at most 1024 MiB", "without compression")


def test_text_whose_last_number_may_be_cut(tmp_path: Path) -> None:
    head = "NRRD0004\ntype: ushort\ndimension: 3\nsizes: 2 1 1\nencoding: ascii\n\n"
    (tmp_path / "v.nrrd").write_text(head + "123 456\n")
    volume = open_source(tmp_path / "v.nrrd")
    assert volume.read(whole(volume.shape)).tolist() == [[[123, 456]]]
    (tmp_path / "v.nrrd").write_text(head + "123 45")
    with pytest.raises(BadInput, match="may be cut"):
        open_source(tmp_path / "v.nrrd").read(whole(volume.shape))


def test_vtk_that_is_no_image(tmp_path: Path) -> None:
    import pyvista

    pyvista.Sphere().save(tmp_path / "v.vtk")
    refused(tmp_path / "v.vtk", "DATASET POLYDATA", "STRUCTURED_POINTS")


@pytest.mark.parametrize("name", ["v.vti", "v.vtk"])
def test_vtk_arrays_are_listed(tmp_path: Path, name: str) -> None:
    import pyvista

    image = pyvista.ImageData(dimensions=(5, 6, 10))
    image.point_data["grey"] = PLANES.ravel()
    image.point_data["mask"] = PLANES.ravel() > 3
    image.save(tmp_path / name)
    refused(tmp_path / name, "2 arrays and no dataset", "grey", "mask")
    refused(tmp_path / name, "'gray'", "grey", "mask", dataset="gray")
    volume = open_source(tmp_path / name, "mask")
    np.testing.assert_array_equal(volume.read(whole(volume.shape)), PLANES > 3)


def test_steps_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", PLANES)
    with pytest.raises(BadInput, match="slices without a step"):
        open_source(tmp_path / "v.npy").read((slice(0, 9, 2), slice(0, 1), slice(0, 1)))
