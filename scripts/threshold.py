"""Label one timestep by threshold."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.labelling.settings import ThresholdSettings
from tomocell.stages.threshold import segment_by_threshold
from tomocell.volumes.manifest import store_path
from tomocell.volumes.volume import Classes, VoxelClass

with logged(snakemake.log[0]):
    classes = Classes(tuple(VoxelClass(**member) for member in snakemake.params.classes))
    segment_by_threshold(
        store_path(Path(snakemake.input.grey)),
        store_path(Path(snakemake.output.manifest)),
        classes.subset(tuple(snakemake.params.names)),
        ThresholdSettings.model_validate(snakemake.params.settings),
        Limits(snakemake.resources.mem_mb, snakemake.threads),
        classified=store_path(Path(snakemake.input.classified)) if snakemake.input.classified else None,
        measured_porosity=snakemake.params.measured_porosity,
        digest=snakemake.params.digest,
    )
