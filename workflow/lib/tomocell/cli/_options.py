"""Options that commands share, built from the settings classes."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import ValidationError

from tomocell.blocks import Limits
from tomocell.errors import BadInput, Fault
from tomocell.settings.base import inner_settings
from tomocell.settings.faults import faults_of
from tomocell.volumes.manifest import STORE_SUFFIX, manifest_path
from tomocell.volumes.readers import open_source
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import Classes, Volume, VoxelSize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tomocell.settings.base import Frozen

Settings = TypeVar("Settings", bound="Frozen")


def add_volume(parser: argparse.ArgumentParser) -> None:
    """Add the options that tell what a file does not say of itself."""
    parser.add_argument("--dataset", help="dataset inside an HDF5 or zarr file")
    add_voxel_size(parser)


def add_voxel_size(parser: argparse.ArgumentParser) -> None:
    """Add ``--voxel-size-um``."""
    parser.add_argument(
        "--voxel-size-um", nargs=3, type=float, metavar=("Z", "Y", "X"), help="voxel edges in micrometres"
    )


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add ``--out`` and the log."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for what is written")
    add_log(parser)


def add_log(parser: argparse.ArgumentParser) -> None:
    """Add ``--log``."""
    parser.add_argument("--log", type=Path, metavar="FILE", help="log to a file instead of the terminal")


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add ``--memory-mb`` and ``--threads``."""
    parser.add_argument("--memory-mb", type=positive, default=2048, help="memory to stay within (default: %(default)s)")
    add_threads(parser)


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add ``--threads``."""
    parser.add_argument("--threads", type=positive, default=os.cpu_count() or 1, help="threads (default: %(default)s)")


def positive(text: str) -> int:
    """Return the whole number above 0 that ``text`` gives.

    Raises:
        argparse.ArgumentTypeError: If it gives none.
    """
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        message = f"found {text!r}; expected a whole number above 0"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def add_settings(parser: argparse.ArgumentParser, settings: type[Frozen]) -> None:
    """Add ``--set name=value`` with each setting's meaning and default in the help."""
    parser.add_argument("--set", action="append", default=[], metavar="name=value", help="a setting, as below")
    parser.epilog = "settings (--set name=value, values as in YAML):\n" + "\n".join(_lines(settings))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def read_settings(settings: type[Settings], pairs: list[str]) -> Settings:
    """Return the settings that ``--set`` gave.

    Raises:
        BadInput: If a pair is no pair, a name is unknown or given twice, or a value is wrong.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator:
            raise BadInput(Fault("--set", pair, "name=value", "write the value behind an equals sign"))
        *sections, key = name.split(".")
        section: Any = values
        for part in sections:
            section = section.setdefault(part, {}) if isinstance(section, dict) else None
        if not isinstance(section, dict) or key in section:
            raise BadInput(Fault("--set", pair, f"{name} once", "remove one of them"))
        section[key] = _value(text)
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        raise BadInput(*faults_of(error, "--set", "see --help")) from error


def limits_of(arguments: argparse.Namespace) -> Limits:
    """Return the limits that the options gave."""
    return Limits(arguments.memory_mb, arguments.threads)


def voxel_size_of(arguments: argparse.Namespace) -> VoxelSize | None:
    """Return the voxel size that the options gave.

    Raises:
        BadInput: If an edge is not between 0.0005 and 5000 um.
    """
    from tomocell.settings.types import LEAST_VOXEL_UM, MOST_VOXEL_UM

    if arguments.voxel_size_um is None:
        return None
    z, y, x = arguments.voxel_size_um
    if not all(LEAST_VOXEL_UM <= edge <= MOST_VOXEL_UM for edge in (z, y, x)):
        expected = f"edges from {LEAST_VOXEL_UM} to {MOST_VOXEL_UM} um"
        raise BadInput(Fault("--voxel-size-um", (z, y, x), expected, "give micrometres, not metres or millimetres"))
    return (z, y, x)


def open_volume(path: Path, arguments: argparse.Namespace) -> Volume:
    """Open a store of ours or any input format; options overrule what the file says of voxel size and classes."""
    if path.name.endswith(STORE_SUFFIX) and manifest_path(path).exists():
        volume: Volume = open_store(path)
    else:
        volume = open_source(path, getattr(arguments, "dataset", None))
    size = voxel_size_of(arguments)
    if size is not None:
        volume.voxel_size_um = size
    if getattr(arguments, "classes", None):
        volume.classes = Classes.from_text(arguments.classes)
    return volume


def _value(text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _lines(settings: type[Frozen], prefix: str = "") -> Iterator[str]:
    for name, field in settings.model_fields.items():
        yield f"  {prefix}{name}: {field.description} {_default(field)}"
        for inner in inner_settings(field.annotation):
            yield from _lines(inner, f"{prefix}{name}.")


def _default(field: Any) -> str:  # noqa: ANN401
    return "(required)" if field.is_required() else f"(default: {field.get_default(call_default_factory=True)})"
