"""Registration over neighbours in time: each scan is fitted to the next in the chain, and motions are composed.

For samples that change so much over a series that the last scan no longer resembles the first. Errors add up along the
chain, so each composed motion is held against a direct fit to the reference that begins there: their distance is the
drift, where the direct fit is believed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.registration import transforms
from tomocell.registration.record import ChainRecord, Registration
from tomocell.registration.register import register
from tomocell.registration.resample import roi_region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.registration.settings import RegisterSettings
    from tomocell.volumes.volume import Region, Volume

    Array = NDArray[np.float64]

LEAST_EDGE = 16


@dataclass(frozen=True)
class Neighbour:
    """The scan that the next one is fitted to.

    Attributes:
        volume: Its grey values.
        record: How it lies in relation to the reference.
    """

    volume: Volume
    record: Registration


def register_over(
    fixed: Volume, neighbour: Neighbour, moving: Volume, settings: RegisterSettings, threads: int = 1
) -> Registration:
    """Return how ``moving`` lies in relation to ``fixed``, found over its neighbour.

    The sub-volumes of the record are those of the neighbour, in its frame.

    Raises:
        BadInput: As ``register``; and if the neighbour itself did not register.
        NotRegistered: If the scan did not register on its neighbour and ``on_failure`` is ``stop``.
    """
    to_neighbour = neighbour.record.motion
    own = _in_frame_of(neighbour.volume, fixed, to_neighbour, settings)
    found = register(neighbour.volume, moving, own, threads=threads)
    matrix = np.asarray(found.matrix) @ to_neighbour
    direct = _directly(fixed, moving, matrix, settings, threads)
    links = 1 + (neighbour.record.chain.links if neighbour.record.chain else 1)
    chain = ChainRecord(
        neighbour=neighbour.volume.name,
        matrix=found.matrix,
        links=links,
        drift_voxels=_drift(fixed, matrix, direct, settings) if direct.registered else None,
        direct_correlation=direct.correlation_after,
        direct_reasons=direct.reasons,
    )
    return _composed(found, matrix, chain, neighbour)


def _composed(found: Registration, matrix: Array, chain: ChainRecord, neighbour: Neighbour) -> Registration:
    centre = transforms.apply(transforms.invert(neighbour.record.motion), found.centre_um)
    reasons = found.reasons
    if not neighbour.record.registered:
        reasons = (*reasons, f"its neighbour in the chain, {neighbour.volume.name}, did not register")
    return found.moved_by(matrix, centre, registered=not reasons, reasons=reasons, chain=chain)


def _directly(fixed: Volume, moving: Volume, start: Array, settings: RegisterSettings, threads: int) -> Registration:
    own = settings.model_copy(update={"on_failure": "flag"})
    return register(fixed, moving, own, threads=threads, start=start)


def _drift(fixed: Volume, matrix: Array, direct: Registration, settings: RegisterSettings) -> float:
    corners = _corners_um(roi_region(settings, fixed.shape), fixed)
    apart = transforms.apply(matrix, corners) - transforms.apply(direct.matrix, corners)
    return float(np.linalg.norm(apart, axis=1).max() / min(fixed.size))


def _in_frame_of(neighbour: Volume, fixed: Volume, motion: Array, settings: RegisterSettings) -> RegisterSettings:
    """Return the settings with the region of interest and given sub-volumes where the neighbour holds them."""
    edges = np.array(neighbour.size)
    at = transforms.apply(motion, _corners_um(roi_region(settings, fixed.shape), fixed)) / edges
    low = np.clip(np.rint(at.min(axis=0)).astype(int), 0, neighbour.shape)
    high = np.clip(np.rint(at.max(axis=0)).astype(int) + 1, 0, neighbour.shape)
    if np.any(high - low < LEAST_EDGE):
        value = f"the region of interest meets {tuple((high - low).tolist())} of its voxels"
        remedy = "choose a region of interest that every scan covers"
        raise BadInput(Fault(neighbour.name, value, f"at least {LEAST_EDGE} along each axis", remedy))
    centres = np.array(settings.subvolume_centres_voxels, np.float64).reshape(-1, 3) * np.array(fixed.size)
    moved = np.rint(transforms.apply(motion, centres) / edges).astype(int)
    changes = {
        "roi_start_voxels": tuple(low.tolist()),
        "roi_size_voxels": tuple((high - low).tolist()),
        "subvolume_centres_voxels": tuple(tuple(centre) for centre in moved.tolist()),
    }
    return settings.model_copy(update=changes)


def _corners_um(region: Region, fixed: Volume) -> Array:
    corners = itertools.product(*((part.start, part.stop - 1) for part in region))
    return np.asarray(np.array(list(corners), np.float64) * np.array(fixed.size))
