"""Every network, trained for the same few minutes of a processor on a phantom of known truth, beside the baselines.

The phantom is the lithium cell of the demo, not moved from scan to scan, so that the truth of every voxel is known.
Networks of planes learn from eight labelled planes of each of three timesteps, networks of cubes from the same three
timesteps with every voxel labelled, all with small settings (below); the epoch kept is the best one on a fourth. All is
judged on every voxel of a fifth, which nothing has seen. The pixel classifier learns from the labels of all four, once
from the planes and once from every voxel. Otsu parts lithium from the rest, multi-Otsu all five classes by grey value;
the median filter helps it against noise. The budget is processor time on one thread, judging each epoch included, so
that a busy machine matters little (fewer epochs where caches are shared); the table tells the epochs.

    python benchmarks/phantom_networks.py --out /tmp/phantom
    python benchmarks/phantom_networks.py --out /tmp/phantom --seconds 5 --only unet otsu      # to try it
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "lib"), str(ROOT / "tests")]

if TYPE_CHECKING:
    from collections.abc import Callable

    from tomocell.volumes.volume import Classes

SERIES, DENSE, JUDGES, CHOOSES = "lithium", "lithium_dense", "t180", "t060"
TRAIN = ("t000", "t120", "t240")
CHOOSING_ROWS = slice(48, 80)  # labelled rows of the dense timestep that chooses, so that judging takes little time
STILL = {"max_translation_um": 0.0, "max_rotation_deg": 0.0, "nonrigid_um": 0.0, "formats": ["nrrd"]}
RESNEXT = {"blocks": [2, 2, 2], "base_channels": 8, "groups": 4, "group_width": 2, "decoder_channels": [48, 32, 16, 8]}
PLANES: dict[str, dict[str, Any]] = {
    "residual_unet": {"channels": [12, 24, 48], "dropout": 0.0},
    "resnext_unet": RESNEXT,
    "attention_unet": {"channels": [12, 24, 48]},
    "unet_3plus": {"channels": [8, 16, 32], "branch_channels": 8},
    "swin_unet": {"patch_pixels": 2, "channels": 16, "depths": [2, 2], "heads": [2, 4], "window_tokens": 8,
                  "drop_path": 0.0},
    "unet": {"channels": [12, 24, 48]},
}  # fmt: skip
CUBES: dict[str, dict[str, Any]] = {
    "vnet": {"base_channels": 4, "dropout": 0.0},
    "resnext_unet_3d": RESNEXT | {"decoder_channels": [32, 16, 8, 8]},
    "swin_unetr": {"feature_size": 12, "depths": [1, 1, 1, 1], "heads": [1, 2, 4, 8], "window_voxels": 4},
    "unet_3d": {"channels": [8, 16, 32, 64]},
}
CLASSES = ("background", "dendrite", "pit", "film", "electrode")
BY_GREY = {"dark": "pit", "between": ("electrode", "film", "dendrite"), "bright": "background"}
EPOCHS = 1000  # never reached: the budget ends the training
STEPS = dict.fromkeys(("swin_unet", "swin_unetr", "unet_3d"), 2e-3)
STEP = 4e-3  # of the others


def main() -> None:
    """Print the table."""
    options = parse()
    if options.one:
        run_one(options.one, options)
        return
    prepare(options.out)
    print(f"{platform.processor() or platform.machine()}, one thread, {options.seconds:g} s of it for each network")
    head = ("", "parameters (M)", "epochs", "accuracy (%)", *(f"IoU {name} (%)" for name in CLASSES))
    print("| " + " | ".join(head) + " |\n|---|" + "--:|" * (len(head) - 1))
    for name in options.only or (*ways(options), *PLANES, *CUBES):
        if not (record := options.out / name / "row.json").is_file():
            single = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"), "1")
            command = [sys.executable, __file__, "--out", options.out, "--seconds", str(options.seconds), "--one", name]
            with (options.out / f"{name}.log").open("w") as log:
                subprocess.run(command, env=single, stdout=log, stderr=log, check=True)
        print("| " + " | ".join([name.replace("_", " "), *json.loads(record.read_text())]) + " |", flush=True)


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(tempfile.gettempdir()) / "phantom-networks",
        help="folder for the phantom and results; what is there stays (default: %(default)s)",
    )
    parser.add_argument(
        "--seconds", type=float, default=240, help="processor time of a training (default: %(default)s)"
    )
    parser.add_argument("--only", nargs="+", help="these rows alone")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


def ways(options: argparse.Namespace) -> dict[str, Callable[[Path], None]]:
    """Return the baselines by name: each labels the grey values of the timestep that judges into a store."""
    return {
        "otsu": lambda store: threshold(options.out, store, {"dark": "electrode", "bright": "background"}),
        "multi-otsu": lambda store: threshold(options.out, store, BY_GREY),
        "multi-otsu,_median_of_5": lambda store: threshold(options.out, store, BY_GREY | {"median_voxels": 5}),
        "pixel_classifier": lambda store: classify(options.out, store, SERIES),
        "pixel_classifier,_every_voxel": lambda store: classify(options.out, store, DENSE),
    }


def prepare(out: Path) -> None:
    """Write the phantom, and stores of its grey values and labels, unless they are there."""
    import numpy as np
    import tifffile

    from support.stores import make_store
    from tomocell.labelling.settings import IGNORE
    from tomocell.phantoms.lithium import Settings, synthesize
    from tomocell.volumes.readers import open_source
    from tomocell.volumes.store import open_store
    from tomocell.volumes.volume import whole

    phantom = out / "phantom"
    if (out / "ready").is_file():
        return
    settings = Settings.model_validate(STILL)
    synthesize(settings, phantom)
    roi = tuple(slice(at, at + n) for at, n in zip(settings.roi_start, settings.roi_size, strict=True))
    for name in (*TRAIN, CHOOSES, JUDGES):
        scan = open_source(phantom / "raw" / f"{name}.nrrd")
        grey = np.ascontiguousarray(scan.read(whole(scan.shape))[roi])
        notes = {"least": int(grey.min()), "greatest": int(grey.max())}
        truth = open_store(phantom / "truth" / name / "labels.ome.zarr")
        labels = truth.read(whole(truth.shape)).astype(np.uint8)
        if name == CHOOSES:
            labels[:, : CHOOSING_ROWS.start] = labels[:, CHOOSING_ROWS.stop :] = IGNORE
        dense = phantom / "annotations" / f"{name}_every_voxel.tif"
        tifffile.imwrite(dense, labels, photometric="minisblack")
        for series, labelled in ((SERIES, phantom / "annotations" / f"{name}.tif"), (DENSE, dense)):
            folder = out / "results" / series / name
            make_store(folder / "volume.ome.zarr", grey, scan.size, notes=notes)
            label(folder, labelled)
    (out / "ready").touch()


def label(folder: Path, labels: Path) -> None:
    """Write the store of labels beside that of grey values."""
    from support.stores import LIMITS
    from tomocell.labelling.settings import AnnotateSettings
    from tomocell.stages.annotate import annotate

    grey, store = folder / "volume.ome.zarr", folder / "annotations.ome.zarr"
    annotate(labels, grey, store, classes(), AnnotateSettings(), LIMITS)


def classes() -> Classes:
    """Return the classes of the phantom's labels."""
    from tomocell.phantoms.cell.views import LABELS

    return LABELS


