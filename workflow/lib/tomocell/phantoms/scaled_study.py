"""The study of a phantom that was made larger: the same page with every number of voxels as many times as large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from pathlib import Path

VOXELS = "_voxels"


def read_page(path: Path) -> dict[str, Any]:
    """Return a study as it is written.

    Raises:
        BadInput: If it cannot be read, or lacks the sections that are scaled.
    """
    expected, remedy = "a study with 'scan', 'registration' and 'report'", "name the page of the phantom's study"
    try:
        page = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadInput(Fault(str(path), str(error), expected, remedy)) from error
    if not isinstance(page, dict) or not {"scan", "registration", "report"} <= set(page):
        raise BadInput(Fault(str(path), "sections missing", expected, remedy))
    return page


def scaled_page(page: dict[str, Any], scale: int) -> dict[str, Any]:
    """Return the page for a phantom ``scale`` times as large, to stand beside its sample sheet.

    Only lengths of the registration and the size of a scan change: networks see the same features.
    """
    scan, registration = dict(page["scan"]), dict(page["registration"])
    scan["gigavoxels"] = round(scan.get("gigavoxels", 0.1) * scale**3, 6)
    lengths = {name: _times(value, scale) for name, value in registration.items() if name.endswith(VOXELS)}
    return page | {
        "samples": "samples.tsv",
        "scan": scan,
        "registration": registration | lengths,
        "report": page["report"] | {"truth": "truth/truth.json"},
    }


def _times(value: Any, scale: int) -> Any:  # noqa: ANN401
    return [_times(entry, scale) for entry in value] if isinstance(value, list) else value * scale
