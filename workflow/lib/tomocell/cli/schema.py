"""Write the JSON schema of a study and the tables of the manual of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.cli import _options

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    _options.add_out(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``schema.json``, and the tables of ``README.md`` where there is one."""
    from tomocell.settings.manual import with_tables
    from tomocell.settings.schema import study_schema
    from tomocell.volumes.publish import write_text_atomically

    write_text_atomically(arguments.out / "schema.json", study_schema())
    manual = arguments.out / "README.md"
    if manual.is_file():
        write_text_atomically(manual, with_tables(manual.read_text(encoding="utf-8")))
