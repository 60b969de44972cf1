"""Measure one volume: `tomocell measure ANALYSIS VOLUME --voxel-size-um Z Y X --out DIR`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.cli import _options
from tomocell.settings import discovery

if TYPE_CHECKING:
    import argparse

PACKAGE = "tomocell.analyses"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add a command for each analysis, its help built from its settings."""
    analyses = parser.add_subparsers(title="analyses", required=True, metavar="ANALYSIS", dest="analysis")
    for name in discovery.names_offering(PACKAGE, "measure"):
        module = importlib.import_module(f"{PACKAGE}.{name}")
        text = module.__doc__ or ""
        command = analyses.add_parser(name, help=text.splitlines()[0], description=text)
        command.add_argument("volume", type=Path, help="labelled volume, any input format")
        command.add_argument("--classes", metavar="name=value,...", help="classes, where the file does not tell them")
        command.add_argument("--csv", action="store_true", help="write the table as CSV too")
        _options.add_volume(command)
        _options.add_settings(command, module.Settings)
        _options.add_limits(command)
        _options.add_out(command)
        command.set_defaults(settings=module.Settings)


def run(arguments: argparse.Namespace) -> None:
    """Write the record, the table and the maps."""
    from tomocell.stages.measure import measure

    volume = _options.open_volume(arguments.volume, arguments)
    settings = _options.read_settings(arguments.settings, arguments.set)
    measure(arguments.analysis, volume, settings, arguments.out, _options.limits_of(arguments), csv=arguments.csv)
