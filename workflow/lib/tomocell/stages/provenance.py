"""How a store names what it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.volumes.manifest import Provenance, file_digest, manifest_path

if TYPE_CHECKING:
    from pathlib import Path

    from tomocell.settings.base import Frozen


def provenance(settings: Frozen, digest: str, parents: dict[str, Path] | None = None) -> Provenance:
    """Return the provenance of a store made with ``settings`` from the ``parents``, stores by role."""
    return Provenance(
        settings=settings.model_dump(mode="json"),
        code_digest=digest,
        parents={role: file_digest(manifest_path(store)) for role, store in (parents or {}).items()},
    )
