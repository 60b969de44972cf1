"""Put the evaluations of a series into one table over time."""

from pathlib import Path

from tomocell.joblog import logged
from tomocell.settings.samples import Sample
from tomocell.stages.over_time import collect

with logged(snakemake.log[0]):
    collect(
        Path(snakemake.output.table).parents[1],
        [Sample.model_validate(row) for row in snakemake.params.samples],
        "evaluation",
        registers=snakemake.params.registers,
    )
