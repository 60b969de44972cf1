"""Put the labelled planes of all timesteps into one training set."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.models.settings import ModelSettings
from tomocell.stages.training_set import assemble_training_set, write_training_set

with logged(snakemake.log[0]):
    training_set = assemble_training_set(
        Path(snakemake.output.training_set).parents[2],
        [tuple(key) for key in snakemake.params.timesteps],
        snakemake.params.grey,
        ModelSettings.that_trains(snakemake.params.model),
        snakemake.params.ignore_value,
        rest=snakemake.params.rest,
        limits=Limits(snakemake.resources.mem_mb, snakemake.threads),
    )
    write_training_set(Path(snakemake.output.training_set), training_set)
