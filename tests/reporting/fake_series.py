"""What the analyses of a lithium series would leave beside the plain ones: made up, but in the shape agreed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reporting import fake
from tomocell.analyses.result import Map, Result
from tomocell.series.cycle import half_cycle
from tomocell.stages.measure import write_result

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.settings.load import Project

    Phases = dict[str, NDArray[np.uint8]]

OF_TIMESTEPS = ("electrode_gap", "colocalisation", "dead_lithium")
OF_SERIES = (
    "travelling_lithium", "swelling", "rates", "voids", "unfilled_pits", "travelling_map", "current_density",
    "dendrite_history", "colocalisation_lag",
)  # fmt: skip
EDGES = ("stripping_outer", "stripping_inner", "plating_inner", "plating_outer")


def make_project(folder: Path, steps: int, **changes: Any) -> Project:
    """Return a study that asks for everything."""
    plain = fake.make_project(folder, steps)
    measure = {**plain.study.measure, **{name: {} for name in OF_TIMESTEPS}}
    series = {**plain.study.series, **{name: {} for name in OF_SERIES}}
    return fake.make_project(folder, steps, **{"measure": measure, "series": series} | changes)


def fill(project: Project, results: Path) -> None:
    """Write the results of all those analyses."""
    found = fake.states(project)
    for index, (step, phases) in enumerate(found.items()):
        for name, result in _of_timestep(phases, index, len(found)).items():
            write_result(results / fake.SERIES / step, name, result, {"code_digest": "00"})
    for name, (frame, result) in _of_series(project, found).items():
        write_result(results / fake.SERIES, name, result, {"code_digest": "00"})
        frame.to_csv(results / fake.SERIES / f"{name}.csv", index=False)


def _of_timestep(phases: NDArray[np.uint8], index: int, steps: int) -> dict[str, Result]:
    share = fake.charge_share(index, steps)
    correlations = {
        "pearson_pit_deposited": -0.05 + 0.6 * share, "p_value_pit_deposited": 0.5 - 0.499 * share,
        "pearson_pit_dendrite": -0.2 * share, "p_value_pit_dendrite": 0.3,
        "manders_pit_in_deposited": 0.2 + 0.7 * share, "manders_pit_in_dendrite": 0.1 + 0.2 * share,
    }  # fmt: skip
    dead = 4e4 * max(0, index - steps // 2)
    return {
        "electrode_gap": _gap(phases),
        "colocalisation": Result(dict(correlations)),
        "dead_lithium": Result({"dead_um3": dead, "dead_uncertainty_um3": 0.1 * dead + 1, "count": index}),
    }


def _gap(phases: NDArray[np.uint8]) -> Result:
    """Return depths of the electrodes' edges, flattened over either direction of the face."""
    depth = np.arange(phases.shape[0])[:, None, None]
    low = np.where(phases == 5, depth, -1).max(axis=0) * fake.VOXEL_UM
    high = np.where(phases == 6, depth, phases.shape[0]).min(axis=0) * fake.VOXEL_UM
    parts = []
    for axis, across in (("x", 0), ("y", 1)):
        inner, other = low.mean(axis=across), high.mean(axis=across)
        edges = (np.zeros_like(inner), inner, other, np.full_like(other, phases.shape[0] * fake.VOXEL_UM))
        values = {f"{name}_um": edge for name, edge in zip(EDGES, edges, strict=True)}
        parts.append(pd.DataFrame({"axis": axis, "position_um": np.arange(len(inner)) * fake.VOXEL_UM, **values}))
    gap = float((high - low).mean())
    return Result({"gap_um": gap, "gap_uncertainty_um": 0.4}, pd.concat(parts, ignore_index=True))


