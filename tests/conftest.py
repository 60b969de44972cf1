"""What holds for all tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    import pytest
    from xdist.remote import Producer

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
CLUSTER = "cluster"
SLOW_FIRST = (CLUSTER, "workflow", "stages")


def pytest_configure(config: pytest.Config) -> None:
    for entry in OTHERS:
        config.addinivalue_line("filterwarnings", entry)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow ones, so that no process ends long after the others."""

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(HERE).parts[0]
        return SLOW_FIRST.index(folder) if folder in SLOW_FIRST else len(SLOW_FIRST)

    items.sort(key=place)


class FilesTogether(LoadScopeScheduling):
    """Gives each file to one process, and the cluster's to one, as there is one cluster for the session."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return CLUSTER if CLUSTER in Path(file).parts else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return FilesTogether(config, log)
