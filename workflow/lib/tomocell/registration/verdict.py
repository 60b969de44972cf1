"""Whether a registration is believed, and what must be said of one that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tomocell.registration import transforms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tomocell.registration.likeness import Likeness
    from tomocell.registration.record import SubvolumeRecord
    from tomocell.registration.settings import AcceptSettings, RegisterSettings

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class After:
    """All sub-volumes together after the merged motion.

    Attributes:
        likeness: How alike the scans are there.
        significance: By how many standard deviations that is more than chance.
        determinacy: What is lost where the motion is a little off, by direction.
    """

    likeness: Likeness
    significance: float
    determinacy: dict[str, float]


def why_not(
    entries: Sequence[SubvolumeRecord], after: After, matrix: Array, centre_um: Array, settings: RegisterSettings
) -> tuple[str, ...]:
    """Return every reason not to believe a merged motion; none means that it is believed."""
    return (*_no_accord(entries, settings), *_unlike(after, settings), *_too_far(matrix, centre_um, settings))


def warnings_of(entries: Sequence[SubvolumeRecord], settings: AcceptSettings) -> tuple[str, ...]:
    """Return what must be said loudly."""
    found = [entry for entry in entries if entry.found]
    worst = max(found, key=lambda entry: entry.residual_voxels, default=None)
    if worst is None or worst.residual_voxels <= settings.deformation_warning_voxels:
        return ()
    place = ", ".join(f"{value:.4g}" for value in worst.centre_um)
    off = f"{worst.residual_voxels:.2f} voxels off the rigid motion, more than {settings.deformation_warning_voxels:g}"
    return (f"the sample deforms: the sub-volume around ({place}) um lies {off}",)


def rms_residual(entries: Sequence[SubvolumeRecord]) -> float:
    """Return the root mean square residual of the sub-volumes kept, voxels; 0 where none was."""
    kept = [entry.residual_voxels for entry in entries if entry.kept]
    return float(np.sqrt(np.mean(np.square(kept)))) if kept else 0.0


def _no_accord(entries: Sequence[SubvolumeRecord], settings: AcceptSettings) -> Iterator[str]:
    needed = max(1, math.ceil(settings.minimum_kept_percent / 100 * len(entries)))
    kept, found = sum(entry.kept for entry in entries), sum(entry.found for entry in entries)
    if kept and rms_residual(entries) > settings.maximum_residual_voxels:
        yield (
            f"the sub-volumes lie {rms_residual(entries):.2f} voxels off the merged motion, more than "
            f"{settings.maximum_residual_voxels:g}"
        )
    if kept < needed:
        yield (
            f"{kept} of {len(entries)} sub-volumes were found and agree, {needed} are needed ({found} found: agreement "
            f"of gradients at least {settings.minimum_agreement:g})"
        )


def _unlike(after: After, settings: RegisterSettings) -> Iterator[str]:
    correlation = after.likeness.correlation
    if correlation is None:
        yield "the scans do not overlap"
        return
    if settings.metric == "mutual_information":
        correlation = abs(correlation)
    if correlation < settings.minimum_correlation:
        yield f"correlation {correlation:.3f} is under {settings.minimum_correlation:g}"
    if after.significance < settings.minimum_significance:
        yield (
            f"the gradients of all sub-volumes together agree by {after.significance:.1f} standard deviations of chance"
            f", less than {settings.minimum_significance:g}"
        )
    least = min(after.determinacy, key=lambda direction: after.determinacy[direction])
    if after.determinacy[least] < settings.minimum_determinacy:
        yield (
            f"the {least} is left open: 8 voxels off, {after.determinacy[least]:.1%} of the agreement is lost, less "
            f"than {settings.minimum_determinacy:.0%}"
        )


def _too_far(matrix: Array, centre_um: Array, settings: RegisterSettings) -> Iterator[str]:
    angle = transforms.angle_deg(matrix)
    if angle > settings.maximum_rotation_deg:
        yield f"rotation of {angle:.2f} degrees is over {settings.maximum_rotation_deg:g}"
    moved = float(np.linalg.norm(transforms.displacement(matrix, centre_um)))
    if settings.maximum_translation_um is not None and moved > settings.maximum_translation_um:
        yield f"displacement of {moved:.4g} um is over {settings.maximum_translation_um:g}"
