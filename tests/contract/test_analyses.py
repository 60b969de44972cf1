"""The contract of every analysis that discovery finds; a new one is held to it without a line here.

Settings without a default for classes get those of the specimen in turn: `solid`, `grain`, `empty`.
"""

from __future__ import annotations

import importlib
import itertools
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from support.stores import CLASSES, SIZE
from tomocell.analyses.result import Map, Result
from tomocell.blocks import Limits, runner
from tomocell.errors import BadInput
from tomocell.objects import labelling
from tomocell.settings import discovery
from tomocell.settings.base import NAMES_CLASSES, Frozen
from tomocell.stages.measure import measure, write_result
from tomocell.volumes.tables import read_json
from tomocell.volumes.volume import ArrayVolume, Classes

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import NDArray

PACKAGE = "tomocell.analyses"
NAMES = discovery.names_offering(PACKAGE, "measure")
UNITS = ("um", "um2", "um3", "per_um", "per_mm3", "percent", "degrees", "mah", "ma", "min", "voxels")
# Numbers without a unit: counts, shares from 0 to 1, and what has none by nature.
BARE = re.compile(
    r"count|at_edge|touching|removed_|porosity|profile|density|fraction|sphericity|tortuosity|diffusivity|coefficient|"
    r"label|pearson|p_value|manders|in_view|short_circuit"
)
CORES = [(13, 10, 11), (4, 5, 11), (3, 10, 4), (1, 3, 2)]


def specimen(seed: int = 3) -> NDArray[np.uint8]:
    """Lumps of three classes that no block edge respects."""
    field = np.random.default_rng(seed).normal(size=(5, 4, 4)).repeat(3, 0).repeat(3, 1).repeat(3, 2)[:13, :10, :11]
    return np.select([field > 0.6, field < -0.5], [1, 7], 0).astype(np.uint8)


