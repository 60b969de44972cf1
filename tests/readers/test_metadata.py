"""What files say besides voxels: voxel size with its unit, classes, levels."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
import zarr

from readers.writers import ome_attributes
from tomocell.blocks import Limits
from tomocell.errors import BadInput
from tomocell.volumes.readers import open_source
from tomocell.volumes.store import Layout, create_store
from tomocell.volumes.volume import Classes, VoxelClass, whole

if TYPE_CHECKING:
    from pathlib import Path

VOXELS = np.arange(4 * 6 * 8, dtype=np.uint16).reshape(4, 6, 8)


# TIFF


def imagej(path: Path, unit: str, resolution: tuple[float, float], **notes: Any) -> Path:
    metadata = {"axes": "ZYX", "unit": unit, **notes}
    tifffile.imwrite(path / "v.tif", VOXELS, imagej=True, resolution=resolution, metadata=metadata)
    return path / "v.tif"


@pytest.mark.parametrize(
    ("unit", "um"), [("um", 1.0), ("micron", 1.0), ("\\u00B5m", 1.0), ("nm", 1e-3), ("mm", 1e3), ("cm", 1e4)]
)
def test_imagej_voxel_size(tmp_path: Path, unit: str, um: float) -> None:
    volume = open_source(imagej(tmp_path, unit, (4.0, 5.0), spacing=0.5))  # voxels a unit along x and y
    assert volume.voxel_size_um == pytest.approx((0.5 * um, um / 5, um / 4))


@pytest.mark.parametrize(
    ("unit", "resolution", "spacing"),
    [
        ("inch", (72.0, 72.0), 1.0),  # a printing default
        ("pixel", (1.0, 1.0), 1.0),
        ("", (1.0, 1.0), 1.0),
        ("um", (1e9, 1e9), 1.0),  # smaller than an atom
        ("m", (1.0, 1.0), 1.0),
        ("um", (4.0, 4.0), None),  # nothing along z
    ],
)
def test_imagej_voxel_size_not_to_be_believed(
    tmp_path: Path, unit: str, resolution: tuple[float, float], spacing: float | None
) -> None:
    notes = {} if spacing is None else {"spacing": spacing}
    assert open_source(imagej(tmp_path, unit, resolution, **notes)).voxel_size_um is None


def test_ome_voxel_size(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 325.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.325, "PhysicalSizeZ": 0.65}
    tifffile.imwrite(tmp_path / "v.ome.tif", VOXELS, ome=True, metadata={"axes": "ZYX", **sizes})
    assert open_source(tmp_path / "v.ome.tif").voxel_size_um == pytest.approx((0.65, 0.325, 0.325))


def test_resolution_tags_alone_say_nothing_along_z(tmp_path: Path) -> None:
    options: dict[str, Any] = {"resolution": (1e4, 1e4), "resolutionunit": "CENTIMETER", "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "v.tif", VOXELS, **options)
    assert open_source(tmp_path / "v.tif").voxel_size_um is None


def test_a_thumbnail_is_no_plane(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "v.tif") as out:
        for plane in VOXELS:
            out.write(plane, metadata=None)
        out.write(VOXELS[0, ::2, ::2], subfiletype=1, metadata=None)
    volume = open_source(tmp_path / "v.tif")
    np.testing.assert_array_equal(volume.read(whole(volume.shape)), VOXELS)


def test_one_image_is_a_volume_of_one_plane(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", VOXELS[0])
    volume = open_source(tmp_path / "v.tif")
    assert volume.shape == (1, 6, 8)
    np.testing.assert_array_equal(volume.read(whole(volume.shape))[0], VOXELS[0])


@pytest.mark.parametrize("bits", [1, 12])
def test_packed_integers(tmp_path: Path, bits: int) -> None:
    values = VOXELS % 2 == 1 if bits == 1 else VOXELS
    tifffile.imwrite(tmp_path / "v.tif", values, bitspersample=bits, photometric="minisblack")
    volume = open_source(tmp_path / "v.tif")
    assert volume.dtype == values.dtype
    np.testing.assert_array_equal(volume.read((slice(1, 3), slice(2, 5), slice(3, 8))), values[1:3, 2:5, 3:8])


# HDF5


def test_hdf5_element_size(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["/exchange/data"] = VOXELS
        file["/exchange/data"].attrs["element_size_um"] = [2.0, 1.0, 0.5]
    assert open_source(tmp_path / "v.h5").voxel_size_um == (2.0, 1.0, 0.5)


# zarr


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(("unit", "um"), [("micrometer", 1.0), ("nanometer", 1e-3), ("angstrom", 1e-4)])
def test_ome_zarr_scale_and_unit(tmp_path: Path, version: str, unit: str, um: float) -> None:
    attributes = ome_attributes(version, "zyx", [20.0, 10.0, 5.0], unit)
    group = zarr.create_group(tmp_path / "v.zarr", zarr_format=2 if version == "0.4" else 3, attributes=attributes)
    group.create_array("s0", data=VOXELS)
    expected = pytest.approx((20 * um, 10 * um, 5 * um))
    assert open_source(tmp_path / "v.zarr").voxel_size_um == expected
    assert open_source(tmp_path / "v.zarr", "s0").voxel_size_um == expected
    assert open_source(tmp_path / "v.zarr" / "s0").voxel_size_um == expected


def test_scale_of_a_level_times_that_of_the_image(tmp_path: Path) -> None:
    attributes = ome_attributes("0.5", "zyx", [1.0, 1.0, 1.0])
    image = attributes["ome"]["multiscales"][0]
    image["datasets"].append({"path": "s1", "coordinateTransformations": [{"type": "scale", "scale": [2.0] * 3}]})
    image["coordinateTransformations"] = [{"type": "scale", "scale": [0.3, 0.2, 0.1]}]
    group = zarr.create_group(tmp_path / "v.zarr", attributes=attributes)
    group.create_array("s0", data=VOXELS)
    group.create_array("s1", data=VOXELS[::2, ::2, ::2])
    assert open_source(tmp_path / "v.zarr").voxel_size_um == pytest.approx((0.3, 0.2, 0.1))
    coarse = open_source(tmp_path / "v.zarr", "s1")
    assert coarse.voxel_size_um == pytest.approx((0.6, 0.4, 0.2))
    np.testing.assert_array_equal(coarse.read(whole(coarse.shape)), VOXELS[::2, ::2, ::2])


def test_no_unit_no_voxel_size(tmp_path: Path) -> None:
    attributes = ome_attributes("0.5", "zyx", [1.0, 1.0, 1.0])
    for axis in attributes["ome"]["multiscales"][0]["axes"]:
        del axis["unit"]
    zarr.create_group(tmp_path / "v.zarr", attributes=attributes).create_array("s0", data=VOXELS)
    assert open_source(tmp_path / "v.zarr").voxel_size_um is None


def test_axes_in_another_order(tmp_path: Path) -> None:
    attributes = ome_attributes("0.5", "xcyz", [0.5, 1.0, 1.0, 2.0])
    group = zarr.create_group(tmp_path / "v.zarr", attributes=attributes)
    group.create_array("s0", data=VOXELS.transpose(2, 1, 0)[:, None])
    volume = open_source(tmp_path / "v.zarr")
    assert volume.shape == VOXELS.shape
    assert volume.voxel_size_um == (2.0, 1.0, 0.5)
    region = (slice(1, 3), slice(0, 5), slice(2, 7))
    np.testing.assert_array_equal(volume.read(region), VOXELS[region])


def test_foreign_names_of_classes_cannot_leave_the_folder(tmp_path: Path) -> None:
    attributes = ome_attributes("0.5", "zyx", [1.0, 1.0, 1.0])
    names = {0: "a b", 1: "../../evil", 2: "a_b", 3: "a_b_2", 4: "\u00e9\n", 1000: "cell"}
    attributes["ome"]["image-label"] = {
        "properties": [{"label-value": value, "name": name} for value, name in names.items()]
    }
    zarr.create_group(tmp_path / "v.zarr", attributes=attributes).create_array("s0", data=VOXELS)
    found = open_source(tmp_path / "v.zarr").classes
    assert [member.value for member in found] == [0, 1, 2, 3, 4]  # no voxel of a label volume has the value 1000
    assert found.names == ("a_b", "______evil", "a_b_2", "a_b_2_3", "__")


@pytest.mark.parametrize("name", ["", "../../../evil", "a/b", "a.b", "a b", "solid\n", "\u00e9"])
def test_a_class_whose_name_cannot_be_that_of_a_file_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="letters, digits"):
        VoxelClass(name, 1)


@pytest.mark.parametrize("value", [-1, 256])
def test_a_class_whose_value_no_label_has_is_refused(value: int) -> None:
    with pytest.raises(BadInput, match="from 0 to 255"):
        VoxelClass("solid", value)


def test_classes_of_an_image_label(tmp_path: Path) -> None:
    attributes = ome_attributes("0.5", "zyx", [1.0, 1.0, 1.0])
    attributes["ome"]["image-label"] = {
        "colors": [{"label-value": 0, "rgba": [0, 0, 0, 255]}, {"label-value": 4, "rgba": [255, 16, 1, 255]}],
        "properties": [{"label-value": 0, "name": "background"}, {"label-value": 3, "name": "pit"}],
    }
    zarr.create_group(tmp_path / "v.zarr", attributes=attributes).create_array("s0", data=VOXELS)
    expected = (VoxelClass("background", 0, "#000000"), VoxelClass("pit", 3), VoxelClass("label_4", 4, "#ff1001"))
    assert open_source(tmp_path / "v.zarr").classes == Classes(expected)


def test_series_of_a_converted_microscope_file(tmp_path: Path) -> None:
    root = zarr.create_group(tmp_path / "v.zarr", attributes={"ome": {"version": "0.5", "bioformats2raw.layout": 3}})
    image = root.create_group("0", attributes=ome_attributes("0.5", "zyx", [1.0, 2.0, 3.0]))
    image.create_array("s0", data=VOXELS)
    assert open_source(tmp_path / "v.zarr").voxel_size_um == (1.0, 2.0, 3.0)


def test_store_of_this_package_is_checked_against_its_manifest(tmp_path: Path) -> None:
    classes = Classes((VoxelClass("pore", 0, "#000000"), VoxelClass("solid", 1, "#ff8000")))
    layout = Layout(VOXELS.shape, np.dtype(np.uint8), (2.0, 1.0, 1.0), classes)
    path = tmp_path / "labels.ome.zarr"
    with create_store(path, layout, Limits()) as store:
        store.write(whole(VOXELS.shape), (VOXELS % 2).astype(np.uint8))
    volume = open_source(path)
    assert (volume.voxel_size_um, volume.classes) == ((2.0, 1.0, 1.0), classes)
    np.testing.assert_array_equal(volume.read(whole(VOXELS.shape)), VOXELS % 2)
    foreign = open_source(path, "0")  # the same array, as another program's store would be read
    assert (foreign.voxel_size_um, foreign.classes) == ((2.0, 1.0, 1.0), classes)
    np.testing.assert_array_equal(foreign.read(whole(VOXELS.shape)), VOXELS % 2)
    next(item for item in (path / "0").rglob("*") if item.is_file() and item.name != "zarr.json").unlink()
    with pytest.raises(BadInput, match="no file"):
        open_source(path)


# formats of ITK


def write_nifti(path: Path, spacing: tuple[float, ...], units: int, slope: float = 1.0, intercept: float = 0.0) -> Path:
    image = sitk.GetImageFromArray(VOXELS)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path / "v.nii"))
    data = bytearray((path / "v.nii").read_bytes())
    data[123] = units
    data[112:120] = struct.pack("<2f", slope, intercept)
    (path / "v.nii").write_bytes(data)
    return path / "v.nii"


@pytest.mark.parametrize(
    ("units", "expected"),
    [(3, (4.0, 2.0, 0.5)), (2, (4000.0, 2000.0, 500.0)), (2 + 8, (4000.0, 2000.0, 500.0)), (0, None)],
)
def test_nifti_units(tmp_path: Path, units: int, expected: tuple[float, ...] | None) -> None:
    assert open_source(write_nifti(tmp_path, (0.5, 2.0, 4.0), units)).voxel_size_um == expected


def test_a_spacing_of_one_counts_as_not_set(tmp_path: Path) -> None:
    assert open_source(write_nifti(tmp_path, (1.0, 1.0, 1.0), 2)).voxel_size_um is None


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, 3.0), (2.0, -1.0), (1.0, 7.0)])
def test_nifti_scaling_as_simpleitk_applies_it(tmp_path: Path, slope: float, intercept: float) -> None:
    path = write_nifti(tmp_path, (1.0, 1.0, 1.0), 2, slope, intercept)
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    volume = open_source(path)
    found = volume.read((slice(1, 3), slice(0, 6), slice(2, 8)))
    assert found.dtype == volume.dtype
    np.testing.assert_allclose(found, expected[1:3, :, 2:8])


def test_a_slope_of_zero_means_not_scaled(tmp_path: Path) -> None:
    volume = open_source(write_nifti(tmp_path, (1.0, 1.0, 1.0), 2, 0.0, 7.0))
    np.testing.assert_array_equal(volume.read(whole(volume.shape)), VOXELS)


@pytest.mark.parametrize(("unit", "um"), [('"um"', 1.0), ('"mm" "mm" "mm"', 1e3), ("", None), ('"mm" "um" "mm"', None)])
def test_nrrd_space_units(tmp_path: Path, unit: str, um: float | None) -> None:
    directions = "(0,0,0.5) (0,-2,0) (3,0,4)"  # x along the third axis of the space, z oblique
    head = f"NRRD0004\ntype: ushort\ndimension: 3\nspace dimension: 3\nsizes: 8 6 4\nspace directions: {directions}\n"
    head += (f"space units: {unit}\n" if unit else "") + "endian: little\nencoding: raw\n\n"
    (tmp_path / "v.nrrd").write_bytes(head.encode() + VOXELS.tobytes())
    volume = open_source(tmp_path / "v.nrrd")
    assert volume.voxel_size_um == (None if um is None else pytest.approx((5 * um, 2 * um, 0.5 * um)))
    np.testing.assert_array_equal(volume.read(whole(volume.shape)), VOXELS)


def test_bytes_to_skip_before_detached_voxels(tmp_path: Path) -> None:
    (tmp_path / "v.bin").write_bytes(b"12345" + VOXELS.tobytes())
    for skip in (5, -1):
        head = f"NRRD0005\ntype: uint16\ndimension: 3\nsizes: 8 6 4\nendian: little\nencoding: raw\nbyte skip: {skip}\n"
        (tmp_path / "v.nhdr").write_text(f"{head}data file: v.bin\n")
        np.testing.assert_array_equal(open_source(tmp_path / "v.nhdr").read(whole((4, 6, 8))), VOXELS)
        head = "NDims = 3\nDimSize = 8 6 4\nElementSpacing = 1 2 3\nDistanceUnits = um\nElementType = MET_USHORT\n"
        (tmp_path / "v.mhd").write_text(f"{head}HeaderSize = {skip}\nElementDataFile = v.bin\n")
        volume = open_source(tmp_path / "v.mhd")
        np.testing.assert_array_equal(volume.read(whole((4, 6, 8))), VOXELS)
        assert volume.voxel_size_um == (3.0, 2.0, 1.0)


def test_nifti_2(tmp_path: Path) -> None:  # offsets of the published header: SimpleITK reads NIfTI-1 only
    head = bytearray(544)
    struct.pack_into(">i8shh8q", head, 0, 540, b"n+2\0\r\n\x1a\n", 512, 16, 3, 8, 6, 4, 1, 1, 1, 1)
    struct.pack_into(">8d", head, 104, 1, 0.5, 2.0, 4.0, 1, 1, 1, 1)
    struct.pack_into(">q", head, 168, 544)
    struct.pack_into(">i", head, 500, 3)
    (tmp_path / "v.nii").write_bytes(bytes(head) + VOXELS.astype(">u2").tobytes())
    volume = open_source(tmp_path / "v.nii")
    assert volume.voxel_size_um == (4.0, 2.0, 0.5)
    np.testing.assert_array_equal(volume.read(whole(volume.shape)), VOXELS)


def test_gzip_of_several_members(tmp_path: Path) -> None:
    data = write_nifti(tmp_path, (1.0, 1.0, 1.0), 2).read_bytes()
    members = [gzip.compress(data[:400]), gzip.compress(data[400:500]), gzip.compress(data[500:])]
    (tmp_path / "v.nii.gz").write_bytes(b"".join(members))
    volume = open_source(tmp_path / "v.nii.gz")
    np.testing.assert_array_equal(volume.read(whole(volume.shape)), VOXELS)


# VTK


@pytest.mark.parametrize("binary", [True, False])
def test_vtk_arrays_behind_others(tmp_path: Path, *, binary: bool) -> None:
    import pyvista

    image = pyvista.ImageData(dimensions=VOXELS.shape[::-1])
    image.point_data["flow"] = np.ones((VOXELS.size, 3), np.float32)
    image.point_data.active_vectors_name = "flow"
    image.point_data["rgb"] = np.ones((VOXELS.size, 3), np.uint8)
    image.point_data.active_scalars_name = "rgb"
    image.point_data["a name"] = VOXELS.ravel()
    image.point_data["mask"] = VOXELS.ravel() > 9
    image.field_data["notes"] = ["two words", "x" * 300]
    image.save(tmp_path / "v.vtk", binary=binary)
    for name, expected in (("a name", VOXELS), ("mask", VOXELS > 9)):
        volume = open_source(tmp_path / "v.vtk", name)
        np.testing.assert_array_equal(volume.read(whole(VOXELS.shape)), expected)


def test_other_formats_know_no_unit(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", VOXELS)
    assert open_source(tmp_path / "v.npy").voxel_size_um is None
