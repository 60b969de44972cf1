"""A digest of the code that a stage really uses, so that a change re-runs what depends on it and nothing else."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "tomocell"


def code_digest(*modules: str) -> str:
    """Return a digest of the named modules and of every module of this package that they import, however deep.

    The parsed code counts, not the text: comments, docstrings and layout do not change the digest, nor does what
    only type checkers import. Modules found by discovery are not followed; name the one in use.
    """
    return shallow_digest(*_closure(modules))


def shallow_digest(*modules: str) -> str:
    """Return a digest of the named modules alone, for results that cost too much to be made again for an import."""
    digest = hashlib.sha256()
    for module in sorted(set(modules)):
        digest.update(module.encode())
        digest.update(_fingerprint(module).encode())
    return digest.hexdigest()[:16]


def modules_within(package: str, module: str) -> list[str]:
    """Return ``module`` and the modules of ``package`` that it imports, however deep: a plug-in and its parts."""
    return sorted(name for name in _closure((module,)) if name.startswith(f"{package}."))


def script_digest(script: Path, *plug_ins: str) -> str:
    """Return the digest of all that a script imports, and of the plug-ins that it will find."""
    return code_digest(*_imports_of(ast.parse(script.read_text(encoding="utf-8"))), *plug_ins)


def _closure(modules: tuple[str, ...]) -> set[str]:
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting.extend(_imports(module))
    return seen


@cache
def parse_module(module: str) -> ast.Module:
    """Return the parsed source of a module, without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        msg = f"module {module!r} has no source to digest"
        raise ModuleNotFoundError(msg)
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


@cache
def _imports(module: str) -> frozenset[str]:
    return _imports_of(parse_module(module))


def _imports_of(tree: ast.Module) -> frozenset[str]:
    names: set[str] = set()
    for node in _walk_what_runs(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update(_from_import(node.module, [alias.name for alias in node.names]))
    return frozenset(name for name in names if name.startswith(f"{PACKAGE}."))


def _walk_what_runs(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree but for what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if not _is_for_type_checkers(child):
            yield child
            yield from _walk_what_runs(child)


def _is_for_type_checkers(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
        and not node.orelse
    )


def _from_import(module: str, names: list[str]) -> set[str]:
    if not module.startswith(PACKAGE):
        return set()
    submodules = {f"{module}.{name}" for name in names if _is_module(f"{module}.{name}")}
    return submodules | {module}


@cache
def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@cache
def _fingerprint(module: str) -> str:
    tree = parse_module(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
            node.body = [child for child in node.body if not _is_for_type_checkers(child)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        node.body = [*node.body[1:]]
