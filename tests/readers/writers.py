"""The same volume written by each format's own library: what the contract of the readers is tried on."""

from __future__ import annotations

import bz2
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Voxels = NDArray[Any]
    Written = tuple[Path, str | None]
    Write = Callable[[Path, Voxels], Written]

WRITERS: dict[str, Write] = {}


def writer(write: Write) -> Write:
    WRITERS[write.__name__] = write
    return write


def _tiff(name: str, **options: Any) -> None:
    def write(folder: Path, voxels: Voxels) -> Written:
        import tifffile

        tifffile.imwrite(folder / "v.tif", voxels, photometric="minisblack", **options)
        return folder / "v.tif", None

    WRITERS[name] = write


_tiff("tiff")
_tiff("tiff_big_file", bigtiff=True, metadata=None)
_tiff("tiff_big_endian", byteorder=">", metadata=None)
_tiff("tiff_imagej", imagej=True, metadata={"axes": "ZYX"})
_tiff("tiff_ome", ome=True, metadata={"axes": "ZYX"})
_tiff("tiff_strips", rowsperstrip=3, compression="zlib", predictor=True, metadata=None)
_tiff("tiff_strips_big_endian", rowsperstrip=2, compression="lzw", byteorder=">", bigtiff=True)
_tiff("tiff_tiles", tile=(16, 16), compression="zstd", metadata=None)
_tiff("tiff_tiles_plain", tile=(16, 16), metadata=None)


@writer
def tiff_one_by_one(folder: Path, voxels: Voxels) -> Written:
    import tifffile

    with tifffile.TiffWriter(folder / "v.tiff") as out:
        for plane in voxels:
            out.write(plane, contiguous=False, photometric="minisblack")
    return folder / "v.tiff", None


@writer
def tiff_one_directory(folder: Path, voxels: Voxels) -> Written:
    """As ImageJ writes beyond 4 GiB: one page, the other planes behind it."""
    import tifffile

    tifffile.imwrite(folder / "v.tif", voxels, imagej=True, metadata={"axes": "ZYX"})
    data = bytearray((folder / "v.tif").read_bytes())
    order = {"II": "little", "MM": "big"}[data[:2].decode()]
    first = int.from_bytes(data[4:8], order)
    count = int.from_bytes(data[first : first + 2], order)
    behind = first + 2 + 12 * count
    data[behind : behind + 4] = bytes(4)
    (folder / "v.tif").write_bytes(data)
    return folder / "v.tif", None


def _folder(name: str, **options: Any) -> None:
    def write(folder: Path, voxels: Voxels) -> Written:
        import tifffile

        (folder / "slices").mkdir()
        for number, plane in enumerate(voxels, 8):  # 8, 9, 10, ...: not in alphabetical order
            tifffile.imwrite(folder / "slices" / f"scan2_{number}_8bit.tif", plane, photometric="minisblack", **options)
        (folder / "slices" / "._scan2_8_8bit.tif").write_bytes(b"resource fork")
        (folder / "slices" / "notes.txt").write_text("dose 3")
        return folder / "slices", None

    WRITERS[name] = write


_folder("tiff_folder")
_folder("tiff_folder_big_endian", byteorder=">")
_folder("tiff_folder_compressed", compression="deflate", rowsperstrip=4, predictor=True)


def _hdf5(name: str, dataset: str | None, *, leading: bool = False, **options: Any) -> None:
    def write(folder: Path, voxels: Voxels) -> Written:
        import h5py

        with h5py.File(folder / "v.h5", "w") as file:
            data = voxels[None] if leading else voxels
            file.create_dataset(dataset or "/exchange/data", data=data, **options)
        return folder / "v.h5", dataset

    WRITERS[name] = write


_hdf5("hdf5", None)
_hdf5("hdf5_gzip", "/entry/recon/volume", chunks=(2, 3, 4), compression="gzip", shuffle=True, fletcher32=True)
_hdf5("hdf5_leading_axis", "stack", leading=True)


@writer
def hdf5_plugin(folder: Path, voxels: Voxels) -> Written:
    import h5py
    import hdf5plugin

    with h5py.File(folder / "v.hdf5", "w") as file:
        file.create_dataset("exchange/data", data=voxels, chunks=(3, 4, 5), compression=hdf5plugin.Blosc2())
    return folder / "v.hdf5", None


def _zarr(name: str, zarr_format: int, **options: Any) -> None:
    def write(folder: Path, voxels: Voxels) -> Written:
        import zarr

        zarr.create_array(folder / "v.zarr", data=voxels, zarr_format=zarr_format, **options)
        return folder / "v.zarr", None

    WRITERS[name] = write


