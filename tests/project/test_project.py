"""What holds the project's files together."""

from __future__ import annotations

import csv
import io
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tomocell.settings.load import read_study
from tomocell.settings.manual import MARKER, with_tables
from tomocell.settings.samples import SampleSheet
from tomocell.settings.schema import study_schema

REPOSITORY = Path(__file__).parents[2]
STUDIES = sorted((REPOSITORY / "config").glob("*.yaml"))


def pins(lines: list[str]) -> dict[str, str]:
    found = (re.match(r"([A-Za-z0-9_.-]+)==([^\s;]+)", line.strip()) for line in lines)
    return {match[1].lower(): match[2] for match in found if match}


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [REPOSITORY / name for name in done.stdout.split("\0") if name]


def test_every_environment_pins_what_the_lock_pins() -> None:
    lock = pins((REPOSITORY / "requirements.lock").read_text().splitlines())
    files = list((REPOSITORY / "envs").glob("*.yaml"))
    assert files
    for file in files:
        listed = next(
            entry["pip"] for entry in yaml.safe_load(file.read_text())["dependencies"] if isinstance(entry, dict)
        )
        wanted = pins(listed)
        assert len(wanted) == len(listed)
        assert wanted == {name: lock[name] for name in wanted}


def test_what_the_package_needs_is_in_the_lock_and_in_the_environment() -> None:
    wanted = (REPOSITORY / "requirements.in").read_text().split("# Checks.")[0]
    names = {re.split(r"[=<>]", line)[0].lower() for line in wanted.splitlines() if line and not line.startswith("#")}
    lock = pins((REPOSITORY / "requirements.lock").read_text().splitlines())
    environment = pins((REPOSITORY / "envs/tomocell.yaml").read_text().replace("- ", "").splitlines())
    assert names <= set(lock)
    assert names == set(environment)


@pytest.mark.parametrize("banned", ["torchvision", "timm", "segmentation-models-pytorch"])
def test_nothing_that_replaces_torch_is_in_the_lock(banned: str) -> None:
    assert banned not in pins((REPOSITORY / "requirements.lock").read_text().splitlines())


def test_the_schema_is_in_step_with_the_settings() -> None:
    assert (REPOSITORY / "config/schema.json").read_text() == study_schema(), "run `make schema`"


def test_the_manual_is_in_step_with_the_settings() -> None:
    page = (REPOSITORY / "config/README.md").read_text()
    assert MARKER in page
    assert page == with_tables(page), "run `make schema`"


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_every_study_and_its_sheet_can_be_read(study: Path) -> None:
    settings = read_study(study)
    assert SampleSheet.read(study.parent / settings.samples).samples


def test_the_sheet_of_the_demo_is_the_one_that_its_phantom_writes() -> None:
    made = REPOSITORY / "data/lithium/samples.tsv"
    if not made.is_file():
        pytest.skip("the demo's phantom is not there: run `make data`")
    rows = list(csv.DictReader(io.StringIO(made.read_text()), delimiter="\t"))
    kept = list(csv.DictReader(io.StringIO((REPOSITORY / "config/samples/lithium.tsv").read_text()), delimiter="\t"))
    for row in rows:
        for key in ("path", "labels"):
            row[key] = f"../../data/lithium/{row[key]}"
    assert kept == rows


def test_no_path_of_a_machine_is_in_any_file() -> None:
    pattern = re.compile(r"/(?:home|root|work|Users)/[a-z]")
    hits = [
        f"{path.relative_to(REPOSITORY)}: {line.strip()}"
        for path in tracked()
        if path.suffix in {".py", ".md", ".yaml", ".yml", ".smk", ".toml", ".tsv", ".json", ".lock", ".in", ""}
        for line in path.read_text(encoding="utf-8").splitlines()
        if pattern.search(line)
    ]
    assert not hits


def test_modules_stay_small() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in (REPOSITORY / "workflow/lib").rglob("*.py")}
    assert not {str(path): count for path, count in lines.items() if count > 320}
