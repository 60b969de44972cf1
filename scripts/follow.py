"""Run one analysis over the timesteps of a series."""

from pathlib import Path

from tomocell.joblog import logged
from tomocell.settings.plug_ins import settings_of_follower
from tomocell.settings.samples import Sample
from tomocell.stages.over_time import follow

with logged(snakemake.log[0]):
    follow(
        Path(snakemake.output.table).parents[1],
        [Sample.model_validate(row) for row in snakemake.params.samples],
        snakemake.wildcards.follower,
        settings_of_follower(snakemake.wildcards.follower, snakemake.params.settings),
        registers=snakemake.params.registers,
    )
