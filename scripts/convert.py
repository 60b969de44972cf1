"""Convert one scan."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.stages.convert import convert
from tomocell.volumes.manifest import store_path
from tomocell.volumes.settings import ConvertSettings

with logged(snakemake.log[0]):
    convert(
        [Path(path) for path in snakemake.input.raw],
        store_path(Path(snakemake.output.manifest)),
        tuple(snakemake.params.voxel_size_um),
        ConvertSettings.model_validate(snakemake.params.settings),
        Limits(snakemake.resources.mem_mb, snakemake.threads),
        dataset=snakemake.params.dataset,
        raw_name=snakemake.params.raw_name,
        digest=snakemake.params.digest,
    )
