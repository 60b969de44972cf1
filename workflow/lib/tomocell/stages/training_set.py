"""Training set: the labels of all timesteps, split, with the grey statistics that normalise them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.blocks import Limits
from tomocell.errors import BadInput, Fault
from tomocell.labelling.checks import require_every_class
from tomocell.labelling.draw import coordinates, draw_voxels
from tomocell.labelling.settings import IGNORED
from tomocell.training.cubes import cube_edges
from tomocell.training.parts import count_leaked, count_planes, labelled_tiles
from tomocell.training.splits import judging_blocks, judging_cubes, judging_planes, split
from tomocell.training.trainingset import Entry, SplitRecord, TrainingSet, grey_statistics
from tomocell.volumes.manifest import file_digest, manifest_path
from tomocell.volumes.planes import axis_number, read_plane
from tomocell.volumes.publish import write_text_atomically
from tomocell.volumes.store import StoreVolume, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from tomocell.models.settings import ModelSettings
    from tomocell.training.parts import Box, Part
    from tomocell.training.splits import Key

log = logging.getLogger(__name__)
CENTRES = 256  # voxels of a class that an entry keeps for cubes to be centred on: a few kB of JSON


@dataclass(frozen=True)
class Assembly:
    """What the entries of a training set are made from."""

    results: Path
    volumes: Mapping[Key, tuple[StoreVolume, StoreVolume]]
    model: ModelSettings
    ignore_value: int
    limits: Limits

    @property
    def axis(self) -> int:
        """Axis across the planes that the model sees; of cubes, the first."""
        return 0 if self.model.sees_cubes else axis_number(self.model.plane_axis)


def assemble_training_set(  # noqa: PLR0913
    results: Path,
    keys: Sequence[Key],
    grey: str,
    model: ModelSettings,
    ignore_value: int,
    *,
    limits: Limits | None = None,
    rest: str | None = None,
) -> TrainingSet:
    """Return the training set of the annotated timesteps ``keys``, (series, timestep) each.

    Labels of classes that are not the model's count as ``rest``, one of its classes.

    Raises:
        BadInput: If voxel sizes differ, a patch is larger than a volume, a class has no label that trains, the split
            leaves nothing to train on or to judge, or grey values are constant.
    """
    volumes = {key: _open_pair(results, key, grey) for key in keys}
    _require_one_size(volumes)
    _require_patches_fit(volumes, model)
    assembly = Assembly(results, volumes, model, ignore_value, limits or Limits())
    entries = tuple(entry for key, part, boxes in _parts(assembly) for entry in _entries(assembly, key, part, boxes))
    _require_both_parts(entries, model)
    _require_classes(entries, model, rest)
    mean, sd = grey_statistics(_training_grey(assembly, entries))
    if sd == 0:
        raise BadInput(Fault("training set", f"grey value {mean} everywhere", "contrast", "check the scans"))
    record = _split_record(assembly, entries)
    log.info("split: %s", record)
    return TrainingSet(
        entries=entries,
        plane_axis=model.plane_axis,
        ignore_value=ignore_value,
        grey_mean=mean,
        grey_sd=sd,
        voxel_size_um=next(iter(volumes.values()))[0].size,
        split=record,
        rest=rest,
    )


def write_training_set(path: Path, training_set: TrainingSet) -> None:
    """Write ``training_set.json``."""
    write_text_atomically(path, training_set.model_dump_json(indent=1) + "\n")


def _open_pair(results: Path, key: Key, grey: str) -> tuple[StoreVolume, StoreVolume]:
    folder = results / key[0] / key[1]
    return open_store(folder / f"{grey}.ome.zarr"), open_store(folder / "annotations.ome.zarr")


def _require_one_size(volumes: Mapping[Key, tuple[StoreVolume, StoreVolume]]) -> None:
    sizes = {grey.size for grey, _ in volumes.values()}
    if len(sizes) > 1:
        raise BadInput(Fault("training set", sorted(sizes), "one voxel size (um)", "train one model per voxel size"))


def _require_patches_fit(volumes: Mapping[Key, tuple[StoreVolume, StoreVolume]], model: ModelSettings) -> None:
    faults = [fault for key, (grey, _) in volumes.items() if (fault := model.patch_fault(grey.shape, "/".join(key)))]
    if faults:
        raise BadInput(*faults)


def _parts(assembly: Assembly) -> Iterator[tuple[Key, Part, Sequence[Box]]]:
    """Yield the parts of every volume, with the boxes of it that judge; none where the volume is of one part."""
    if assembly.model.split.by == "timestep":
        for key, part in split(list(assembly.volumes), assembly.model).items():
            yield key, part, ()
        return
    for key, boxes in _judging_boxes(assembly).items():
        yield key, "train", boxes
        if boxes:
            yield key, "validation", boxes


def _judging_boxes(assembly: Assembly) -> Mapping[Key, Sequence[Box]]:
    settings = assembly.model.split
    shapes = {key: grey.shape for key, (grey, _) in assembly.volumes.items()}
    if settings.by == "block":
        return judging_blocks(shapes, settings)
    labels = {key: annotations for key, (_, annotations) in assembly.volumes.items()}
    if assembly.model.sees_cubes:
        edges = cube_edges(assembly.model)
        tiles = {key: labelled_tiles(of, edges, assembly.ignore_value, assembly.limits) for key, of in labels.items()}
        return judging_cubes(tiles, edges, settings)
    planes = {key: of.manifest.notes["planes"][assembly.model.plane_axis] for key, of in labels.items()}
    return judging_planes(planes, shapes, assembly.axis, settings)


def _entries(assembly: Assembly, key: Key, part: Part, boxes: Sequence[Box]) -> Iterator[Entry]:
    """Yield the entry of one part of a volume, if it holds a label."""
    grey, annotations = assembly.volumes[key]
    bare = Entry(
        series=key[0],
        timestep=key[1],
        grey=str(grey.path.relative_to(assembly.results)),
        grey_checksum=file_digest(manifest_path(grey.path)),
        annotations=str(annotations.path.relative_to(assembly.results)),
        annotations_checksum=file_digest(manifest_path(annotations.path)),
        planes=(),
        planes_of={},
        pixels={},
        part=part,
        boxes=tuple(boxes),
        gap_voxels=assembly.model.split.gap_voxels if assembly.model.split.by == "block" else 0,
        label_sets=tuple(annotations.manifest.notes.get("label_sets", ())),
    )
    counts = count_planes(bare.labels(annotations, assembly.ignore_value), assembly.axis, assembly.limits)
    values = {member.name: member.value for member in annotations.classes if member.name != IGNORED}
    planes_of = {name: tuple(np.flatnonzero(counts[:, value]).tolist()) for name, value in values.items()}
    planes = tuple(sorted(set().union(*planes_of.values())))
    if planes:
        found = {"planes": planes, "planes_of": {name: of for name, of in planes_of.items() if of}}
        pixels = {name: int(counts[:, value].sum()) for name, value in values.items()}
        yield bare.model_copy(update=found | {"pixels": pixels} | _for_cubes(assembly, bare, annotations, values))


def _for_cubes(assembly: Assembly, bare: Entry, annotations: StoreVolume, values: Mapping[str, int]) -> dict[str, Any]:
    if not assembly.model.sees_cubes:
        return {}
    labels = bare.labels(annotations, assembly.ignore_value)
    drawn = draw_voxels(labels, list(values.values()), CENTRES, assembly.model.train.seed, assembly.limits)
    points = {name: coordinates(drawn[value].places, labels.shape).tolist() for name, value in values.items()}
    return {
        "tiles": tuple(labelled_tiles(labels, cube_edges(assembly.model), assembly.ignore_value, assembly.limits)),
        "centres": {name: tuple(map(tuple, found)) for name, found in points.items() if found},
    }


def _require_both_parts(entries: Sequence[Entry], model: ModelSettings) -> None:
    parts = {entry.part for entry in entries}
    wanted = {"train"} if model.split.by == "timestep" else {"train", "validation"}
    for part in sorted(wanted - parts):
        expected = f"labelled voxels to {'train on' if part == 'train' else 'judge by'}"
        remedy = "label more, or change share, ranges or gap_voxels"
        raise BadInput(Fault("model.split", f"{model.split.by}: no {part} voxel", expected, remedy))


def _require_classes(entries: Sequence[Entry], model: ModelSettings, rest: str | None) -> None:
    counts = dict.fromkeys(model.classes, 0)
    for entry in entries:
        for name, count in entry.pixels.items():
            member = name if name in counts else rest
            if entry.part == "train" and member is not None:
                counts[member] += count
    require_every_class(counts, "training set")


def _training_grey(assembly: Assembly, entries: Sequence[Entry]) -> Iterator[NDArray[Any]]:
    edges = cube_edges(assembly.model)
    for entry in entries:
        if entry.part == "train":
            volume = assembly.volumes[entry.series, entry.timestep][0]
            if assembly.model.sees_cubes:
                for tile in entry.tiles:
                    z, y, x = (slice(first, first + edge) for first, edge in zip(tile, edges, strict=True))
                    yield volume.read((z, y, x))
            else:
                for plane in entry.planes:
                    yield read_plane(volume, assembly.axis, plane)


def _split_record(assembly: Assembly, entries: Sequence[Entry]) -> SplitRecord:
    settings = assembly.model.split
    training = {(entry.series, entry.timestep): entry for entry in entries if entry.part == "train"}
    judged = leaked = 0
    for entry in entries:
        if entry.part == "validation":
            key = (entry.series, entry.timestep)
            near = 0
            if key in training:  # else no training pixel is in this volume
                labels = assembly.volumes[key][1]
                one, other = (e.labels(labels, assembly.ignore_value) for e in (entry, training[key]))
                near = count_leaked(one, other, assembly.ignore_value, settings.leakage_voxels, assembly.limits)[1]
            judged += sum(entry.pixels.values())
            leaked += near
    return SplitRecord(
        settings=settings.model_dump(mode="json") | {"validation": list(assembly.model.train.validation)},
        validation_pixels=judged,
        leaked_share=leaked / judged if judged else None,
        leakage_voxels=settings.leakage_voxels,
    )
