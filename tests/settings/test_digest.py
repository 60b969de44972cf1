"""The digest follows code, not words; discovery follows names, not lists."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tomocell.errors import BadInput
from tomocell.settings import digest, discovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WORK = '''"""Doc."""
from __future__ import annotations
from typing import TYPE_CHECKING
from bakery import flour
from bakery.oven import heat
if TYPE_CHECKING:
    from bakery import unused


def bake(x):
    """Doc."""
    return heat(x) + flour.MILL  # a comment
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "bakery"
    folder.mkdir()
    files = {"__init__": "", "work": WORK, "oven": "def heat(x):\n    import bakery.coal\n    return x\n"}
    files |= {"flour": "MILL = 1\n", "coal": "C = 6\n", "unused": "U = 1\n", "_hidden": "def bake(): ...\n"}
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(digest, "PACKAGE", "bakery")
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "bakery"]:
        del sys.modules[name]


def fresh() -> str:
    for cached in (digest.parse_module, digest._imports, digest._is_module, digest._fingerprint):
        cached.cache_clear()
    return digest.code_digest("bakery.work")


def edit(package: Path, module: str, change: Callable[[str], str]) -> tuple[str, str]:
    before = fresh()
    path = package / f"{module}.py"
    changed = change(path.read_text())
    assert changed != path.read_text()
    path.write_text(changed)
    return before, fresh()


@pytest.mark.parametrize(
    ("module", "change"),
    [
        ("work", lambda t: t.replace("# a comment", "# another")),
        ("work", lambda t: t.replace('"""Doc."""', '"""Other words."""')),
        ("work", lambda t: t.replace("    return", "\n    return")),
        ("work", lambda t: t.replace("import unused", "import unused, coal")),
        ("unused", lambda t: t.replace("1", "2")),
        ("oven", lambda t: t.replace("(x):\n", '(x):\n    """Doc."""\n')),
    ],
    ids=["comment", "docstring", "layout", "type checkers' import", "what only type checkers import", "new docstring"],
)
def test_words_do_not_change_the_digest(package: Path, module: str, change: Callable[[str], str]) -> None:
    before, after = edit(package, module, change)
    assert before == after


@pytest.mark.parametrize(
    ("module", "change"),
    [
        ("work", lambda t: t.replace("heat(x) +", "heat(x) -")),
        ("work", lambda t: t.replace("from bakery import flour", "from bakery import flour, unused")),
        ("flour", lambda t: t.replace("1", "2")),
        ("coal", lambda t: t.replace("6", "7")),
    ],
    ids=["code", "import", "submodule imported by name", "imported in a function"],
)
def test_code_changes_the_digest(package: Path, module: str, change: Callable[[str], str]) -> None:
    before, after = edit(package, module, change)
    assert before != after


def test_an_import_under_type_checking_with_an_else_counts(package: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    U = 0\nelse:\n    from bakery import unused\n"
    (package / "work.py").write_text(text)
    before, after = edit(package, "unused", lambda t: t.replace("1", "2"))
    assert before != after


def test_a_module_that_does_not_exist_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"tomocell\.none"):
        digest.code_digest("tomocell.none")


def test_discovery_sees_what_a_module_offers_without_importing_it(package: Path) -> None:
    (package / "raisin.py").write_text("raise RuntimeError\ndef bake(): ...\n")
    digest.parse_module.cache_clear()
    assert discovery.names_offering("bakery", "bake") == ["raisin", "work"]
    assert "bakery.raisin" not in sys.modules
    assert discovery.load("bakery", "work", "bake").bake(1) == 2
    with pytest.raises(BadInput, match="raisin, work"):
        discovery.load("bakery", "wrok", "bake")


def test_the_heavy_libraries_stay_out_of_a_digest() -> None:
    found = digest._closure(("tomocell.stages.convert",))
    assert "tomocell.volumes.store" in found
    assert not any(module.startswith("tomocell.training") for module in found)
