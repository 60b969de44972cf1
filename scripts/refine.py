"""Refine the labels of one timestep to phases."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.refinement.settings import RefineSettings
from tomocell.stages.refine import refine
from tomocell.volumes.manifest import store_path
from tomocell.volumes.volume import Classes, VoxelClass

with logged(snakemake.log[0]):
    refine(
        store_path(Path(snakemake.input.labels)),
        store_path(Path(snakemake.output.manifest)),
        Classes(tuple(VoxelClass(**member) for member in snakemake.params.classes)),
        RefineSettings.model_validate(snakemake.params.settings),
        Limits(snakemake.resources.mem_mb, snakemake.threads),
        digest=snakemake.params.digest,
    )
