"""Check that stores are whole: every file and checksum, every shard decoded; broken shards are named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.cli import _options

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("stores", type=Path, nargs="+", metavar="STORE", help="store of ours, zarr or OME-Zarr folder")
    parser.add_argument("--quick", action="store_true", help="files and sizes only, no content")
    _options.add_threads(parser)
    _options.add_log(parser)


def run(arguments: argparse.Namespace) -> None:
    """Log a line for each store; end with status 2 where one is broken."""
    from tomocell.stages.check import check

    check(arguments.stores, arguments.threads, quick=arguments.quick)
