"""Run one analysis over the timesteps of a series."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.settings.plug_ins import settings_of_follower
from tomocell.settings.samples import Sample
from tomocell.stages.over_time import Follower, follow

with logged(snakemake.log[0]):
    name = snakemake.wildcards.follower
    follow(
        Path(snakemake.output.table).parents[1],
        [Sample.model_validate(row) for row in snakemake.params.samples],
        Follower(name, settings_of_follower(name, snakemake.params.settings), snakemake.params.digest),
        Limits(snakemake.resources.mem_mb, snakemake.threads),
        sheet=Path(snakemake.params.sheet),
        registers=snakemake.params.registers,
    )
