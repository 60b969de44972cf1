"""Damaged files: right voxels or `BadInput`, never another exception, a crash or a hang; see fuzz.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import tomocell

FUZZ = Path(__file__).with_name("fuzz.py")
CUTS, FLIPS = 6, 12  # of each way to write a file


def test_damaged_files_are_refused_or_read(tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(tomocell.__file__).parents[1]), str(FUZZ.parents[1])])
    command = [sys.executable, str(FUZZ), str(tmp_path), str(CUTS), str(FLIPS), "20"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env=os.environ | {"PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["wrong"] == []
    assert report["tried"] >= 50 * (CUTS + FLIPS)
    assert report["read"] > 0
    assert report["refused"] > report["tried"] // 4
