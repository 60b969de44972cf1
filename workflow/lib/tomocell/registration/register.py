"""The way of a registration: coarse start, sub-volumes, fine fits, one merged motion, and whether to believe it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.registration import transforms
from tomocell.registration.determinacy import determinacy, texture_accord
from tomocell.registration.engines import engine_of
from tomocell.registration.fit import Fit
from tomocell.registration.likeness import DECOYS, Likeness, compare, compare_decoys, nothing, significance
from tomocell.registration.merge import Merged, Motion, merge
from tomocell.registration.record import (
    NotRegistered,
    Registration,
    SubvolumeRecord,
    matrix_rows,
    rotation_of,
    vector,
)
from tomocell.registration.start import find_start
from tomocell.registration.subvolumes import Pair, choose
from tomocell.registration.verdict import After, rms_residual, warnings_of, why_not

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tomocell.registration.settings import RegisterSettings
    from tomocell.volumes.volume import Region, Volume

    Array = NDArray[np.float64]

log = logging.getLogger(__name__)
SAME_SIZE = 1e-6
LEAST_EDGE = 16
CUBIC_MARGIN = 3
LOST = 0.75  # of the start's accord: a fit that ends under it ran away


@dataclass(frozen=True)
class Fitted:
    """A sub-volume and its own motion.

    Attributes:
        region: Where it lies in the reference scan.
        fit: Its motion.
        before: Likeness to the moving scan as it lies.
        after: Likeness after its motion.
        accord: How well the gradients agree then.
        texture: The same, of gradients that are cut to their median length.
        found: Whether it is there at all: they agree in every direction.
    """

    region: Region
    fit: Fit
    before: Likeness
    after: Likeness
    accord: float
    texture: float
    found: bool

    def motion(self, voxel_um: Array) -> Motion:
        """Return what the merging needs to know."""
        centre = [(part.start + part.stop - 1) / 2 for part in self.region]
        size = [part.stop - part.start for part in self.region]
        return Motion(self.fit.matrix, np.array(centre) * voxel_um, np.array(size) * voxel_um)


def register(
    fixed: Volume,
    moving: Volume,
    settings: RegisterSettings,
    *,
    mask: Volume | None = None,
    threads: int = 1,
    start: Array | None = None,
) -> Registration:
    """Return how ``moving`` lies in relation to ``fixed``.

    Reads a reduced copy of both scans (cropped where they are large) and the sub-volumes; never a whole large scan.
    ``mask``, on the grid of ``fixed``, is non-zero where it may be used. ``start`` spares the search for one.

    A scan counts as registered when enough sub-volumes were found (their gradients agree in every direction) and agree
    with the merged motion, when together they correlate, and when the motion is within the limits of the settings.

    Raises:
        BadInput: If the voxel sizes differ, a scan is too thin, has no texture or holds NaN, or a given sub-volume
            cannot be used.
        NotRegistered: If the scan did not register and ``on_failure`` is ``stop``; it carries the record.
    """
    _check(fixed, moving, mask)
    pair = Pair(fixed, moving, mask, threads)
    if start is None:
        start = find_start(fixed, moving, settings, threads).matrix
    fitted = [_fit(pair, region, start, settings) for region in choose(pair, start, settings)]
    merged, kept = _merge(fitted, np.array(fixed.size), settings)
    if any(kept) and not all(kept):
        fitted = [
            part if keep else _again(pair, part, merged.matrix, settings)
            for part, keep in zip(fitted, kept, strict=True)
        ]
    record = _record(pair, fitted, start, settings)
    for warning in record.warnings:
        log.warning("%s: %s", moving.name, warning)
    if not record.registered and settings.on_failure == "stop":
        raise NotRegistered(moving.name, record)
    return record


def _check(fixed: Volume, moving: Volume, mask: Volume | None) -> None:
    faults = [
        Fault(scan.name, scan.shape, f"at least {LEAST_EDGE} planes, rows and columns", "give a volume, not an image")
        for scan in (fixed, moving)
        if min(scan.shape) < LEAST_EDGE
    ]
    if not np.allclose(fixed.size, moving.size, rtol=SAME_SIZE):
        remedy = "correct the sample sheet, or bring the scans to one voxel size first"
        faults.append(Fault(moving.name, moving.size, f"the voxel size of the reference, {fixed.size} um", remedy))
    if mask is not None and mask.shape != fixed.shape:
        faults.append(
            Fault(mask.name, mask.shape, f"the shape of the reference, {fixed.shape}", "give a mask on its grid")
        )
    if faults:
        raise BadInput(*faults)


def _fit(pair: Pair, region: Region, start: Array, settings: RegisterSettings) -> Fitted:
    """Fit one sub-volume; its start is kept where the fit lost its way.

    A fit that leaves out what changed is less like the whole than a compromise between what moved and what did not,
    so a fit that is a little worse than its start still counts; one that ran away does not, nor does its start. Fine
    texture is asked rather than surfaces, which may have moved: those of the lithium phantom at the half cycle agree
    better at the start, 2.4 voxels off, than at the truth.
    """
    fixed = pair.read_fixed(region)
    moving = pair.read_moving(fixed, start, settings.margin_voxels)
    before = compare(fixed, pair.read_moving(fixed, np.eye(4), CUBIC_MARGIN), np.eye(4))
    if moving is None:
        unfit = Fit(start, 0, converged=False)
        return Fitted(region, unfit, before, nothing(fixed.voxels.size), 0.0, 0.0, found=False)
    fit = engine_of(settings)(fixed, moving, start, settings, pair.threads)
    texture, unmoved = (texture_accord(fixed, moving, matrix, settings) for matrix in (fit.matrix, start))
    ran_away = LOST * unmoved > texture
    if ran_away:
        fit, texture = Fit(start, fit.iterations, converged=False), unmoved
    after = compare(fixed, moving, fit.matrix)
    accord = after.accord(settings)
    found = not ran_away and accord >= settings.minimum_agreement
    return Fitted(region, fit, before, after, accord, texture, found=found)


def _again(pair: Pair, part: Fitted, matrix: Array, settings: RegisterSettings) -> Fitted:
    """Fit a sub-volume that stands apart once more, from the motion of the others; return the better of both.

    A fit that began too far off may have held to a surface that moved, or run away: one that found its way shows it to
    all. One that comes back to its old place deforms.
    """
    other = _fit(pair, part.region, matrix, settings.model_copy(update={"pyramid": (1,)}))
    return other if other.texture > part.texture else part


def _merge(fitted: list[Fitted], voxel_um: Array, settings: RegisterSettings) -> tuple[Merged, list[bool]]:
    """Merge the sub-volumes that were found (all of them where none was); return also which ones were kept."""
    used = [part for part in fitted if part.found] or fitted
    merged = merge([part.motion(voxel_um) for part in used], float(voxel_um.min()), settings)
    keeps = iter(merged.kept)
    return merged, [part.found and next(keeps) for part in fitted]


def _record(pair: Pair, fitted: list[Fitted], start: Array, settings: RegisterSettings) -> Registration:
    voxel_um = np.array(pair.fixed.size)
    merged, kept = _merge(fitted, voxel_um, settings)
    entries = tuple(_entry(part, merged.matrix, voxel_um, kept=keep) for part, keep in zip(fitted, kept, strict=True))
    after = _after(pair, fitted, merged.matrix, settings)
    before = sum((part.before for part in fitted), nothing())
    residuals = [entry.residual_voxels for entry in entries if entry.found]
    largest = max(residuals, default=0.0)
    reasons = why_not(entries, after, merged.matrix, merged.centre_um, settings)
    return Registration(
        registered=not reasons,
        reasons=reasons,
        warnings=() if reasons else warnings_of(entries, settings),
        engine=settings.engine,
        matrix=matrix_rows(merged.matrix),
        rotation_deg=rotation_of(merged.matrix),
        translation_um=vector(merged.matrix[:3, 3]),
        centre_um=vector(merged.centre_um),
        displacement_um=vector(transforms.displacement(merged.matrix, merged.centre_um)),
        voxel_size_um=pair.fixed.size,
        correlation_before=before.correlation,
        correlation_after=after.likeness.correlation,
        agreement=after.likeness.accord(settings),
        significance=after.significance,
        determinacy=after.determinacy,
        largest_residual_voxels=largest,
        rms_residual_voxels=rms_residual(entries),
        deforms=largest > settings.deformation_warning_voxels,
        start_matrix=matrix_rows(start),
        subvolumes=entries,
    )


def _after(pair: Pair, fitted: list[Fitted], matrix: Array, settings: RegisterSettings) -> After:
    """Return how alike all sub-volumes together are after the merged motion, and how much of that is chance."""
    after, decoys = nothing(), [nothing()] * len(DECOYS)
    for part in fitted:
        fixed = pair.read_fixed(part.region)
        moving = pair.read_moving(fixed, matrix, CUBIC_MARGIN)
        after += compare(fixed, moving, matrix)
        decoys = [decoy + more for decoy, more in zip(decoys, compare_decoys(fixed, moving, matrix), strict=True)]
    regions = [part.region for part in fitted]
    return After(after, significance(after, decoys, settings), determinacy(pair, regions, matrix, settings))


def _entry(part: Fitted, merged: Array, voxel_um: Array, *, kept: bool) -> SubvolumeRecord:
    centre = part.motion(voxel_um).centre_um
    residual = transforms.apply(part.fit.matrix, centre) - transforms.apply(merged, centre)
    starts, sizes = zip(*((where.start, where.stop - where.start) for where in part.region), strict=True)
    return SubvolumeRecord(
        centre_um=vector(centre),
        start_voxels=starts,
        size_voxels=sizes,
        matrix=matrix_rows(part.fit.matrix),
        rotation_deg=rotation_of(part.fit.matrix),
        displacement_um=vector(transforms.displacement(part.fit.matrix, centre)),
        correlation_before=part.before.correlation,
        correlation_after=part.after.correlation,
        agreement=part.accord,
        iterations=part.fit.iterations,
        converged=part.fit.converged,
        found=part.found,
        kept=kept,
        residual_um=vector(residual),
        residual_voxels=float(np.linalg.norm(residual) / voxel_um.min()),
    )
