"""Report: the page of a series, and the table that holds it against the truth where the truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.reporting.page import build_report
from tomocell.reporting.truth import compare_with_truth
from tomocell.volumes.publish import write_text_atomically
from tomocell.volumes.tables import write_csv

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.settings.load import Project


def report(project: Project, series: str, results: Path) -> None:
    """Write ``results/<series>/report.html`` (and ``truth.csv``)."""
    comparison = compare_with_truth(project, series, results)
    if comparison is not None:
        write_csv(results / series / "truth.csv", comparison)
    write_text_atomically(results / series / "report.html", build_report(project, series, results))