def run_one(name: str, options: argparse.Namespace) -> None:
    """Label the timestep that judges by one way, and write its row of the table."""
    import torch

    from support.stores import LIMITS
    from tomocell.evaluation.settings import EvaluateSettings
    from tomocell.stages.evaluate import How, evaluate
    from tomocell.volumes.store import open_store
    from tomocell.volumes.tables import read_json

    torch.set_num_threads(1)
    folder = options.out / name
    folder.mkdir(exist_ok=True)
    store, count, epochs = folder / "labels.ome.zarr", "", ""
    if name in ways(options):
        ways(options)[name](store)
    else:
        count, epochs = learn(name, options, store)
    truth = open_store(options.out / "phantom" / "truth" / JUDGES / "labels.ome.zarr")
    how = How(EvaluateSettings(surfaces=False, tortuosity=None), name)
    evaluate(open_store(store), truth, folder / "evaluation.json", -1, LIMITS, how)
    record = read_json(folder / "evaluation.json")
    shares = [record["accuracy"], *(record["classes"][member]["iou"] for member in CLASSES)]
    row = [count, epochs, *("-" if share is None else f"{100 * share:.2f}" for share in shares)]
    (folder / "row.json").write_text(json.dumps(row))


def learn(name: str, options: argparse.Namespace, store: Path) -> tuple[str, str]:
    """Train a network and label with it; return its parameters in millions, and its epochs."""
    from support.stores import LIMITS
    from tomocell.labelling.settings import IGNORE
    from tomocell.models.saved import load_model
    from tomocell.settings.plug_ins import settings_of_network
    from tomocell.stages.infer import infer
    from tomocell.stages.train import train
    from tomocell.stages.training_set import assemble_training_set, write_training_set
    from tomocell.training import stops
    from tomocell.volumes.store import open_store

    # The limit of a training is of the clock, which says little on a busy machine.
    stops.time = SimpleNamespace(monotonic=time.process_time)  # type: ignore[assignment]
    results = options.out / "results"
    model = settings(name, options.seconds)
    series = SERIES if name in PLANES else DENSE
    keys = [(series, step) for step in (*TRAIN, CHOOSES)]
    found = assemble_training_set(results, keys, "volume", model, IGNORE)
    write_training_set(results / "models" / name / "training_set.json", found)
    train(results, model, classes(), settings_of_network(model).model_dump(mode="json"))
    grey = open_store(results / SERIES / JUDGES / "volume.ome.zarr")
    infer(grey, results / "models" / name, store, model.infer, LIMITS)
    network, card, _ = load_model(results / "models" / name)
    count = sum(weight.numel() for weight in network.parameters())
    return f"{count / 1e6:.3f}", str(card.training["epochs"])


