"""Plug-ins are found, not listed: a module in a package is an analysis, a network, a reader, a phantom."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault
from tomocell.settings.digest import parse_module

if TYPE_CHECKING:
    from types import ModuleType


def names_offering(package: str, attribute: str) -> list[str]:
    """Return the names of the modules of ``package`` whose source offers ``attribute``, without importing them."""
    root = importlib.import_module(package)
    return sorted(
        info.name
        for info in pkgutil.iter_modules(root.__path__)
        if not info.name.startswith("_") and attribute in _top_level_names(f"{package}.{info.name}")
    )


def load(package: str, name: str, attribute: str) -> ModuleType:
    """Import the module called ``name`` of ``package``.

    Raises:
        BadInput: If no module of that name offers ``attribute``.
    """
    known = names_offering(package, attribute)
    if name not in known:
        kind = package.rpartition(".")[2]
        raise BadInput(Fault(kind, name, f"one of: {', '.join(known)}", f"correct the name, or add {kind}/{name}.py"))
    return importlib.import_module(f"{package}.{name}")


def _top_level_names(module: str) -> set[str]:
    return {node.name for node in parse_module(module).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
