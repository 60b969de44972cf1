"""What others see in a store: ``python see.py STORE`` prints it as JSON. Runs in an environment of its own."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import numpy as np


def digest(voxels: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(voxels).tobytes()).hexdigest()


def seen_by_models(path: str) -> dict[str, Any]:
    """Validate the metadata, and the arrays against them."""
    import zarr
    from ome_zarr_models import open_ome_zarr

    found = open_ome_zarr(zarr.open_group(path, mode="r"), version="0.5")
    ome = found.attributes.ome.model_dump(mode="json", by_alias=True)
    return {"kind": type(found).__name__, "multiscale": ome["multiscales"][0], "image_label": ome.get("image-label")}


def seen_by_ome_zarr(path: str) -> dict[str, Any]:
    """Open it as napari's plug-in does."""
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    (node,) = Reader(parse_url(path, mode="r"))()
    return {
        "specs": [type(spec).__name__ for spec in node.specs],
        "axes": node.metadata["axes"],
        "transforms": node.metadata["coordinateTransformations"],
        "colors": {str(value): list(color) for value, color in (node.metadata.get("color") or {}).items()},
        "properties": {str(value): entry for value, entry in (node.metadata.get("properties") or {}).items()},
        "levels": [digest(level.compute()) for level in node.data],
    }


def seen_by_zarr(path: str, levels: int) -> list[str]:
    """Read it with zarr-python and its own codecs."""
    import zarr

    return [digest(zarr.open_array(f"{path}/{level}", mode="r")[...]) for level in range(levels)]


def seen_by_tensorstore(path: str, levels: int) -> list[str]:
    """Read it with a library that shares no code with zarr-python."""
    import tensorstore

    specs = [{"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path}/{level}/"}} for level in range(levels)]
    return [digest(tensorstore.open(spec, read=True, open=True).result().read().result()) for spec in specs]


def main() -> None:
    path = sys.argv[1]
    models, ome_zarr = seen_by_models(path), seen_by_ome_zarr(path)
    levels = len(ome_zarr["levels"])
    seen = {
        "models": models,
        "ome_zarr": ome_zarr,
        "zarr": seen_by_zarr(path, levels),
        "tensorstore": seen_by_tensorstore(path, levels),
    }
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    main()
