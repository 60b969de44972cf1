"""Register a scan into the frame of another: six parameters, one resampling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.cli import _options
from tomocell.registration.settings import RegisterSettings

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("fixed", type=Path, help="reference scan, any input format")
    parser.add_argument("moving", type=Path, help="scan to be moved into its frame")
    _options.add_volume(parser)
    _options.add_settings(parser, RegisterSettings)
    _options.add_limits(parser)
    _options.add_out(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``registration.json``, ``registered.ome.zarr``, a table of the sub-volumes, and pictures."""
    from tomocell.stages.register import Scans, register

    fixed = _options.open_volume(arguments.fixed, arguments)
    moving = _options.open_volume(arguments.moving, arguments)
    settings = _options.read_settings(RegisterSettings, arguments.set)
    register(Scans(fixed, moving), arguments.out, settings, _options.limits_of(arguments))