_zarr("zarr_v2", 2, chunks=(2, 3, 4))
_zarr("zarr_v3_shards", 3, chunks=(2, 2, 4), shards=(4, 4, 8))


def ome_attributes(version: str, names: str, scale: list[float], unit: str = "micrometer") -> dict[str, Any]:
    axes: list[dict[str, str]] = [
        {"name": name, "type": "space", "unit": unit} if name in "zyx" else {"name": name, "type": "channel"}
        for name in names
    ]
    transforms = [{"type": "scale", "scale": scale}]
    image = {
        "version": version,
        "axes": axes,
        "name": "v",
        "datasets": [{"path": "s0", "coordinateTransformations": transforms}],
    }
    return {"ome": {"version": version, "multiscales": [image]}} if version == "0.5" else {"multiscales": [image]}


@writer
def ome_zarr_4(folder: Path, voxels: Voxels) -> Written:
    import zarr

    attributes = ome_attributes("0.4", "tczyx", [1.0, 1.0, 2.0, 0.5, 0.5])
    group = zarr.create_group(folder / "v.zarr", zarr_format=2, attributes=attributes)
    group.create_array("s0", data=voxels[None, None], chunks=(1, 1, 4, 4, 4))
    return folder / "v.zarr", None


@writer
def ome_zarr_5(folder: Path, voxels: Voxels) -> Written:
    import zarr

    group = zarr.create_group(folder / "v.ome.zarr", zarr_format=3)
    labels = group.create_group("labels/cells", attributes=ome_attributes("0.5", "zyx", [2.0, 0.5, 0.5]))
    labels.create_array("s0", data=voxels, chunks=(4, 4, 4))
    return folder / "v.ome.zarr", "labels/cells"


@writer
def npy(folder: Path, voxels: Voxels) -> Written:
    np.save(folder / "v.npy", voxels)
    return folder / "v.npy", None


@writer
def npy_fortran(folder: Path, voxels: Voxels) -> Written:
    np.save(folder / "v.npy", np.asfortranarray(voxels.astype(voxels.dtype.newbyteorder(">"))))
    return folder / "v.npy", None


@writer
def npz(folder: Path, voxels: Voxels) -> Written:
    np.savez(folder / "v.npz", voxels)
    return folder / "v.npz", None


@writer
def npz_compressed(folder: Path, voxels: Voxels) -> Written:
    np.savez_compressed(folder / "v.npz", grey=np.asfortranarray(voxels), other=np.zeros(3))
    return folder / "v.npz", "grey"


@writer
def raw(folder: Path, voxels: Voxels) -> Written:
    voxels.tofile(folder / "v.raw")
    (folder / "v.json").write_text(json.dumps({"shape": voxels.shape, "dtype": str(voxels.dtype)}))
    return folder / "v.raw", None


@writer
def raw_big_endian(folder: Path, voxels: Voxels) -> Written:
    swapped = voxels.astype(voxels.dtype.newbyteorder(">"))
    (folder / "v.bin").write_bytes(b"header!" + swapped.tobytes())
    sidecar = {"shape": voxels.shape, "dtype": str(voxels.dtype), "byte_order": "big", "offset_bytes": 7}
    (folder / "v.bin.json").write_text(json.dumps(sidecar))
    return folder / "v.bin", None


def _itk(name: str, file_name: str, *, compressed: bool = False) -> None:
    def write(folder: Path, voxels: Voxels) -> Written:
        import SimpleITK as sitk  # noqa: N813

        image = sitk.GetImageFromArray(voxels)
        image.SetSpacing((0.5, 0.5, 2.0))
        sitk.WriteImage(image, str(folder / file_name), useCompression=compressed)
        return folder / file_name, None

    WRITERS[name] = write


_itk("nrrd", "v.nrrd")
_itk("nrrd_gzip", "v.nrrd", compressed=True)
_itk("nrrd_detached", "v.nhdr")
_itk("nrrd_detached_gzip", "v.nhdr", compressed=True)
_itk("metaimage", "v.mha")
_itk("metaimage_zlib", "v.mha", compressed=True)
_itk("metaimage_detached", "v.mhd")
_itk("metaimage_detached_zlib", "v.mhd", compressed=True)
_itk("nifti", "v.nii")
_itk("nifti_gzip", "v.nii.gz", compressed=True)


