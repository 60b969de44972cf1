"""Look at a volume: the three middle planes as one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.cli import _options

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("volume", type=Path, help="grey or label volume, any input format")
    parser.add_argument("--classes", metavar="name=value,...", help="classes, where the file does not tell them")
    _options.add_volume(parser)
    _options.add_out(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``<volume>.png``."""
    from tomocell.stages.view import view

    volume = _options.open_volume(arguments.volume, arguments)
    view(volume, arguments.out / f"{arguments.volume.name.split('.')[0]}.png")