def settings(name: str, seconds: float) -> Any:  # noqa: ANN401
    """Return the settings of a model: all learn alike but for what they see."""
    from tomocell.models.settings import ModelSettings

    flat = name in PLANES
    edges = [64, 64] if flat else [32, 32, 32]
    train = {"epochs": EPOCHS, "patience_epochs": EPOCHS, "time_min": seconds / 60, "validation": [CHOOSES], "seed": 1}
    train |= {"patches_per_plane": 8 if flat else 1, "batch_size": 8 if flat else 4}
    train |= {"loss": "dice_cross_entropy", "learning_rate": STEPS.get(name, STEP), "clip_norm": 1.0}
    train |= {"plateau_epochs": 4, "plateau_factor": 0.5}
    # A network that normalises over what it sees has to see as much as it was trained on.
    infer = {"tile_voxels": [96, 96], "overlap": 0.25}
    if not flat:
        infer = {"tile_voxels": edges, "overlap": 0.5, "blend": "gaussian"}
    return ModelSettings.model_validate(
        {
            "name": name,
            "architecture": name,
            "network": (PLANES | CUBES)[name],
            "classes": CLASSES,
            "plane_axis": "y",
            "patch_voxels": edges,
            "sampling": {"rare_classes": ["dendrite", "pit", "film"]},
            "train": train,
            "infer": infer,
        }
    )


def threshold(out: Path, store: Path, how: dict[str, Any]) -> None:
    """Label by thresholds."""
    from support.stores import LIMITS
    from tomocell.labelling.settings import ThresholdSettings
    from tomocell.stages.threshold import segment_by_threshold

    grey = out / "results" / SERIES / JUDGES / "volume.ome.zarr"
    segment_by_threshold(grey, store, classes(), ThresholdSettings.model_validate(how), LIMITS)


def classify(out: Path, store: Path, series: str) -> None:
    """Label by a random forest over features of the volume, trained with the labels of a series."""
    from support.stores import LIMITS
    from tomocell.labelling.settings import ClassifierSettings
    from tomocell.stages import classify as stage
    from tomocell.volumes.store import open_store

    chosen = ClassifierSettings(name="forest", classes=CLASSES)
    folders = [out / "results" / series / step for step in (*TRAIN, CHOOSES)]
    pairs = [(folder / "volume.ome.zarr", folder / "annotations.ome.zarr") for folder in folders]
    forest = out / "results" / "models" / f"forest_of_{series}"
    stage.train_classifier(pairs, forest, classes(), chosen, LIMITS)
    stage.classify(open_store(out / "results" / SERIES / JUDGES / "volume.ome.zarr"), forest, store, chosen, LIMITS)


if __name__ == "__main__":
    main()