@writer
def nrrd_text(folder: Path, voxels: Voxels) -> Written:
    kind = {"uint16": "ushort", "uint8": "uchar", "int16": "short", "float32": "float"}[str(voxels.dtype)]
    sizes = " ".join(str(length) for length in voxels.shape[::-1])
    head = f"NRRD0004\ntype: {kind}\ndimension: 3\nsizes: {sizes}\nencoding: ascii\n\n"
    (folder / "v.nrrd").write_text(head + "\n".join(str(value) for value in voxels.ravel()) + "\n")
    return folder / "v.nrrd", None


@writer
def nrrd_bzip2(folder: Path, voxels: Voxels) -> Written:
    kind = {"uint16": "unsigned short int", "uint8": "uint8_t", "int16": "signed short", "float32": "float"}
    sizes = " ".join(str(length) for length in voxels.shape[::-1])
    text = f"type: {kind[str(voxels.dtype)]}\ndimension: 3\nsizes: {sizes}\nendian: big\nencoding: bzip2\n\n"
    data = bz2.compress(voxels.astype(voxels.dtype.newbyteorder(">")).tobytes())
    (folder / "v.nrrd").write_bytes(b"NRRD0004\n" + text.encode() + data)
    return folder / "v.nrrd", None


@writer
def metaimage_text(folder: Path, voxels: Voxels) -> Written:
    kind = {"uint16": "USHORT", "uint8": "UCHAR", "int16": "SHORT", "float32": "FLOAT"}[str(voxels.dtype)]
    sizes = " ".join(str(length) for length in voxels.shape[::-1])
    head = f"ObjectType = Image\nNDims = 3\nBinaryData = False\nDimSize = {sizes}\nElementType = MET_{kind}\n"
    numbers = " ".join(str(value) for value in voxels.ravel())
    (folder / "v.mha").write_text(f"{head}ElementDataFile = LOCAL\n{numbers}\n")
    return folder / "v.mha", None


def _vtk(name: str, file_name: str, *, cells: bool = False, binary: bool = True) -> None:
    def write(folder: Path, voxels: Voxels) -> Written:
        import pyvista

        dimensions = np.array(voxels.shape[::-1]) + int(cells)
        image = pyvista.ImageData(dimensions=dimensions)
        holder = image.cell_data if cells else image.point_data
        holder["grey"] = voxels.ravel()
        image.save(folder / file_name, binary=binary)
        return folder / file_name, None

    WRITERS[name] = write


_vtk("vti", "v.vti")
_vtk("vti_cells", "v.vti", cells=True)
_vtk("vti_text", "v.vti", binary=False)
_vtk("vtk", "v.vtk")
_vtk("vtk_cells", "v.vtk", cells=True)
_vtk("vtk_text", "v.vtk", binary=False)


@writer
def vtk_fields(folder: Path, voxels: Voxels) -> Written:
    import pyvista

    image = pyvista.ImageData(dimensions=voxels.shape[::-1])
    image.point_data["mask"] = np.zeros(voxels.size, np.float32)
    image.point_data["grey"] = voxels.ravel()
    image.field_data["time_min"] = np.arange(3.0)
    image.save(folder / "v.vtk")
    return folder / "v.vtk", "grey"


def _vti(name: str, mode: str, compressor: str | None, *, order: str = "Little", header: str = "32") -> None:
    def write(folder: Path, voxels: Voxels) -> Written:
        import pyvista
        from vtkmodules.vtkIOXML import vtkXMLImageDataWriter

        image = pyvista.ImageData(dimensions=voxels.shape[::-1])
        image.point_data["mask"] = np.zeros(voxels.size, np.uint8)
        image.point_data["grey"] = voxels.ravel()
        out = vtkXMLImageDataWriter()
        out.SetFileName(str(folder / "v.vti"))
        out.SetInputData(image)
        getattr(out, f"SetByteOrderTo{order}Endian")()
        getattr(out, f"SetHeaderTypeToUInt{header}")()
        getattr(out, f"SetCompressorTypeTo{compressor}")()
        out.SetBlockSize(512)
        getattr(out, "SetDataModeToBinary" if mode == "inline" else "SetDataModeToAppended")()
        out.SetEncodeAppendedData(mode == "base64")
        out.Write()
        return folder / "v.vti", "grey"

    WRITERS[name] = write


_vti("vti_raw", "raw", None)
_vti("vti_raw_zlib", "raw", "ZLib", header="64")
_vti("vti_base64_lz4", "base64", "LZ4", order="Big")
_vti("vti_base64", "base64", None, header="64")
_vti("vti_inline_lzma", "inline", "LZMA")
_vti("vti_inline", "inline", None, order="Big")
