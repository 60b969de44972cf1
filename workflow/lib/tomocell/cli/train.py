"""Train the model of a study from its training set, going on from the last checkpoint if there is one.

Start it with `python -m tomocell.training.launch --devices N -- tomocell train CONFIG` for N ranks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.cli import _options
from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("config", type=Path, help="a study's YAML")
    parser.add_argument("--name", help="which network of the study, where rounds of labelling have their own")
    _options.add_log(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write ``results/models/<model>``."""
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

    network = settings_of_network(model).model_dump(mode="json")
    train(Path(study.results), model, study.all_classes.subset(model.classes), network)
