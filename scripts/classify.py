"""Label one timestep with the pixel classifier."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.labelling.settings import ClassifierSettings
from tomocell.stages.classify import classify
from tomocell.volumes.manifest import store_path
from tomocell.volumes.store import open_store

with logged(snakemake.log[0]):
    classify(
        open_store(store_path(Path(snakemake.input.grey))),
        Path(snakemake.input.card).parent,
        store_path(Path(snakemake.output.manifest)),
        ClassifierSettings.model_validate(snakemake.params.settings),
        Limits(snakemake.resources.mem_mb, snakemake.threads),
        digest=snakemake.params.digest,
    )
