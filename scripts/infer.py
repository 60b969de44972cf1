"""Label one timestep with the trained model."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.models.settings import InferSettings
from tomocell.nodes import Team
from tomocell.stages.infer import infer
from tomocell.volumes.manifest import store_path
from tomocell.volumes.store import open_store

with logged(snakemake.log[0]):
    infer(
        open_store(store_path(Path(snakemake.input.grey))),
        Path(snakemake.input.card).parent,
        store_path(Path(snakemake.output.manifest)),
        InferSettings.model_validate(snakemake.params.settings),
        Limits(snakemake.resources.mem_mb, snakemake.resources.cpus_per_task),
        digest=snakemake.params.digest,
        team=Team(snakemake.resources.nodes, snakemake.resources.cpus_per_task, snakemake.resources.gres),
    )
