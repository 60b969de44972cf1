"""Put the annotations of one timestep onto the grid of its volume."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.labelling.settings import AnnotateSettings
from tomocell.stages.annotate import annotate
from tomocell.volumes.manifest import store_path
from tomocell.volumes.volume import Classes, VoxelClass

with logged(snakemake.log[0]):
    classes = Classes(tuple(VoxelClass(**member) for member in snakemake.params.classes))
    annotate(
        Path(snakemake.input.annotations),
        store_path(Path(snakemake.input.grey)),
        store_path(Path(snakemake.output.manifest)),
        classes.subset(tuple(snakemake.params.names)),
        AnnotateSettings.model_validate(snakemake.params.settings),
        Limits(snakemake.resources.mem_mb, snakemake.threads),
        digest=snakemake.params.digest,
    )
