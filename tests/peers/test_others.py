"""Stores of ours, seen by the libraries that others open them with.

These do not resolve beside ours, so they get an environment of their own, made once in ``.venv-peers``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.stores import CLASSES, SIZE, make_store
from tomocell.volumes.omezarr import rgba
from tomocell.volumes.volume import whole

HERE = Path(__file__).resolve().parent
PEERS = HERE.parents[1] / ".venv-peers"
REQUIREMENTS = HERE / "requirements.txt"
INSTALL_S = 480


@pytest.fixture(scope="session")
def python() -> Path:
    """Return the interpreter of the peers' environment; made anew where the requirements have changed."""
    ready, wanted = PEERS / "ready.txt", REQUIREMENTS.read_text()
    if not (ready.is_file() and ready.read_text() == wanted):
        shutil.rmtree(PEERS, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True, capture_output=True, timeout=120)
        install = [PEERS / "bin" / "python", "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS]
        try:
            subprocess.run(install, check=True, capture_output=True, text=True, timeout=INSTALL_S)
        except subprocess.TimeoutExpired:
            pytest.skip(f"pip did not install {REQUIREMENTS.name} within {INSTALL_S} s")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"pip cannot install {REQUIREMENTS.name}: {error.stderr.strip().splitlines()[-1]}")
        ready.write_text(wanted)
    return PEERS / "bin" / "python"


def look(python: Path, store: Path) -> Any:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    seen = subprocess.run(
        [python, HERE / "see.py", store], check=False, capture_output=True, text=True, timeout=120, env=clean
    )
    assert seen.returncode == 0, seen.stderr
    return json.loads(seen.stdout.splitlines()[-1])


def labels() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).choice([0, 1, 7], (13, 40, 230)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["uint16", "uint8", "float32", "labels"])
def test_others_see_the_voxels_where_they_are(tmp_path: Path, python: Path, kind: str) -> None:
    voxels = labels() if kind == "labels" else (labels() * 9.5).astype(kind)
    small: dict[str, Any] = {"chunk": (4, 8, 16), "shard": (8, 16, 32)}
    store = make_store(tmp_path / "v.ome.zarr", voxels, classes=CLASSES if kind == "labels" else None, **small)
    seen = look(python, store.path)

    levels = [store.coarser(level) for level in range(store.manifest.levels)]
    expected = [hashlib.sha256(level.read(whole(level.shape)).tobytes()).hexdigest() for level in levels]
    assert len(levels) == 3
    assert seen["ome_zarr"]["levels"] == seen["zarr"] == seen["tensorstore"] == expected

    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    assert seen["models"]["multiscale"]["axes"] == seen["ome_zarr"]["axes"] == axes
    datasets = seen["models"]["multiscale"]["datasets"]
    assert [entry["path"] for entry in datasets] == ["0", "1", "2"]
    assert [entry["coordinateTransformations"] for entry in datasets] == seen["ome_zarr"]["transforms"]
    for level, (scale, translation) in enumerate(seen["ome_zarr"]["transforms"]):
        assert scale == {"type": "scale", "scale": [edge * 2**level for edge in SIZE]}
        # The centre of a voxel of a mean of 2^n voxels lies (2^n - 1) / 2 voxels behind the centre of the first.
        shift = [edge * (2**level - 1) / 2 for edge in SIZE]
        assert translation == {"type": "translation", "translation": shift}


def test_others_see_the_classes(tmp_path: Path, python: Path) -> None:
    seen = look(python, make_store(tmp_path / "labels.ome.zarr", labels(), classes=CLASSES).path)
    assert seen["models"]["kind"] == "ImageLabel"
    assert "Label" in seen["ome_zarr"]["specs"]
    names = {str(member.value): {"name": member.name} for member in CLASSES}
    assert seen["ome_zarr"]["properties"] == names
    shades = {str(member.value): [part / 255 for part in rgba(member.color)] for member in CLASSES}
    assert seen["ome_zarr"]["colors"] == shades


def test_others_see_no_classes_in_grey(tmp_path: Path, python: Path) -> None:
    seen = look(python, make_store(tmp_path / "volume.ome.zarr", labels()).path)
    assert seen["models"]["kind"] == "Image"
    assert seen["ome_zarr"]["specs"] == ["Multiscales"]
    assert seen["models"]["image_label"] is None
