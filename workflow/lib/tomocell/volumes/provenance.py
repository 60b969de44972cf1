"""How a store names what it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.volumes.manifest import Provenance, file_digest, manifest_path
from tomocell.volumes.store import StoreVolume

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tomocell.settings.base import Frozen
    from tomocell.volumes.volume import Volume


def provenance(settings: Frozen, digest: str, parents: Mapping[str, Volume | Path] | None = None) -> Provenance:
    """Return the provenance of a store made with ``settings`` from the ``parents``, by role.

    A store is known by the checksum of its manifest, a file by its own. Any other volume has none.
    """
    marks = {role: _mark(parent) for role, parent in (parents or {}).items()}
    return Provenance(
        settings=settings.model_dump(mode="json"),
        code_digest=digest,
        parents={role: mark for role, mark in marks.items() if mark},
    )


def _mark(parent: Volume | Path) -> str:
    if isinstance(parent, StoreVolume):
        return file_digest(manifest_path(parent.path))
    return file_digest(parent) if isinstance(parent, Path) else ""
