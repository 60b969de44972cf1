"""Hold the labels of one timestep against their truth."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.evaluation.settings import EvaluateSettings
from tomocell.joblog import logged
from tomocell.stages.evaluate import How, evaluate, open_probabilities, open_truth
from tomocell.volumes.manifest import store_path
from tomocell.volumes.store import open_store
from tomocell.volumes.volume import Classes, VoxelClass

with logged(snakemake.log[0]):
    classes = Classes(tuple(VoxelClass(**member) for member in snakemake.params.classes))
    settings = EvaluateSettings.model_validate(snakemake.params.settings)
    labels = open_store(store_path(Path(snakemake.input.labels)))
    probabilities = open_probabilities(store_path(Path(manifest)) for manifest in snakemake.input.probabilities)
    evaluate(
        labels,
        open_truth(Path(snakemake.input.truth), classes.subset(tuple(snakemake.params.names)), labels),
        Path(snakemake.output.record),
        snakemake.params.ignore_value,
        Limits(snakemake.resources.mem_mb, snakemake.threads),
        How(settings, snakemake.params.name, probabilities, snakemake.params.digest),
    )
