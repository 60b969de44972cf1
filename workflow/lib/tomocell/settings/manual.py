"""The manual of settings: tables made from the settings classes, so that they cannot fall behind."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tomocell.settings import discovery
from tomocell.settings.base import Frozen, inner_settings
from tomocell.settings.samples import Sample
from tomocell.settings.study import Study

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

MARKER = "<!-- below: made by `make schema` from the settings classes; do not edit -->"
PLUG_INS = {
    "measure": ("tomocell.analyses", "measure"),
    "series": ("tomocell.series", "follow"),
    "model.network": ("tomocell.models", "build"),
}


def settings_tables() -> str:
    """Return Markdown: a table for each section of a study, each plug-in, and the sample sheet."""
    parts = ["## The study", *_section("", Study)]
    for section, (package, attribute) in PLUG_INS.items():
        for name in discovery.names_offering(package, attribute):
            module = importlib.import_module(f"{package}.{name}")
            summary = (module.__doc__ or "").splitlines()[0]
            parts += [f"### `{section}`: `{name}`", summary, *_section(f"{section}.{name}", module.Settings)]
    parts += ["## The sample sheet", "Tab-separated, one row per scan; columns may be left out.", _table(Sample)]
    return "\n\n".join(parts) + "\n"


def with_tables(page: str) -> str:
    """Return ``page`` with everything after the marker made anew."""
    return page.partition(MARKER)[0] + f"{MARKER}\n\n{settings_tables()}"


def _section(path: str, settings: type[Frozen]) -> Iterator[str]:
    yield _table(settings)
    for name, field in settings.model_fields.items():
        for inner in inner_settings(field.annotation):
            where = f"{path}.{name}".lstrip(".")
            yield f"### `{where}`"
            yield (inner.__doc__ or "").splitlines()[0]
            yield from _section(where, inner)


def _table(settings: type[Frozen]) -> str:
    rows = ["| key | meaning | default |", "|---|---|---|"]
    for name, field in settings.model_fields.items():
        rows.append(f"| `{name}` | {field.description} | {_default(field)} |")
    return "\n".join(rows)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Frozen):
        return "see below"
    return f"`{'null' if value is None else value}`"
