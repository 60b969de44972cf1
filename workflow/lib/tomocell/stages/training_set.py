"""Training set: the labelled planes of all timesteps, split, with the grey statistics that normalise them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault
from tomocell.training.trainingset import Entry, TrainingSet, grey_statistics, split
from tomocell.volumes.manifest import file_digest, manifest_path
from tomocell.volumes.planes import axis_number
from tomocell.volumes.publish import write_text_atomically
from tomocell.volumes.store import StoreVolume, open_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tomocell.models.settings import ModelSettings

Pair = tuple[StoreVolume, StoreVolume]


def assemble_training_set(
    results: Path, keys: Sequence[tuple[str, str]], grey: str, model: ModelSettings, ignore_value: int
) -> TrainingSet:
    """Return the training set of the annotated timesteps ``keys``, (series, timestep) each.

    Raises:
        BadInput: If voxel sizes differ, no plane across the model's axis is labelled, or grey values are constant.
    """
    parts = split(keys, model)
    volumes = {key: _open_pair(results, key, grey) for key in keys}
    sizes = {pair[0].size for pair in volumes.values()}
    if len(sizes) > 1:
        raise BadInput(Fault("training set", sorted(sizes), "one voxel size (um)", "train one model per voxel size"))
    entries = tuple(_entry(results, key, volumes[key], model, parts[key]) for key in keys)
    training = [(volumes[entry.series, entry.timestep][0], entry.planes) for entry in entries if entry.part == "train"]
    mean, sd = grey_statistics(training, axis_number(model.plane_axis))
    if sd == 0:
        raise BadInput(Fault("training set", f"grey value {mean} everywhere", "contrast", "check the scans"))
    return TrainingSet(
        entries=entries,
        plane_axis=model.plane_axis,
        ignore_value=ignore_value,
        grey_mean=mean,
        grey_sd=sd,
        voxel_size_um=sizes.pop(),
    )


def write_training_set(path: Path, training_set: TrainingSet) -> None:
    """Write ``training_set.json``."""
    write_text_atomically(path, training_set.model_dump_json(indent=1) + "\n")


def _open_pair(results: Path, key: tuple[str, str], grey: str) -> Pair:
    folder = results / key[0] / key[1]
    return open_store(folder / f"{grey}.ome.zarr"), open_store(folder / "annotations.ome.zarr")


def _entry(results: Path, key: tuple[str, str], pair: Pair, model: ModelSettings, part: str) -> Entry:
    grey, annotations = pair
    planes = tuple(annotations.manifest.notes["planes"][model.plane_axis])
    if not planes:
        where = f"annotations of {'/'.join(key)}"
        fault = Fault(
            where, "no labelled plane", f"planes across {model.plane_axis}", "label some, or set model.plane_axis"
        )
        raise BadInput(fault)
    return Entry.model_validate(
        {
            "series": key[0],
            "timestep": key[1],
            "grey": str(grey.path.relative_to(results)),
            "grey_checksum": file_digest(manifest_path(grey.path)),
            "annotations": str(annotations.path.relative_to(results)),
            "annotations_checksum": file_digest(manifest_path(annotations.path)),
            "planes": planes,
            "pixels": annotations.manifest.notes["pixels"],
            "part": part,
        }
    )
