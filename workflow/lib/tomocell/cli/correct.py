"""Simulate the corrector of a round of labelling: the truth of a phantom takes the place of the predictions.

For phantoms only; planes of a real scan are corrected by a person, in napari, Dragonfly or Fiji.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.cli import _options
from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    import argparse

log = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("round", type=Path, metavar="ROUND_DIR", help="folder of a round: annotations/SERIES/round-N")
    parser.add_argument("--truth", type=Path, required=True, metavar="DIR", help="folder TIMESTEP/labels.ome.zarr")
    _options.add_log(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``corrected/`` of every timestep of the round."""
    from tomocell.phantoms.corrector import correct
    from tomocell.volumes.store import open_store

    folders = sorted(page.parent for page in arguments.round.glob("*/round.json"))
    if not folders:
        remedy = "ask for 'corrections' first, or correct the path"
        raise BadInput(Fault(str(arguments.round), "no exported planes", "a folder of a round", remedy))
    for folder in folders:
        paths = correct(folder, open_store(arguments.truth / folder.name / "labels.ome.zarr"))
        log.info("%s: %d planes corrected", folder, len(paths))
