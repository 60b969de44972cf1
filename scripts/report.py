"""Write the page of one series."""

from pathlib import Path

from tomocell.joblog import logged
from tomocell.settings.load import load_project
from tomocell.stages.report import report

with logged(snakemake.log[0]):
    project = load_project(Path(snakemake.params.study))
    report(project, snakemake.wildcards.series, Path(project.study.results))
