"""The page of a series: gather the chapters, fill the template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from tomocell.reporting import assets
from tomocell.reporting.parts import group
from tomocell.reporting.sources import Source
from tomocell.settings import discovery

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.reporting.content import Section
    from tomocell.settings.load import Project

PACKAGE = "tomocell.reporting.sections"


def build_report(project: Project, series: str, results: Path) -> str:
    """Return the HTML of the page of ``series``: one file that needs nothing else, the same for the same results.

    It reads what the stages left in ``results``; what is not there gets no chapter. Every text from a file is escaped,
    and the page's own policy lets nothing run but its one script.

    Raises:
        BadInput: If a file of the results is damaged.
    """
    source = Source(project, series, results)
    parts = group(build_sections(source))
    sections = [section for part in parts for section in part.sections]
    script = assets.asset("report.js")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=project.study.report.title or project.study.study,
            description=project.study.description,
            series=series,
            parts=parts,
            figures=[figure for section in sections for figure in section.figures],
            style=Markup(assets.asset("report.css")),  # noqa: S704 (a file of this package)
            script=Markup(script),  # noqa: S704 (a file of this package)
            script_hash=assets.content_hash(script),
        )
    )


def build_sections(source: Source) -> list[Section]:
    """Return every chapter that there is something for, in the order of their modules."""
    modules = [discovery.load(PACKAGE, name, "build") for name in discovery.names_offering(PACKAGE, "build")]
    return [section for module in sorted(modules, key=lambda module: module.PLACE) for section in module.build(source)]


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(assets.asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
