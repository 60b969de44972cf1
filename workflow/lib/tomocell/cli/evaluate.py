"""Hold a label volume against the truth: accuracy, and precision, recall, F1, IoU and Dice of each class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.cli import _options

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("labels", type=Path, help="label volume")
    parser.add_argument("truth", type=Path, help="true label volume")
    parser.add_argument("--classes", metavar="name=value,...", help="classes, where the files do not tell them")
    parser.add_argument("--ignore-value", type=int, default=255, help="true value that nobody labelled")
    _options.add_volume(parser)
    _options.add_limits(parser)
    _options.add_out(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``evaluation.json``."""
    from tomocell.stages.evaluate import evaluate

    labels = _options.open_volume(arguments.labels, arguments)
    truth = _options.open_volume(arguments.truth, arguments)
    evaluate(labels, truth, arguments.out / "evaluation.json", arguments.ignore_value, _options.limits_of(arguments))
