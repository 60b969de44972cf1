"""Label a volume with a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.cli import _options
from tomocell.models.settings import InferSettings

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("model", type=Path, metavar="MODEL_DIR", help="folder with model.json and its weights")
    parser.add_argument("volume", type=Path, help="grey volume, any input format")
    _options.add_volume(parser)
    _options.add_settings(parser, InferSettings)
    _options.add_limits(parser)
    _options.add_out(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``labels.ome.zarr``."""
    from tomocell.stages.infer import infer

    volume = _options.open_volume(arguments.volume, arguments)
    settings = _options.read_settings(InferSettings, arguments.set)
    infer(volume, arguments.model, arguments.out / "labels.ome.zarr", settings, _options.limits_of(arguments))
