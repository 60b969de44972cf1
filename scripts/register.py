"""Register one timestep into the frame of its reference."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.registration.settings import RegisterSettings
from tomocell.stages.register import register
from tomocell.volumes.manifest import store_path
from tomocell.volumes.store import open_store

with logged(snakemake.log[0]):
    register(
        open_store(store_path(Path(snakemake.input.fixed))),
        open_store(store_path(Path(snakemake.input.moving))),
        Path(snakemake.output.manifest).parent,
        RegisterSettings.model_validate(snakemake.params.settings),
        Limits(snakemake.resources.mem_mb, snakemake.threads),
        digest=snakemake.params.digest,
    )