def _of_series(project: Project, found: Phases) -> dict[str, tuple[pd.DataFrame, Result]]:
    samples = project.sheet.of(fake.SERIES)
    base = pd.DataFrame({"timestep": list(found), "time_min": [sample.time_min for sample in samples]})
    half = half_cycle(samples)
    plated = np.array([float((phases == 3).mean()) * 1e7 for phases in found.values()])
    results: dict[str, tuple[pd.DataFrame, Result]] = {
        "travelling_lithium": (
            base.assign(
                plating_um3=plated, stripping_um3=-0.97 * plated, net_um3=0.03 * plated, charge_um3=1.1 * plated
            ),
            Result({"net_um3": float(plated[-1]), "net_uncertainty_um3": 1e4}),
        ),
        "swelling": (base.assign(swelling_um=np.linspace(0, 39.3, len(base))), Result({"swelling_um": 39.3})),
        "rates": (base.assign(plating_side_um=plated, plating_side_fit_um=plated + 1e4), Result({}, _rates())),
        **_of_maps(found, half, base),
        "dendrite_history": (
            base.assign(count=range(len(base))),
            Result({"births": 12, "merges": 3}, history(list(found))),
        ),
    }
    lags = {
        f"mean_pearson_pit_{name}_lag_{lag}": 0.5 - 0.1 * lag for name in ("deposited", "dendrite") for lag in range(3)
    }
    results["colocalisation_lag"] = (base, Result(dict(lags)))
    return results


def _rates() -> pd.DataFrame:
    return pd.DataFrame({
        "quantity": ["stripping_side", "plating_side"], "model": ["linear", "slow-down"],
        "rate_um_per_period": [0.93, 2.4], "rate_uncertainty_um_per_period": [0.02, 0.11],
    })  # fmt: skip


def _of_maps(found: Phases, half: int, base: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, Result]]:
    steps, pixel = list(found), (fake.VOXEL_UM, fake.VOXEL_UM)
    thickness = {
        value: [(phases == value).sum(axis=0).astype(np.float32) * fake.VOXEL_UM for phases in found.values()]
        for value in (2, 3, 4)
    }
    unfilled = {
        step: np.maximum(thickness[2][half] - thickness[4][half + after], 0) for after, step in enumerate(steps[half:])
    }
    loss, gain = (
        np.maximum(thickness[3][half] - thickness[3][-1], 0),
        np.maximum(thickness[4][-1] - thickness[4][half], 0),
    )
    across = [
        np.maximum((found[before] == value).sum(axis=1) - (found[after] == value).sum(axis=1), 0).astype(np.float32)
        for value, before, after in ((3, steps[half], steps[-1]), (4, steps[-1], steps[half]))
    ]
    travelling = {
        "plating_loss_um": loss, "stripping_gain_um": gain, "plating_loss_cross_section_um": across[0],
        "stripping_gain_cross_section_um": across[1],
    }  # fmt: skip
    density = {
        f"plating_{after}_ma_cm2": (thickness[3][index + 1] - thickness[3][index]) * 0.6
        for index, after in enumerate(steps[1:])
    }
    per_area = {name: Map(values, pixel, "mA/cm2") for name, values in density.items()}
    return {
        "voids": (base[half:].assign(void_area_percent=53.9), Result(
            {"void_area_percent": 53.9, "void_area_uncertainty_percent": 2.1, "contact_area_percent": 46.1},
            maps={"void_depth_um": Map(unfilled[steps[-1]], pixel, "um")},
        )),
        "unfilled_pits": (base[half:].assign(unfilled_percent=40.0), Result(
            {}, maps={f"unfilled_pits_{step}_um": Map(values, pixel, "um") for step, values in unfilled.items()}
        )),
        "travelling_map": (base, Result(
            {}, maps={name: Map(values, pixel, "um") for name, values in travelling.items()}
        )),
        "current_density": (base, Result({}, maps=per_area)),
    }  # fmt: skip


def history(steps: list[str], tracks: int = 6) -> pd.DataFrame:
    """Return dendrites that are born one after another, some of which merge into the one before."""
    rows = []
    for track in range(1, tracks + 1):
        born = (track - 1) % max(len(steps) // 2, 1)
        ends = len(steps) - 1 if track % 3 else max(born, len(steps) - 2)
        for index in range(born, ends + 1):
            parents = [f"{steps[index - 1]}:{track}"] if index > born else []
            event = "continuation" if parents else "first" if index == 0 else "birth"
            if track % 3 == 2 and index == len(steps) - 1 and track < tracks:  # the next track merged into this one
                parents.append(f"{steps[index - 1]}:{track + 1}")
                event = "merge"
            fate = "last" if index == len(steps) - 1 else "continues" if index < ends else "merges"
            size = 1000.0 * track * (1 + np.sin(np.pi * index / len(steps)))
            rows.append(
                {"track": track, "timestep": steps[index], "label": track, "volume_um3": size, "height_um": 5.0,
                 "event": event, "fate": fate, "parents": ";".join(parents)}
            )  # fmt: skip
    return pd.DataFrame(rows)
