"""The command line: one file a command, found by discovery, each the same code that the workflow runs.

A module here offers ``configure(parser)``, which adds its arguments, and ``run(arguments)``; its docstring is the help.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from tomocell import __version__
from tomocell.errors import BadInput, Fault
from tomocell.joblog import logged
from tomocell.settings import discovery

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``tomocell`` with ``arguments``, by default those of the process; bad input ends it with status 2."""
    parsed = build_parser().parse_args(arguments)
    with logged(parsed.log):
        if isinstance(getattr(parsed, "out", None), Path):
            _require_folder(parsed.out)
        parsed.run(parsed)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every command that this package offers."""
    parser = argparse.ArgumentParser(prog="tomocell", description="Tomograms of working cells, turned into tables.")
    parser.add_argument("--version", action="version", version=f"tomocell {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in discovery.names_offering("tomocell.cli", "configure"):
        module = importlib.import_module(f"tomocell.cli.{name}")
        text = module.__doc__ or ""
        command = commands.add_parser(
            name, help=text.splitlines()[0], description=text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.set_defaults(run=module.run, log=None)
        module.configure(command)
    return parser


def _require_folder(out: Path) -> None:
    first = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not first.is_dir():
        raise BadInput(Fault("--out", str(first), "a folder, or a name that is free", "give another folder"))
