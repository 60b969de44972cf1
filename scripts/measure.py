"""Run one analysis on one timestep."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.settings.plug_ins import settings_of_analysis
from tomocell.stages.measure import measure
from tomocell.volumes.manifest import store_path
from tomocell.volumes.store import open_store

with logged(snakemake.log[0]):
    measure(
        snakemake.wildcards.analysis,
        open_store(store_path(Path(snakemake.input.phases))),
        settings_of_analysis(snakemake.wildcards.analysis, snakemake.params.settings),
        Path(snakemake.output.record).parent,
        Limits(snakemake.resources.mem_mb, snakemake.threads),
        digest=snakemake.params.digest,
    )
