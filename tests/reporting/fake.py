"""A results folder as the stages would leave it: a small cell over a cycle, everything made up but consistent."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from tomocell.analyses.result import Map
from tomocell.blocks import Limits
from tomocell.settings.load import Project
from tomocell.settings.samples import Sample, SampleSheet
from tomocell.settings.study import Study
from tomocell.volumes.manifest import Provenance
from tomocell.volumes.maps import write_map
from tomocell.volumes.store import Layout, create_store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Classes, Shape

SERIES = "cell_a"
VOXEL_UM = 1.33
SHAPE = (40, 60, 104)  # one edge is long enough for a second level of the pyramid
PHASES = {
    "background": "#e9edf1", "dendrite": "#d1495b", "pit": "#30638e", "deposited": "#edae49", "redeposited": "#00798c",
    "stripping_electrode": "#8d8d99", "plating_electrode": "#55586f",
}  # fmt: skip
GREY = (34000, 30300, 20500, 27600, 27600, 24400, 24400)


def make_project(folder: Path, steps: int = 5, **changes: Any) -> Project:
    """Return a study of one series with ``steps`` timesteps over one cycle."""
    classes = [{"name": name, "value": value, "color": color} for value, (name, color) in enumerate(PHASES.items())]
    content = {
        "study": "lithium",
        "description": "A symmetric lithium cell over one full cycle of plating and stripping, scanned in every rest.",
        "samples": "samples.tsv",
        "scan": {"voxel_size_um": [VOXEL_UM] * 3},
        "registration": {},
        "classes": [*classes, {"name": "film", "value": 7}, {"name": "electrode", "value": 8}],
        "model": {"name": "unet", "classes": ["background", "dendrite", "pit", "film", "electrode"]},
        "measure": {"class_volumes": {}, "effective_thickness": {}, "occupancy": {}, "bubbles": {}, "porosity": {}},
        "series": {"faraday": {"active_area_cm2": 0.5, "current_min": 10, "plated": ["deposited", "dendrite"]}},
        "report": {"title": "Operando lithium plating", "renderings": []},
    }
    study = Study.model_validate(content | changes)
    return Project(folder / "lithium.yaml", study, SampleSheet(folder / "samples.tsv", make_samples(steps)))


def make_samples(steps: int, **changes: Any) -> list[Sample]:
    """Return the rows of the sheet."""
    half = (steps - 1) / 2
    rows = []
    for index in range(steps):
        row: dict[str, Any] = {"series": SERIES, "timestep": f"t{index:02d}", "path": "x.tif", "time_min": 10.0 * index}
        row["current_ma"] = 0.0 if index == 0 else 0.75 if index <= half else -0.75
        row["state"] = "pristine" if index == 0 else "charge" if index <= half else "discharge"
        rows.append(Sample.model_validate(row | changes))
    return rows


def charge_share(index: int, steps: int) -> float:
    """Return how far the cell is charged at a timestep, 0 to 1."""
    half = (steps - 1) / 2
    return 1 - abs(index - half) / half if half else 0.5


def make_phases(share: float, after_half: float, shape: Shape) -> NDArray[np.uint8]:
    """Return a cell with electrodes above and below, film and dendrites growing with ``share``."""
    rng = np.random.default_rng(3)
    depth, height, width = shape
    rough = gaussian_filter(rng.normal(size=(height, width)), 6)
    rough /= rough.std()
    spots = gaussian_filter(rng.normal(size=(height, width)), 3)
    spots = np.clip(spots / spots.std() - 1, 0, None)
    z = np.arange(depth)[:, None, None]
    strip = 0.3 * depth - 0.12 * depth * share + rough
    pits = strip - 0.07 * depth * share * spots
    plate = 0.75 * depth + rough[::-1]
    film = plate - 0.12 * depth * share * (1 + 0.15 * rough)
    dendrite = film - 0.2 * depth * share * spots[:, ::-1]
    phases = np.zeros(shape, np.uint8)
    phases[(z > pits) & (z <= strip)] = 2
    phases[z <= pits] = 5
    phases[(z > strip) & (z <= strip + 0.07 * depth * after_half)] = 4
    phases[(z > dendrite) & (z <= film)] = 1
    phases[(z > film) & (z <= plate)] = 3
    phases[z > plate] = 6
    return phases


def fill(project: Project, results: Path, *, only: tuple[str, ...] = ()) -> None:
    """Write a whole results folder, or the parts named in ``only``."""
    writers = {
        "stores": write_stores, "registration": write_registration, "records": write_records, "model": write_model,
        "maps": write_maps, "truth": write_truth,
    }  # fmt: skip
    for name, write in writers.items():
        if not only or name in only:
            write(project, results)


def states(project: Project) -> dict[str, NDArray[np.uint8]]:
    """Return the phases of each timestep."""
    steps = project.sheet.timesteps(SERIES)
    found = {}
    for index, step in enumerate(steps):
        share = charge_share(index, len(steps))
        found[step] = make_phases(share, 1 - share if index > (len(steps) - 1) / 2 else 0.0, SHAPE)
    return found


def write_store(path: Path, voxels: NDArray[Any], classes: Classes | None, voxel_um: float = VOXEL_UM) -> None:
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    layout = Layout(shape, voxels.dtype, (voxel_um,) * 3, classes, chunk=(32, 32, 32), shard=(64, 64, 64))
    how = Provenance(code_digest="0123456789abcdef")
    with create_store(path, layout, Limits(), how) as writer:
        writer.write((slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2])), voxels)


def write_stores(project: Project, results: Path) -> None:
    rng = np.random.default_rng(1)
    for step, phases in states(project).items():
        grey = gaussian_filter(np.choose(phases, GREY).astype(np.float32), 0.8)
        grey += rng.normal(0, 1200, grey.shape) + 900 * gaussian_filter(rng.normal(size=grey.shape), 2) * 10
        folder = results / SERIES / step
        write_store(folder / "registered.ome.zarr", grey.clip(0, 65535).astype(np.uint16), None)
        write_store(folder / "phases.ome.zarr", phases, project.study.all_classes.subset(tuple(PHASES)))


def rigid(index: int) -> tuple[NDArray[np.float64], list[float], list[float]]:
    """Return matrix, rotations and translation of a timestep; the last one is the reference."""
    angle = math.radians(0.12 * index)
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    shift = [0.4 * index, -0.9 * index, 0.25 * index**1.5]
    matrix[:3, 3] = shift
    return matrix, [math.degrees(angle), 0.0, 0.0], shift


def write_registration(project: Project, results: Path) -> None:
    steps = project.sheet.timesteps(SERIES)
    for index, step in enumerate(steps):
        matrix, rotation, shift = rigid(len(steps) - 1 - index)
        matrix[0, 3] += 0.02 * (index % 3)
        record = {
            "matrix": matrix.tolist(), "rotation_deg": rotation, "translation_um": shift,
            "correlation_before": 0.61 + 0.01 * index, "correlation_after": 0.955 + 0.002 * index,
            "subvolumes": [{"translation_um": shift, "correlation_after": 0.95}] * 8,
        }  # fmt: skip
        write_json(results / SERIES / step / "registration.json", record)


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def volumes_um3(phases: NDArray[np.uint8]) -> dict[str, float]:
    counts = np.bincount(phases.ravel(), minlength=len(PHASES))
    return {name: float(count * VOXEL_UM**3) for name, count in zip(PHASES, counts, strict=True)}


def thicknesses(volumes: dict[str, float], area: float) -> dict[str, float]:
    found = {name: value / area for name, value in volumes.items()}
    found["plating_side"] = found["plating_electrode"] + found["deposited"]
    found["stripping_side"] = found["stripping_electrode"] + found["redeposited"]
    return found


def write_records(project: Project, results: Path) -> None:
    """Write what the analyses leave: a record each, tables over time, tables of objects."""
    rng = np.random.default_rng(5)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in (*project.study.measure, "faraday")}
    charge = 0.0
    for sample, phases in zip(project.sheet.of(SERIES), states(project).values(), strict=True):
        volumes = volumes_um3(phases)
        area = phases.shape[1] * phases.shape[2] * VOXEL_UM**2
        charge += (sample.current_ma or 0.0) * 10 / 60
        records = {
            "class_volumes": with_errors({f"{name}_um3": value for name, value in volumes.items()}),
            "effective_thickness": with_errors(
                {f"{name}_um": value for name, value in thicknesses(volumes, area).items()}
            ),
            "occupancy": occupancy(phases),
            "bubbles": {"count": int(20 + charge * 400), "volume_fraction_percent": 1.2 + charge},
            "porosity": {"porosity": volumes["background"] / sum(volumes.values()), "porosity_uncertainty": 0.004},
        }
        imaged = volumes["deposited"] + volumes["dendrite"]
        records["faraday"] = {
            "charge_mah": charge, "faraday_um3": imaged * 1.08 + 1e3, "imaged_um3": imaged,
            "imaged_uncertainty_um3": imaged * 0.02,
            "capacity_ratio": imaged / (imaged * 1.08 + 1e3) if charge > 0.01 else None,
        }  # fmt: skip
        for name, record in records.items():
            if name in rows:
                rows[name].append(
                    {"timestep": sample.timestep, "time_min": sample.time_min, "state": sample.state} | record
                )
            if name != "faraday":
                content = record | {"provenance": {"code_digest": "fedcba9876543210"}}
                write_json(results / SERIES / sample.timestep / f"{name}.json", content)
        objects = rng.lognormal(2.2, 0.5, 300)
        table = pd.DataFrame({"label": range(300), "equivalent_diameter_um": objects, "volume_um3": objects**3 / 1.91})
        table.to_parquet(results / SERIES / sample.timestep / "bubbles.parquet")
        profile = [(phases == 0).mean(axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
        parts = [
            pd.DataFrame({"axis": "zyx"[axis], "position_um": np.arange(len(values)) * VOXEL_UM, "porosity": values})
            for axis, values in enumerate(profile)
        ]
        pd.concat(parts).to_parquet(results / SERIES / sample.timestep / "porosity.parquet")
    for name, entries in rows.items():
        if entries:
            pd.DataFrame(entries).to_csv(results / SERIES / f"{name}.csv", index=False)


def with_errors(values: dict[str, float]) -> dict[str, float]:
    found = {}
    for key, value in values.items():
        name, unit = key.rsplit("_", 1)
        found |= {key: value, f"{name}_uncertainty_{unit}": 0.03 * value}
    return found


def occupancy(phases: NDArray[np.uint8]) -> dict[str, float]:
    found = {}
    for value, name in list(enumerate(PHASES))[1:]:
        share = float((phases == value).any(axis=0).mean() * 100)
        found |= {f"{name}_percent": share, f"{name}_uncertainty_percent": 1.2, f"{name}_bare_percent": 100 - share}
    return found


def write_model(project: Project, results: Path) -> None:
    assert project.study.model is not None
    names = project.study.model.classes
    scores = {name: 0.99 - 0.05 * index for index, name in enumerate(names)}
    card = {
        "name": "unet", "architecture": "residual_unet", "network": {"channels": [16, 32, 64], "dropout": 0.2},
        "classes": [{"name": name, "value": index, "color": "#123456"} for index, name in enumerate(names)],
        "plane_axis": "y", "planes": 1, "patch_voxels": [64, 64], "voxel_size_um": [VOXEL_UM] * 3,
        "normalisation": {"mean": 30123.4, "sd": 4210.9},
        "metrics": {
            "accuracy": 0.9871, "pixels": 123456,
            "classes": {name: dict.fromkeys(("precision", "recall", "f1", "iou", "dice"), score)
                        for name, score in scores.items()},
        },
        "training": {
            "settings": {"epochs": 12, "learning_rate": 1e-3, "batch_size": 16}, "epochs": 12,
            "entries": [
                {"series": SERIES, "timestep": "t01", "planes": [3, 9, 20], "pixels": {"pit": 900}, "part": "train"},
                {"series": SERIES, "timestep": "t02", "planes": [5, 8], "pixels": {"pit": 950}, "part": "validation"},
            ],
        },
    }  # fmt: skip
    write_json(results / "models" / "unet" / "model.json", card)
    epochs = np.arange(1, 13)
    frame = pd.DataFrame({
        "epoch": epochs, "train_loss": 1.2 * np.exp(-epochs / 3) + 0.05,
        "validation_loss": 1.3 * np.exp(-epochs / 3.2) + 0.08,
        "validation_accuracy": 1 - 0.4 * np.exp(-epochs / 2.5),
    })  # fmt: skip
    frame.to_csv(results / "models" / "unet" / "history.csv", index=False)


def write_maps(project: Project, results: Path) -> None:
    """Write maps, and list them in the records of occupancy."""
    for step, phases in states(project).items():
        for value, name in ((3, "deposited"), (1, "dendrite")):
            counts = (phases == value).sum(axis=0)
            content = Map((counts * VOXEL_UM).astype(np.float32), (VOXEL_UM, VOXEL_UM), "um")
            write_map(results / SERIES / step / "maps" / f"{name}_thickness_um.tif", f"{name}_thickness_um", content)
        path = results / SERIES / step / "occupancy.json"
        record = json.loads(path.read_text()) if path.is_file() else {}
        names = ("deposited_thickness_um", "dendrite_thickness_um")
        write_json(path, record | {"maps": [f"{name}.{kind}" for name in names for kind in ("tif", "png")]})


def write_truth(project: Project, results: Path) -> None:
    """Write truth.json beside the study: 2 % more of everything than was measured, the motions without their errors."""
    del results
    steps = project.sheet.timesteps(SERIES)
    timesteps = {}
    for index, (step, phases) in enumerate(states(project).items()):
        volumes = {name: value * 1.02 * (1.06 if name == "pit" else 1) for name, value in volumes_um3(phases).items()}
        area = phases.shape[1] * phases.shape[2] * VOXEL_UM**2
        amounts = {
            "volume_um3": volumes,
            "effective_thickness_um": thicknesses(volumes, area),
        }
        matrix = rigid(len(steps) - 1 - index)[0]
        timesteps[step] = {"continuous": amounts, "rigid": {"matrix": matrix.tolist()}}
    truth = {
        "series": SERIES, "voxel_size_um": [VOXEL_UM] * 3, "scan_shape": [edge + 16 for edge in SHAPE],
        "roi": {"start": [8, 8, 8], "size": list(SHAPE)}, "timesteps": timesteps,
    }  # fmt: skip
    write_json(project.path.parent / "truth.json", truth)
