"""A small study on disk, whole and without a fault, to which tests add exactly one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "series\ttimestep\tpath\ttime_min\treference\tlabels"
ROWS = ("cell\tt0\tt0.tif\t0\tfalse\tt0.labels.tif", "cell\tt1\tt1.tif\t60\ttrue\t")


def threshold_study() -> dict[str, Any]:
    return {
        "study": "small",
        "samples": "samples.tsv",
        "scan": {"voxel_size_um": [1.0, 1.0, 1.0]},
        "classes": [{"name": "pore", "value": 0}, {"name": "solid", "value": 1}],
        "threshold": {"dark": "pore", "bright": "solid"},
        "measure": {"porosity": {"pore": "pore"}},
    }


def model_section() -> dict[str, Any]:
    return {"name": "net", "classes": ["pore", "solid"], "network": {"channels": [4, 8]}}


def classifier_section() -> dict[str, Any]:
    return {"name": "strokes", "classes": ["pore", "solid"]}


def write_study(folder: Path, study: dict[str, Any] | str, rows: tuple[str, ...] = ROWS, header: str = HEADER) -> Path:
    """Write the study and its sheet; return the study's path."""
    path = folder / "study.yaml"
    path.write_text(study if isinstance(study, str) else yaml.safe_dump(study))
    (folder / "samples.tsv").write_text("\n".join([header, *rows]) + "\n")
    return path


def write_scans(folder: Path) -> None:
    """Write the scans and the annotations that the sheet names."""
    import tifffile

    for name in ("t0.tif", "t1.tif", "t0.labels.tif"):
        tifffile.imwrite(folder / name, np.zeros((2, 3, 4), np.uint8), photometric="minisblack")
