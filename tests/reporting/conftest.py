from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reporting import fake
from tomocell.reporting.page import build_report

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.settings.load import Project

TRUTH = {"report": {"title": "Operando lithium plating", "truth": "truth.json"}}


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return fake.make_project(tmp_path_factory.mktemp("study"), 3, **TRUTH)


@pytest.fixture(scope="session")
def results(project: Project) -> Path:
    folder = project.path.parent / "results"
    fake.fill(project, folder)
    return folder


@pytest.fixture(scope="session")
def page(project: Project, results: Path) -> str:
    return build_report(project, fake.SERIES, results)
