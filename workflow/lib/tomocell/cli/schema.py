"""Write the JSON schema of a study, for editors that complete and check YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.cli import _options

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    _options.add_out(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``schema.json``."""
    from tomocell.settings.schema import study_schema
    from tomocell.volumes.publish import write_text_atomically

    write_text_atomically(arguments.out / "schema.json", study_schema())
