"""Put evaluations side by side: a table with a row for each `evaluation.json`, as CSV and Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.cli import _options

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("evaluations", type=Path, nargs="+", metavar="evaluation.json", help="written by evaluate")
    _options.add_out(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``comparison.csv`` and ``comparison.md``."""
    from tomocell.stages.compare import write_comparison

    write_comparison(arguments.evaluations, arguments.out)
