"""Hold a label volume against the truth: metrics of voxels and surfaces, calibration, errors of physical numbers.

Models are told side by side by `tomocell compare`, Otsu and the pixel classifier among them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.cli import _options
from tomocell.evaluation.settings import EvaluateSettings

if TYPE_CHECKING:
    import argparse

    from tomocell.volumes.volume import Volume


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("labels", type=Path, help="label volume")
    parser.add_argument("truth", type=Path, help="true label volume")
    parser.add_argument("--name", default="", help="what the labels are called in tables (default: their file)")
    parser.add_argument("--classes", metavar="name=value,...", help="classes, where the files do not tell them")
    parser.add_argument("--ignore-value", type=int, default=255, help="true value that nobody labelled")
    parser.add_argument(
        "--probabilities",
        type=Path,
        metavar="DIR",
        help="folder with a store <class>.ome.zarr for each class, uint8, 255 for probability 1",
    )
    _options.add_volume(parser)
    _options.add_settings(parser, EvaluateSettings)
    _options.add_limits(parser)
    _options.add_out(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``evaluation.json``."""
    from tomocell.stages.evaluate import How, evaluate

    labels = _options.open_volume(arguments.labels, arguments)
    truth = _options.open_volume(arguments.truth, arguments)
    settings = _options.read_settings(EvaluateSettings, arguments.set)
    how = How(settings, arguments.name, _probabilities(arguments.probabilities))
    out = arguments.out / "evaluation.json"
    evaluate(labels, truth, out, arguments.ignore_value, _options.limits_of(arguments), how)


def _probabilities(folder: Path | None) -> dict[str, Volume]:
    """Return the volumes of a folder by the class that they are named after.

    Raises:
        BadInput: If there are none.
    """
    from tomocell.errors import BadInput, Fault
    from tomocell.stages.evaluate import open_probabilities
    from tomocell.volumes.manifest import STORE_SUFFIX

    if folder is None:
        return {}
    stores = sorted(folder.glob(f"*{STORE_SUFFIX}"))
    if not stores:
        expected = f"stores <class>{STORE_SUFFIX}"
        raise BadInput(Fault("--probabilities", str(folder), expected, "name the folder that holds them"))
    return open_probabilities(stores)
