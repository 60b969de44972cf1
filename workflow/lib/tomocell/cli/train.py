"""Train the model of a study from its training set, going on from the last checkpoint if there is one.

Start it with `python -m tomocell.training.launch --devices N -- tomocell train CONFIG` for N ranks. Told to end
(SIGTERM, SIGUSR1), or near its time limit, it writes a checkpoint and ends with status 75: the same command goes on.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.cli import _options
from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    import argparse

log = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("config", type=Path, help="a study's YAML")
    parser.add_argument("--name", help="which network of the study, where rounds of labelling have their own")
    parser.add_argument("--limit-min", type=float, default=0, help="minutes after which it will be killed")
    parser.add_argument(
        "--margin-min", type=float, default=0, help="minutes before that at which it ends by itself (0: it does not)"
    )
    _options.add_log(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``results/models/<model>``."""
    began = time.monotonic()
    from tomocell.labelling.rounds import learners
    from tomocell.settings.load import read_study
    from tomocell.settings.plug_ins import settings_of_network

    study = read_study(arguments.config)
    if study.model is None:
        raise BadInput(Fault(str(arguments.config), "no section 'model'", "a model to train", "add the section"))
    known = learners(study.model, study.label)
    name = arguments.name or study.model.name
    if name not in known:
        raise BadInput(Fault("--name", name, f"one of: {', '.join(known)}", "correct the name"))
    model = known[name].model
    training_set = Path(study.results) / "models" / name / "training_set.json"
    if not training_set.is_file():
        remedy = f"make it: snakemake --cores 2 --config study={arguments.config} -- {training_set}"
        raise BadInput(Fault(str(training_set), "no file", "the training set of the study", remedy))

    from tomocell.stages.train import train
    from tomocell.training.interruptions import TRY_AGAIN, InterruptedTrainingError, TimeLimit

    network = settings_of_network(model).model_dump(mode="json")
    limit = TimeLimit(arguments.limit_min, arguments.margin_min, began)
    try:
        train(Path(study.results), model, study.all_classes.subset(model.classes), network, limit)
    except InterruptedTrainingError as error:
        log.warning("%s", error)
        sys.exit(TRY_AGAIN)
