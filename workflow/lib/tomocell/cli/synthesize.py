"""Make a volume or a series with known truth: raw files, annotations, a sample sheet, and the truth beside them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tomocell.cli import _options
from tomocell.settings import discovery

if TYPE_CHECKING:
    import argparse

PACKAGE = "tomocell.phantoms"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add a command for each kind of phantom, its help built from its settings."""
    kinds = parser.add_subparsers(title="kinds", required=True, metavar="KIND")
    for name in discovery.names_offering(PACKAGE, "synthesize"):
        module = importlib.import_module(f"{PACKAGE}.{name}")
        command = kinds.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        _options.add_settings(command, module.Settings)
        _options.add_out(command)
        command.set_defaults(kind=module)


def run(arguments: argparse.Namespace) -> None:
    """Write the phantom."""
    settings = _options.read_settings(arguments.kind.Settings, arguments.set)
    arguments.kind.synthesize(settings, arguments.out)
