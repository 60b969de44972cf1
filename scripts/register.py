"""Register one timestep into the frame of its reference."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.registration.settings import RegisterSettings
from tomocell.stages.register import open_scans, register

with logged(snakemake.log[0]):
    register(
        open_scans(snakemake.input.fixed, snakemake.input.moving, snakemake.input.get("neighbour")),
        Path(snakemake.output.manifest).parent,
        RegisterSettings.model_validate(snakemake.params.settings),
        Limits(snakemake.resources.mem_mb, snakemake.threads),
        digest=snakemake.params.digest,
    )
