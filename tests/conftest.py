"""What holds for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings

if TYPE_CHECKING:
    import pytest

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


def pytest_configure(config: pytest.Config) -> None:
    for entry in OTHERS:
        config.addinivalue_line("filterwarnings", entry)
