"""Settings of plug-ins, checked by the module that offers them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tomocell.errors import BadInput
from tomocell.settings import discovery
from tomocell.settings.faults import faults_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from tomocell.models.settings import ModelSettings
    from tomocell.settings.base import Frozen


def settings_of_analysis(name: str, values: Mapping[str, Any], where: str = "measure") -> Frozen:
    """Return the settings of an analysis, checked by the module that offers it.

    Raises:
        BadInput: If there is no such analysis, or a value is wrong.
    """
    module = _load("tomocell.analyses", name, "measure", where)
    return _validate(module.Settings, values, f"{where}.{name}")


def settings_of_follower(name: str, values: Mapping[str, Any], where: str = "series") -> Frozen:
    """Return the settings of a series analysis, checked by the module that offers it.

    Raises:
        BadInput: If there is no such analysis, or a value is wrong.
    """
    module = _load("tomocell.series", name, "follow", where)
    return _validate(module.Settings, values, f"{where}.{name}")


def settings_of_network(model: ModelSettings, where: str = "model") -> Frozen:
    """Return the settings of a network, checked by the module that offers it.

    Raises:
        BadInput: If there is no such architecture, or a value is wrong.
    """
    module = _load("tomocell.models", model.architecture, "build", where)
    return _validate(module.Settings, model.network, f"{where}.network")


def _load(package: str, name: str, attribute: str, where: str) -> ModuleType:
    try:
        return discovery.load(package, name, attribute)
    except BadInput as error:
        raise BadInput(*(replace(fault, where=where) for fault in error.faults)) from error


def _validate(settings: type[Frozen], values: Mapping[str, Any], where: str) -> Frozen:
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        raise BadInput(*faults_of(error, where, "see config/README.md")) from error
