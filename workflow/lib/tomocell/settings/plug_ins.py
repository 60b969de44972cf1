"""Settings of plug-ins, checked by the module that offers them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tomocell.errors import BadInput, Fault
from tomocell.settings import discovery
from tomocell.settings.faults import faults_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from tomocell.models.settings import ModelSettings
    from tomocell.settings.base import Frozen
    from tomocell.settings.samples import Sample


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
    if len(model.patch_voxels) != module.DIMENSIONS:
        expected = f"{module.DIMENSIONS} edges, as {model.architecture} sees {module.DIMENSIONS} dimensions"
        remedy = "correct it, and infer.tile_voxels with it, or choose another architecture"
        raise BadInput(Fault(f"{where}.patch_voxels", model.patch_voxels, expected, remedy))
    return _validate(module.Settings, model.network, f"{where}.network")


def settings_of_loss(model: ModelSettings, where: str = "model") -> Frozen:
    """Return the settings of a loss, checked by the module that offers it.

    Raises:
        BadInput: If there is no such loss, or a value is wrong.
    """
    module = _load("tomocell.training.losses", model.train.loss, "sums", f"{where}.train.loss")
    return _validate(module.Settings, model.train.loss_settings, f"{where}.train.loss_settings")


def faults_of_follower(
    name: str,
    followers: Mapping[str, Frozen | None],
    samples: Sequence[Sample],
    measures: Mapping[str, Frozen | None],
    where: str,
) -> list[Fault]:
    """Return what a series analysis misses: analyses whose records it reads, and what its own ``check`` finds.

    Args:
        name: Of the series analysis; an unknown one has no fault here.
        followers: The settings of all series analyses by name; None where they are wrong.
        samples: The rows of the sheet; none where it is wrong.
        measures: The settings of the study's analyses by name; None where they are wrong.
        where: Of the section.
    """
    settings = followers[name]
    if name not in discovery.names_offering("tomocell.series", "follow"):
        return []
    module = discovery.load("tomocell.series", name, "follow")
    faults = [
        Fault(f"{where}.{name}", f"no {need} in 'measure'", f"{need}, which {name} reads", f"measure {need} as well")
        for need in module.NEEDS
        if need not in measures
    ]
    faults += [
        Fault(f"{where}.{name}", f"no {other} in 'series'", f"{other}, which {name} reads", f"ask for {other} as well")
        for other in getattr(module, "AFTER", ())
        if other not in followers
    ]
    if settings is None:
        return faults
    faults += [
        Fault(
            f"{where}.{name}", other, "another analysis of the study, whose table is read", f"ask for {other} as well"
        )
        for other in _tables_named(module, settings)
        if other == name or (other not in followers and other not in measures)
    ]
    check = getattr(module, "check", None)
    if check is not None:
        own = check(samples, {key: value for key, value in measures.items() if value is not None}, settings)
        faults.extend(replace(fault, where=f"{where}.{name}, {fault.where}") for fault in own)
    return faults


def faults_of_files(
    name: str, settings: Frozen, samples: Sequence[Sample], locate: Callable[[str], Path], where: str
) -> list[Fault]:
    """Return what is wrong with the files that a series analysis reads beside the sample sheet.

    Args:
        name: Of the series analysis.
        settings: Its settings.
        samples: The rows of the sheet.
        locate: Gives the path of a file that is named relative to the sheet.
        where: Of the section.
    """
    check = getattr(discovery.load("tomocell.series", name, "follow"), "check_files", None)
    own = [] if check is None else check(samples, settings, locate)
    return [replace(fault, where=f"{where}.{name}, {fault.where}") for fault in own]


def results_read(series: str, timesteps: Sequence[str], name: str, settings: Frozen) -> list[str]:
    """Return the files of the results, relative to their folder, that a series analysis reads.

    Raises:
        BadInput: If there is no such analysis.
    """
    module = discovery.load("tomocell.series", name, "follow")
    of_steps = [f"{need}.json" for need in module.NEEDS]
    of_steps += [f"{kind}.manifest.json" for kind in getattr(module, "READS", ())]
    found = [f"{series}/{step}/{file}" for step in timesteps for file in of_steps]
    return found + [f"{series}/{other}.csv" for other in tables_read(name, settings)]


def tables_read(name: str, settings: Frozen) -> tuple[str, ...]:
    """Return the analyses whose tables over time a series analysis reads, each once.

    Raises:
        BadInput: If there is no such analysis.
    """
    module = discovery.load("tomocell.series", name, "follow")
    return tuple(dict.fromkeys([*getattr(module, "AFTER", ()), *_tables_named(module, settings)]))


def files_read(series: str, name: str, settings: Frozen) -> tuple[str, ...]:
    """Return the files that a series analysis reads beside the sample sheet, as its settings name them.

    Raises:
        BadInput: If there is no such analysis.
    """
    files = getattr(discovery.load("tomocell.series", name, "follow"), "files", None)
    return () if files is None else tuple(files(settings, series))


def _tables_named(module: ModuleType, settings: Frozen) -> tuple[str, ...]:
    after = getattr(module, "after", None)
    return () if after is None else tuple(dict.fromkeys(after(settings)))


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
