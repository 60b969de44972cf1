"""Put the labels of one timestep, drawn and corrected, onto the grid of its volume."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.labelling.rounds import Correction
from tomocell.labelling.settings import AnnotateSettings
from tomocell.stages.annotate import annotate
from tomocell.volumes.manifest import store_path
from tomocell.volumes.volume import Classes, VoxelClass

with logged(snakemake.log[0]):
    classes = Classes(tuple(VoxelClass(**member) for member in snakemake.params.classes))
    annotate(
        Path(snakemake.input.annotations) if snakemake.input.annotations else None,
        store_path(Path(snakemake.input.grey)),
        store_path(Path(snakemake.output.manifest)),
        classes.subset(tuple(snakemake.params.names)),
        AnnotateSettings.model_validate(snakemake.params.settings),
        Limits(snakemake.resources.mem_mb, snakemake.threads),
        digest=snakemake.params.digest,
        corrections=[Correction(*place, Path(path)) for *place, path in snakemake.params.corrections],
        corrected_by={int(number): name for number, name in snakemake.params.corrected_by.items()},
    )
