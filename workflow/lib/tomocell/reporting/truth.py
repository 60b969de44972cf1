"""What was measured on a phantom beside what was planted in it."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.reporting.planted import COVERAGE, is_within, planted_pairs
from tomocell.reporting.sources import Source, read_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from tomocell.settings.load import Project

    Row = dict[str, Any]

VOLUME, THICKNESS, REGISTRATION = "volume_um3", "effective_thickness_um", "registration_error_voxels"
# What the miniature cell is accepted on: amounts within 5 % of the planted ones, scans in place within a tenth of a
# voxel. A residue is another matter: of a film of a tenth of a voxel even perfect voxels show a half. Less than 2 % of
# the most that a class had in the series is shown, and judged only when what was measured is more than that off.
AMOUNT_TOLERANCE_PERCENT = 5.0
RESIDUE_PERCENT = 2.0
REGISTRATION_TOLERANCE_VOXELS = 0.1
# The cell as it is defined, in partial voxels; counts of voxels would hide what voxels cannot show.
CONTINUOUS = "continuous"
MEASURED = {VOLUME: ("class_volumes", "um3"), THICKNESS: ("effective_thickness", "um")}
COLUMNS = (
    "timestep", "quantity", "name", "measured", "uncertainty", "planted",
    "difference_percent", "difference_over_uncertainty", "tolerance", "is_within",
)  # fmt: skip


def truth_path(project: Project) -> Path | None:
    """Return where the study says its truth lies, or None."""
    name = project.study.report.truth
    return None if name is None else project.path.parent / name


def compare_with_truth(project: Project, series: str, results: Path) -> pd.DataFrame | None:
    """Return one row for each quantity, class and timestep that was both planted and measured.

    ``quantity`` is ``volume_um3``, ``effective_thickness_um``, ``registration_error_voxels`` (``name`` mean or worst
    over the corners of the region of interest), or an analysis of which the truth has planted values (``name`` the key
    of its record). ``difference_percent`` is (measured - planted) / planted, not a number where nothing was planted;
    ``difference_over_uncertainty`` likewise over the stated standard uncertainty.

    ``tolerance`` has the unit of the quantity: 0.1 voxel for registration, twice the stated uncertainty for what was
    planted by analysis, and for volumes and thicknesses 5 % of the planted amount, or with
    ``report.truth_within: uncertainty`` twice the stated uncertainty too. A volume or thickness that is a residue, less
    than 2 % of the largest planted of its class in the series, has those 2 % as tolerance. ``is_within`` is empty (not
    judged) for a residue that keeps them, and where no uncertainty is stated.

    Returns None where the study names no truth, or one of another series, or nothing of it was measured.

    Raises:
        BadInput: If the truth the study names cannot be read.
    """
    import pandas as pd

    path = truth_path(project)
    if path is None:
        return None
    truth = _read(path)
    if truth.get("series", series) != series:
        return None
    source = Source(project, series, results)
    try:
        amounts = [row for quantity in (VOLUME, THICKNESS) for row in _amounts(source, truth, quantity)]
        rows = [*amounts, *_registrations(source, truth), *_planted_rows(source, truth)]
    except BadInput:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _not_truth(path, f"{type(error).__name__}: {error}") from error
    return pd.DataFrame(rows, columns=list(COLUMNS)) if rows else None


def corner_errors(
    measured: NDArray[np.float64], planted: NDArray[np.float64], corners: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far apart two 4 x 4 matrices carry each of ``corners`` (N, 3); same unit as theirs."""
    points = np.column_stack([corners, np.ones(len(corners))])
    errors: NDArray[np.float64] = np.linalg.norm((points @ (measured - planted).T)[:, :3], axis=1)
    return errors


