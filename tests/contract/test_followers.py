"""The contract of every series analysis that discovery finds; a new one is held to it without a line here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

from tomocell.settings import discovery
from tomocell.settings.base import Frozen

if TYPE_CHECKING:
    from types import ModuleType

PACKAGE = "tomocell.series"
NAMES = discovery.names_offering(PACKAGE, "follow")
ANALYSES = discovery.names_offering("tomocell.analyses", "measure")
STORES = {"volume", "registered", "labels", "phases"}


def module_of(name: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.{name}")


@pytest.mark.parametrize("name", NAMES)
def test_it_offers_described_settings_and_says_what_it_follows(name: str) -> None:
    module = module_of(name)
    assert issubclass(module.Settings, Frozen)
    assert module.__doc__
    assert module.follow.__doc__
    assert [key for key, field in module.Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_it_reads_is_there(name: str) -> None:
    module = module_of(name)
    assert set(module.NEEDS) <= set(ANALYSES)
    assert set(getattr(module, "AFTER", ())) <= set(NAMES) - {name}
    assert set(getattr(module, "READS", ())) <= STORES
