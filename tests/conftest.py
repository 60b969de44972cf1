"""What holds for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
# Warnings are errors (pyproject.toml), but for these, which others give and we cannot avoid.
OTHERS = (
    # Lightning 2.6 calls torch's own deprecated tree functions whenever it saves a checkpoint.
    r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated",
    # Lightning's advice where SLURM is installed, though the launcher starts the ranks.
    "ignore:The `srun` command is available on your system but is not used",
    # Its advice to load data in other processes: the tests' volumes fit in a page.
    "ignore:The '.*_dataloader' does not have many workers",
    # The note of what a checkpoint belongs to lies beside it, before the first one is written.
    "ignore:Checkpoint directory .* exists and is not empty",
)


# How long an example takes says how busy the machine is; the same examples each time, so that a failure comes back.
settings.register_profile("tomocell", deadline=None, derandomize=True)
settings.load_profile("tomocell")


# As in the workflow's jobs: threads that spin while they wait take the processor from the tests beside them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
SLOW_FIRST = ("cluster", "workflow", "stages")


def pytest_configure(config: pytest.Config) -> None:
    for entry in OTHERS:
        config.addinivalue_line("filterwarnings", entry)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, and those of the cluster, of which there is one; begin with the slow."""

    def folder(item: pytest.Item) -> str:
        return item.path.relative_to(HERE).parts[0]

    for item in items:
        group = "cluster" if folder(item) == "cluster" else str(item.path.relative_to(HERE))
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: SLOW_FIRST.index(folder(item)) if folder(item) in SLOW_FIRST else len(SLOW_FIRST))
