"""Dead lithium: what has no connection to an electrode, in three dimensions."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import Field, model_validator

from tomocell.analyses._classes import require_apart, require_classes
from tomocell.analyses._objects import PERCENT, interface_uncertainty_um3
from tomocell.analyses.result import Result, Scalar
from tomocell.settings.base import NAMES_CLASSES, Frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.blocks import Limits
    from tomocell.volumes.volume import Volume

    Ints = NDArray[np.int64]

__all__ = ["Result", "Settings", "measure"]
log = logging.getLogger(__name__)
FACES, CORNERS = 6, 26


class Settings(Frozen):
    """Settings of dead lithium."""

    of: tuple[str, ...] = Field(
        min_length=1, description="Classes of lithium that can be dead.", json_schema_extra=NAMES_CLASSES
    )
    anchors: tuple[str, ...] = Field(
        min_length=1,
        description="Classes of the electrodes: what hangs together with one of them is alive.",
        json_schema_extra=NAMES_CLASSES,
    )
    least_anchor_percent: float = Field(
        1.0, ge=0, le=100, description="Pieces of 'anchors' with a smaller share of all its voxels anchor nothing."
    )

    @model_validator(mode="after")
    def _no_class_twice(self) -> Self:
        require_apart(self, "of", "anchors")
        return self


def measure(volume: Volume, settings: Settings, limits: Limits) -> Result:
    """Return how much lithium hangs together with no electrode, and the table of its pieces.

    The voxels of ``of`` and ``anchors`` together make objects. One is alive if it holds at least
    ``least_anchor_percent`` of all voxels of ``anchors`` (an electrode that the network sees in a few voxels of a
    dendrite is none); the lithium of all others is dead. Any electrode will do: a dendrite that lost its own but
    reached the other one is connected.

    Keys: ``dead_um3``, ``alive_um3``, ``dead_percent`` (of the lithium in ``of``), ``dead_<class>_um3``, ``count``
    (dead objects), from voxels that touch by faces (6); ``dead_26_um3``, from voxels that touch by corners too, is
    less. ``dead_uncertainty_um3`` is the root sum of squares of ``(dead_um3 - dead_26_um3) / sqrt(3)``, what the
    choice between the two is worth (uniform between them, told from its end), and of the interfaces of dead objects,
    shifted by a voxel over the root of 12, all alike. Small necks below the voxel's size are not seen: dead_um3 is
    rather too high. Without an electrode in view all is dead, and the log says so. Table: one row a dead object, as
    ``object_table``, ``label`` among all objects.

    Raises:
        BadInput: If the volume is not of labels, a class of the settings is not there, there is no voxel size, or a
            value occurs that no class has.
    """
    from tomocell.objects.composition import compositions
    from tomocell.objects.labelling import Target
    from tomocell.objects.table import measure_objects, table_of

    values = tuple(require_classes(volume).value(name) for name in (*settings.of, *settings.anchors))
    voxel_um3 = math.prod(volume.size)
    objects = measure_objects(volume, Target(values, FACES), limits)
    dead = _is_dead(objects.parts, settings)
    if not objects.parts[:, len(settings.of) :].any():
        log.warning("%s: no voxel of %s in view; all lithium is told as dead", volume.name, ", ".join(settings.anchors))
    table = table_of(objects, volume, values)[dead].reset_index(drop=True)
    by_corners = compositions(volume, Target(values, CORNERS), limits)
    dead_voxels = _lithium(objects.parts[dead], settings)
    least_voxels = _lithium(by_corners[_is_dead(by_corners, settings)], settings)
    all_voxels = _lithium(objects.parts, settings)
    band_um3 = float((dead_voxels.sum() - least_voxels.sum()) * voxel_um3) / math.sqrt(3)
    scalars: dict[str, Scalar] = {
        "dead_um3": float(dead_voxels.sum() * voxel_um3),
        "dead_uncertainty_um3": math.hypot(band_um3, interface_uncertainty_um3(objects, dead, volume.size)),
        "dead_26_um3": float(least_voxels.sum() * voxel_um3),
        "alive_um3": float((all_voxels - dead_voxels).sum() * voxel_um3),
        "dead_percent": float(PERCENT * dead_voxels.sum() / all_voxels.sum()) if all_voxels.any() else None,
        "count": int(dead.sum()),
    }
    scalars |= {
        f"dead_{name}_um3": float(voxels * voxel_um3) for name, voxels in zip(settings.of, dead_voxels, strict=True)
    }
    return Result(scalars, table=table)


def _lithium(parts: Ints, settings: Settings) -> Ints:
    """Return the voxels of each class of ``of`` in objects made of these ``parts``."""
    return np.asarray(parts[:, : len(settings.of)].sum(axis=0))


def _is_dead(parts: Ints, settings: Settings) -> NDArray[np.bool_]:
    """Return which objects hold lithium and no electrode."""
    lithium = parts[:, : len(settings.of)].sum(axis=1)
    anchors = parts[:, len(settings.of) :].sum(axis=1)
    is_electrode = (anchors > 0) & (PERCENT * anchors >= settings.least_anchor_percent * anchors.sum())
    return np.asarray((lithium > 0) & ~is_electrode)
