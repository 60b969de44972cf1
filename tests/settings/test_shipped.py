"""What the repository ships: studies that load, a schema in step with the settings, described to the last field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tomocell.settings import base
from tomocell.settings.load import load_project
from tomocell.settings.schema import study_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_study_loads(path: Path) -> None:
    assert load_project(path).sheet.samples


def test_the_schema_is_in_step() -> None:
    told = "run `python -m tomocell schema --out config`"
    assert (CONFIG / "schema.json").read_text() == study_schema(), told


def test_the_schema_forbids_unknown_keys_everywhere() -> None:
    schema = json.loads(study_schema())
    sections = [schema, *schema["$defs"].values()]
    assert all(section["additionalProperties"] is False for section in sections if section["type"] == "object")


def every_settings_class() -> Iterator[type[base.Frozen]]:
    from tomocell.settings.study import Study

    waiting: list[type[base.Frozen]] = [Study]
    while waiting:
        current = waiting.pop()
        yield current
        for field in current.model_fields.values():
            kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
            waiting.extend(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, base.Frozen))


def test_every_setting_is_described() -> None:
    bare = [
        f"{kind.__name__}.{name}"
        for kind in every_settings_class()
        for name, field in kind.model_fields.items()
        if not field.description
    ]
    assert not bare
