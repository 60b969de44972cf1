"""Convert a raw file of any known format to a chunked, multiscale OME-Zarr volume."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.cli import _options
from tomocell.volumes.settings import ConvertSettings

if TYPE_CHECKING:
    import argparse

    from tomocell.volumes.volume import VoxelSize


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "raw",
        type=Path,
        nargs="+",
        help="TIFF, folder of slices, HDF5, zarr, NumPy, raw + JSON, NRRD, MHA, VTK; several are fields of view, "
        "in order along stitch.axis",
    )
    _options.add_volume(parser)
    _options.add_settings(parser, ConvertSettings)
    _options.add_limits(parser)
    _options.add_out(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``volume.ome.zarr`` and its manifest."""
    from tomocell.stages.convert import convert

    settings = _options.read_settings(ConvertSettings, arguments.set)
    size = _options.voxel_size_of(arguments) or _size_told(arguments, settings)
    store = arguments.out / "volume.ome.zarr"
    convert(arguments.raw, store, size, settings, _options.limits_of(arguments), dataset=arguments.dataset)


def _size_told(arguments: argparse.Namespace, settings: ConvertSettings) -> VoxelSize:
    from tomocell.volumes.source import open_fields, turn

    return turn(open_fields(arguments.raw, settings, arguments.dataset, search=False), settings).size
