"""The shipped profiles reach the rules in both forms, and the installer makes and removes only what is its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
PROFILES = sorted(path.parent.name for path in REPOSITORY.glob("profiles/*/config.yaml"))
RULES = (
    *("convert", "register", "annotate", "training_set", "train", "infer", "threshold", "refine", "measure"),
    *("follow", "collect", "report"),
)
SNAKEFILE = """
rule all:
    input: {inputs}
{rules}
"""
RULE = """
rule {name}:
    output: "{name}.txt"
    shell: "touch {{output}}"
"""
# Fails once, and leaves behind what each attempt was given.
ONCE = """
rule all:
    input: "convert.txt"
rule convert:
    output: "convert.txt"
    shell: "echo {resources.runtime} {resources.mem_mb} >> attempts; [ $(wc -l < attempts) = 2 ] && touch {output}"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "study"
    made.mkdir()
    rules = "".join(RULE.format(name=name) for name in RULES)
    (made / "Snakefile").write_text(SNAKEFILE.format(inputs=", ".join(f'"{name}.txt"' for name in RULES), rules=rules))
    return made


def environment(home: Path, **extra: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SNAKEMAKE_", "XDG_", "TOMOCELL_"))}
    return kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home.parent / "cache")} | extra


def snakemake(folder: Path, home: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--nocolor", *arguments]
    env = environment(home, TOMOCELL_ACCOUNT="m1234")
    done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def installer(home: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "profiles/install.py"), *arguments]
    return subprocess.run(
        command, env=environment(home, **extra), check=False, capture_output=True, text=True, timeout=60
    )


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.is_file() and path.read_text()
        for path in folder.rglob("*")
    }


def requested(dry_run: str) -> dict[str, tuple[int, dict[str, str]]]:
    """Threads and resources of each rule, as a dry run prints them."""
    found = {}
    for name, block in re.findall(r"^rule (\w+):\n((?:    .*\n)+)", dry_run, re.MULTILINE):
        threads = re.search(r"threads: (\d+)", block)
        resources = dict(pair.split("=", 1) for pair in re.search(r"resources: (.*)", block)[1].split(", "))
        found[name] = (int(threads[1]) if threads else 1, resources)
    return found


@pytest.mark.parametrize("name", PROFILES)
def test_a_path_and_an_installed_name_are_the_same_profile(name: str, folder: Path, home: Path) -> None:
    home.mkdir()
    assert installer(home).returncode == 0
    by_name = requested(snakemake(folder, home, "-n", "--profile", name))
    by_path = requested(snakemake(folder, home, "-n", "--profile", str(REPOSITORY / "profiles" / name)))
    assert by_name == by_path
    assert set(by_path) >= set(RULES)


def every_rule() -> set[str]:
    """Return the rules of every study, but for those that run on the driver's machine."""
    text = "".join(path.read_text() for path in (REPOSITORY / "workflow/rules").glob("*.smk"))
    local = "".join(re.findall(r"^localrules:\n((?:    \w+,\n)+)", text, re.MULTILINE))
    return set(re.findall(r"^rule (\w+):", text, re.MULTILINE)) - set(re.findall(r"\w+", local))


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_has_threads_for_every_stage_and_names_no_other(name: str) -> None:
    profile = yaml.safe_load((REPOSITORY / "profiles" / name / "config.yaml").read_text())
    assert set(profile["set-threads"]) == every_rule()
    assert set(profile["set-resources"]) <= every_rule()
    assert set(RULES) <= every_rule()


def test_the_slurm_profile_asks_for_one_node_and_its_devices(folder: Path, home: Path) -> None:
    rules = requested(snakemake(folder, home, "-n", "--profile", str(REPOSITORY / "profiles/slurm")))
    for name, gres in (("train", "gpu:4"), ("infer", "gpu:1")):
        _, resources = rules[name]
        assert (resources["nodes"], resources["gres"]) == ("1", gres)
        # Any of these makes several tasks, each of which would train on its own.
        assert not {"mpi", "tasks", "gpu", "tasks_per_gpu"} & set(resources)
    assert rules["train"][1]["devices"] == "4"
    for name, (_, resources) in rules.items():
        assert resources["slurm_account"] == "m1234", name
        assert {"mem_mb", "runtime"} <= set(resources), name


def test_a_later_attempt_gets_more_time_and_memory(folder: Path, home: Path) -> None:
    (folder / "Snakefile").write_text(ONCE)
    snakemake(folder, home, "--profile", str(REPOSITORY / "profiles/slurm"), "--executor", "local", "--cores", "1")
    first, second = ([int(n) for n in line.split()] for line in (folder / "attempts").read_text().splitlines())
    assert second == [2 * n for n in first]


def test_the_local_profile_fits_the_machine(folder: Path, home: Path) -> None:
    rules = requested(snakemake(folder, home, "-n", "--profile", str(REPOSITORY / "profiles/local")))
    cores = len(os.sched_getaffinity(0))
    assert rules["train"][0] == cores
    assert all(threads <= cores for threads, _ in rules.values())
    assert not any("slurm_account" in resources for _, resources in rules.values())


def test_uninstalling_leaves_no_trace(home: Path) -> None:
    home.mkdir()
    (home / "other").write_text("kept")
    before = tree(home)
    assert installer(home).returncode == 0
    assert {path.name for path in (home / ".config/snakemake").iterdir() if path.is_symlink()} == set(PROFILES)
    assert installer(home, "--uninstall").returncode == 0
    assert tree(home) == before


def test_installing_twice_is_installing_once(home: Path) -> None:
    home.mkdir()
    installer(home)
    once = tree(home)
    assert installer(home).returncode == 0
    assert tree(home) == once


def test_the_configuration_folder_may_be_elsewhere(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    assert installer(home, XDG_CONFIG_HOME=str(tmp_path / "xdg")).returncode == 0
    assert (tmp_path / "xdg/snakemake/slurm").resolve() == REPOSITORY / "profiles/slurm"
    assert tree(home) == {}


@pytest.mark.parametrize("kind", ["folder", "file", "link elsewhere", "dangling link"])
def test_nothing_of_another_is_overwritten_or_removed(kind: str, home: Path, tmp_path: Path) -> None:
    theirs = home / ".config/snakemake/slurm"
    theirs.parent.mkdir(parents=True)
    match kind:
        case "folder":
            theirs.mkdir()
            (theirs / "config.yaml").write_text("executor: slurm\n")
        case "file":
            theirs.write_text("executor: slurm\n")
        case "link elsewhere":
            theirs.symlink_to(tmp_path)
        case "dangling link":
            theirs.symlink_to(tmp_path / "nowhere")
    before = tree(home)
    refused = installer(home)
    assert refused.returncode == 1
    assert str(theirs) in refused.stderr
    assert tree(home) == before
    assert installer(home, "--uninstall").returncode == 0
    assert tree(home) == before


def test_a_link_that_was_replaced_since_stays(home: Path) -> None:
    home.mkdir()
    installer(home)
    link = home / ".config/snakemake/slurm"
    link.unlink()
    link.mkdir()
    assert installer(home, "--uninstall").returncode == 0
    assert [path.name for path in link.parent.iterdir()] == ["slurm"]