def roi_corners(truth: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return the centres of the 8 corner voxels of the region of interest, voxels of the reference scan."""
    roi = truth.get("roi") or {"start": (0, 0, 0), "size": truth["scan_shape"]}
    ends = [(start, start + size - 1) for start, size in zip(roi["start"], roi["size"], strict=True)]
    return np.array(list(product(*ends)), dtype=np.float64)


def _read(path: Path) -> dict[str, Any]:
    try:
        truth = read_record(path)
    except OSError as error:
        raise _not_truth(path, "no file") from error
    if not isinstance(truth.get("timesteps"), dict):
        raise _not_truth(path, "no 'timesteps'")
    return truth


def _not_truth(path: Path, found: str) -> BadInput:
    return BadInput(Fault(str(path), found, "truth.json as a phantom writes it", "correct report.truth of the study"))


def _amounts(source: Source, truth: Mapping[str, Any], quantity: str) -> Iterator[Row]:
    """Yield rows of volumes or thicknesses."""
    analysis, unit = MEASURED[quantity]
    frame = source.over_time(analysis)
    if frame is None or "timestep" not in frame:
        return
    measured = frame.set_index("timestep").to_dict("index")
    planted = {step: _continuous(truth, step, quantity) for step in source.timesteps if step in measured}
    by_uncertainty = source.project.study.report.truth_within == "uncertainty"
    largest = _largest(planted)
    for step, amounts in planted.items():
        for name, amount in amounts.items():
            value = measured[step].get(f"{name}_{unit}")
            if value is not None and np.isfinite(value):
                bound = measured[step].get(f"{name}_uncertainty_{unit}", float("nan"))
                found = (float(value), float(bound))
                tolerance = COVERAGE * found[1] if by_uncertainty else AMOUNT_TOLERANCE_PERCENT * amount / 100
                yield _row((step, quantity, name), found, amount, (tolerance, largest[name]))


def _continuous(truth: Mapping[str, Any], step: str, quantity: str) -> dict[str, float]:
    return dict(truth["timesteps"].get(step, {}).get(CONTINUOUS, {}).get(quantity, {}))


def _largest(planted: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    largest: dict[str, float] = {}
    for amounts in planted.values():
        for name, amount in amounts.items():
            largest[name] = max(largest.get(name, 0.0), amount)
    return largest


def _row(key: tuple[str, str, str], measured: tuple[float, float], planted: float, limits: tuple[float, float]) -> Row:
    """Return a row of an amount; ``limits`` are its tolerance and the largest amount of its class in the series."""
    tolerance, largest = limits
    residue = RESIDUE_PERCENT * largest / 100
    is_residue = planted < residue
    tolerance = residue if is_residue else tolerance
    within: bool | None = None if np.isnan(tolerance) else bool(abs(measured[0] - planted) <= tolerance)
    if is_residue and within:
        within = None
    cells = (*key, *measured, planted, *_differences(measured, planted), tolerance, within)
    return dict(zip(COLUMNS, cells, strict=True))


def _differences(measured: tuple[float, float], planted: float) -> tuple[float, float]:
    """Return measured less planted in percent of the planted, and over the uncertainty."""
    difference, uncertainty = measured[0] - planted, measured[1]
    percent = 100 * difference / planted if planted else float("nan")
    return percent, difference / uncertainty if uncertainty > 0 else float("nan")


def _planted_rows(source: Source, truth: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a row for each value that was planted by analysis."""
    for pair in planted_pairs(source, truth):
        differences = _differences((pair.measured, pair.uncertainty), pair.planted)
        cells = (*pair, *differences, COVERAGE * pair.uncertainty, is_within(pair))
        yield dict(zip(COLUMNS, cells, strict=True))


def _registrations(source: Source, truth: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the mean and the worst registration error of each timestep."""
    voxel = np.array(truth["voxel_size_um"], dtype=np.float64) if "voxel_size_um" in truth else np.ones(3)
    corners_um = roi_corners(truth) * voxel
    for step, record in source.records("registration").items():
        planted = truth["timesteps"].get(step, {}).get("rigid", {}).get("matrix")
        if planted is None or record.get("matrix") is None:
            continue
        crop_um = np.array(source.project.study.convert.crop_start_voxels) * voxel
        errors = corner_errors(_uncropped(record["matrix"], crop_um), np.array(planted, np.float64), corners_um)
        voxels = errors / voxel.min()
        for name, error in (("mean", float(voxels.mean())), ("worst", float(voxels.max()))):
            within = error <= REGISTRATION_TOLERANCE_VOXELS
            unknown = (np.nan, np.nan)
            cells = (step, REGISTRATION, name, error, np.nan, 0.0, *unknown, REGISTRATION_TOLERANCE_VOXELS, within)
            yield dict(zip(COLUMNS, cells, strict=True))


def _uncropped(matrix: object, crop_um: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a matrix between scans that were cropped alike as one between the whole scans."""
    shift, back = np.eye(4), np.eye(4)
    shift[:3, 3], back[:3, 3] = crop_um, -crop_um
    whole: NDArray[np.float64] = shift @ np.array(matrix, np.float64) @ back
    return whole
