"""Export the planes of one timestep that a round of labelling waits for."""

from pathlib import Path

from tomocell.joblog import logged
from tomocell.labelling.round_settings import RoundSettings
from tomocell.stages.export_round import Prediction, export_round
from tomocell.volumes.manifest import store_path
from tomocell.volumes.volume import Classes, VoxelClass

with logged(snakemake.log[0]):
    classes = Classes(tuple(VoxelClass(**member) for member in snakemake.params.classes))
    files = zip(snakemake.params.decided.items(), snakemake.input.labels, snakemake.input.weights, strict=True)
    export_round(
        Path(snakemake.output.page).parent,
        store_path(Path(snakemake.input.grey)),
        {name: Prediction(store_path(Path(labels)), Path(weights), tuple(of)) for (name, of), labels, weights in files},
        classes.subset(tuple(snakemake.params.names)),
        RoundSettings.model_validate(snakemake.params.settings),
        int(snakemake.wildcards.round),
        priority=snakemake.params.priority,
        ignore_value=snakemake.params.ignore_value,
    )
