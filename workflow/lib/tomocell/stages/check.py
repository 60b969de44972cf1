"""Check: are stores whole, to the last shard?"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tomocell.errors import BadInput
from tomocell.volumes.inspection import Inspection, inspect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

log = logging.getLogger(__name__)


def check(stores: Sequence[Path], workers: int, *, quick: bool = False) -> None:
    """Log one line for each store.

    Raises:
        BadInput: After the last store, with every fault of each; of a broken shard, its file and its voxels.
    """
    faults = []
    for path in stores:
        found = inspect(path, workers, quick=quick)
        (log.error if found.faults else log.info)("%s: %s", path, _summary(found, quick=quick))
        faults += found.faults
    if faults:
        raise BadInput(*faults)


def _summary(found: Inspection, *, quick: bool) -> str:
    if found.faults:
        return f"broken, {len(found.faults)} fault{'s' * (len(found.faults) > 1)}"
    looked_at = "sizes" if quick else "checksums" if found.manifest else "content"
    whole = f"{looked_at} right, {found.levels} levels, {found.shards} shards, {found.nbytes / 1e6:.1f} MB"
    return whole if found.manifest else f"{whole}; no manifest: only what is there was looked at"