def module_of(name: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.{name}")


def settings_of(name: str, first: str = "solid") -> Any:
    """Return settings with a class, or a few, where one has to be named, of which ``first`` comes first."""
    kind = module_of(name).Settings
    turn = itertools.cycle([first, "grain", "empty"])
    given: dict[str, Any] = {}
    for key, field in kind.model_fields.items():
        if field.json_schema_extra == NAMES_CLASSES and (field.annotation is str or field.is_required()):
            given[key] = next(turn) if field.annotation is str else [next(turn)]
    return kind.model_validate(given)


def result_of(name: str, voxels: NDArray[np.uint8], size: Any = SIZE, workers: int = 1) -> Result:
    volume = ArrayVolume(voxels, size, CLASSES)
    found: Result = module_of(name).measure(volume, settings_of(name), Limits(2048, workers))
    return found


def require_same(one: Result, other: Result) -> None:
    assert one.scalars == other.scalars
    assert one.maps.keys() == other.maps.keys()
    for name, content in one.maps.items():
        np.testing.assert_array_equal(content.values, other.maps[name].values)
    if one.table is not None:
        pd.testing.assert_frame_equal(one.table, other.table)


@pytest.mark.parametrize("name", NAMES)
def test_it_offers_described_settings_and_a_measure(name: str) -> None:
    module = module_of(name)
    assert issubclass(module.Settings, Frozen)
    assert module.Result is Result
    assert module.__doc__
    assert module.measure.__doc__
    assert [key for key, field in module.Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_that_names_a_class_says_so(name: str) -> None:
    # Otherwise a misspelt class is found by a job, hours later, instead of before the first.
    asked = settings_of(name).classes_named()
    texts = {
        key
        for key, field in module_of(name).Settings.model_fields.items()
        if field.annotation in (str, tuple[str, ...]) and field.json_schema_extra != NAMES_CLASSES
    }
    assert not texts
    assert asked <= set(CLASSES.names)


@pytest.mark.parametrize("name", NAMES)
def test_keys_tell_their_units_and_values_are_plain(name: str) -> None:
    result = result_of(name, specimen())
    assert result.scalars
    for key, value in result.scalars.items():
        for entry in value if isinstance(value, list) else [value]:
            assert isinstance(entry, float | int | str | bool | None), key
            assert not hasattr(entry, "dtype"), f"{key} is a numpy scalar"
        assert key.endswith(UNITS) or BARE.search(key), f"{key}: no unit"
        if "_uncertainty" in key and value is not None:
            assert value >= 0
            assert key.replace("_uncertainty", "") in result.scalars
    for key, content in result.maps.items():
        assert isinstance(content, Map)
        assert np.ndim(content.values) == 2
        assert key.endswith(content.unit)


@pytest.mark.parametrize("core", CORES[1:], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_blockwise_equals_whole(name: str, core: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for chosen, workers in ((CORES[0], 1), (core, 1), (core, 2)):
        for chooser in (runner, labelling):
            monkeypatch.setattr(chooser, "choose_core", lambda *_, chosen=chosen: chosen)
        results.append(result_of(name, specimen(), workers=workers))
    require_same(results[0], results[1])
    require_same(results[0], results[2])


@pytest.mark.parametrize("name", [name for name in NAMES if settings_of(name).classes_named()])
def test_a_class_that_is_not_there_is_named(name: str) -> None:
    volume = ArrayVolume(specimen(), SIZE, CLASSES)
    with pytest.raises(BadInput, match="empty, solid, grain"):
        module_of(name).measure(volume, settings_of(name, "sold"), Limits())


@pytest.mark.parametrize("name", NAMES)
def test_lengths_need_a_voxel_size(name: str) -> None:
    with pytest.raises(BadInput, match="voxel size"):
        result_of(name, specimen(), None)


@pytest.mark.parametrize("name", NAMES)
def test_a_volume_without_classes_is_refused(name: str) -> None:
    volume = ArrayVolume(specimen(), SIZE, Classes())
    with pytest.raises(BadInput):
        module_of(name).measure(volume, settings_of(name), Limits())


@pytest.mark.parametrize("name", NAMES)
def test_grey_values_are_no_labels(name: str) -> None:
    volume = ArrayVolume(specimen().astype(np.uint16), SIZE, CLASSES)
    with pytest.raises(BadInput, match="uint16"):
        module_of(name).measure(volume, settings_of(name), Limits())


@pytest.mark.parametrize("name", NAMES)
def test_a_value_without_a_class_is_named_instead_of_left_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for chooser in (runner, labelling):
        monkeypatch.setattr(chooser, "choose_core", lambda *_: CORES[1])
    voxels = specimen()
    voxels[:, -1, -1] = 255
    # Objects are told by the block that holds the value.
    with pytest.raises(BadInput, match=r"255 in 13 voxels|block from voxel .*label value 255"):
        result_of(name, voxels)


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_those_of_the_contract(name: str, tmp_path: Path) -> None:
    volume = ArrayVolume(specimen(), SIZE, CLASSES)
    measure(name, volume, settings_of(name), tmp_path, Limits(), digest="abc", csv=True)
    result = result_of(name, specimen())
    expected = {f"{name}.json"}
    expected |= {f"{name}.parquet", f"{name}.csv"} if result.table is not None else set()
    expected |= {f"maps/{key}{end}" for key in result.maps for end in (".tif", ".png")}
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == expected
    record = read_json(tmp_path / f"{name}.json")
    told = record.pop("provenance")
    assert {f"maps/{file}" for file in record.pop("maps", [])} == {file for file in found if file.startswith("maps/")}
    assert record == {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in result.scalars.items()}
    assert (told["code_digest"], told["settings"]) == ("abc", settings_of(name).model_dump(mode="json"))


def test_a_table_that_is_no_longer_made_does_not_linger(tmp_path: Path) -> None:
    write_result(tmp_path, "x", Result({"count": 1}, table=pd.DataFrame({"label": [1]})), {}, csv=True)
    write_result(tmp_path, "x", Result({"count": 1}), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.json"]


def maps(*names: str) -> Result:
    return Result({"count": 1}, maps={name: Map(np.eye(3), (1.0, 1.0), "um") for name in names})


def test_maps_that_are_no_longer_made_do_not_linger_and_those_of_others_stay(tmp_path: Path) -> None:
    write_result(tmp_path, "other", maps("b_um"), {})
    write_result(tmp_path, "x", maps("a_um", "c_um"), {})
    write_result(tmp_path, "x", maps("c_um"), {})
    assert sorted(path.name for path in (tmp_path / "maps").glob("*.tif")) == ["b_um.tif", "c_um.tif"]
    assert read_json(tmp_path / "x.json")["maps"] == ["c_um.tif", "c_um.png"]
    write_result(tmp_path, "x", maps(), {})
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["b_um.png", "b_um.tif"]


@pytest.mark.parametrize("record", ["{", "[1]", '{"maps": 3}', '{"maps": ["../precious.tif", 4, "/precious.tif"]}'])
def test_an_odd_record_makes_nothing_else_vanish(tmp_path: Path, record: str) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "precious.tif").write_text("")
    (tmp_path / "x.json").write_text(record)
    write_result(tmp_path, "x", maps(), {})
    assert (tmp_path / "precious.tif").is_file()


@pytest.mark.parametrize("name", ["../evil_um", "/evil_um", "a/b_um", ""])
def test_a_map_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    write_result(tmp_path, "x", Result({"count": 1}), {})
    with pytest.raises(BadInput, match="letters, digits"):
        write_result(tmp_path / "x", "x", maps(name), {})
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["x.json"]
