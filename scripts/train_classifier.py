"""Grow a pixel classifier from the strokes of all annotated timesteps."""

from pathlib import Path

from tomocell.blocks import Limits
from tomocell.joblog import logged
from tomocell.labelling.settings import ClassifierSettings
from tomocell.stages.classify import train_classifier
from tomocell.volumes.manifest import store_path
from tomocell.volumes.volume import Classes, VoxelClass

with logged(snakemake.log[0]):
    settings = ClassifierSettings.model_validate(snakemake.params.settings)
    classes = Classes(tuple(VoxelClass(**member) for member in snakemake.params.classes))
    pairs = zip(snakemake.input.grey, snakemake.input.annotations, strict=True)
    train_classifier(
        [(store_path(Path(grey)), store_path(Path(strokes))) for grey, strokes in pairs],
        Path(snakemake.output.card).parent,
        classes.subset(settings.classes),
        settings,
        Limits(snakemake.resources.mem_mb, snakemake.threads),
    )
