"""The study of a real carbon-fibre volume, held against its published porosity."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tomocell.blocks import Limits
from tomocell.settings.load import load_project
from tomocell.settings.plug_ins import settings_of_analysis
from tomocell.stages.convert import convert
from tomocell.stages.measure import measure
from tomocell.stages.refine import refine
from tomocell.stages.threshold import segment_by_threshold
from tomocell.volumes.store import open_store

STUDY = Path(__file__).parents[2] / "config/fibres.yaml"
PUBLISHED_POROSITY = 1 - 0.16714  # NASA PuMA, fibre is grey 90 to 255
LIMITS = Limits(2048)


@pytest.mark.parametrize(("value", "tolerance"), [(90.0, 5e-6), (None, 0.02)], ids=["published level", "otsu"])
def test_the_porosity_is_the_published_one(value: float | None, tolerance: float, tmp_path: Path) -> None:
    project = load_project(STUDY)
    (sample,) = project.sheet.samples
    raw = project.sheet.locate(sample.path)
    if not raw.exists():
        pytest.skip("the carbon-fibre volume is not there: it stands beside the repository, in ../shared/data")
    study = project.study
    volume, labels, phases = (tmp_path / f"{name}.ome.zarr" for name in ("volume", "labels", "phases"))
    convert(raw, volume, project.voxel_size_um(sample), study.convert, LIMITS)
    assert study.threshold is not None
    threshold = study.threshold.model_copy(update={"value": value})
    segment_by_threshold(volume, labels, study.label_classes, threshold, LIMITS)
    refine(labels, phases, study.all_classes, study.refine, LIMITS)
    settings = settings_of_analysis("porosity", study.measure["porosity"])
    measure("porosity", open_store(phases), settings, tmp_path, LIMITS)
    record = json.loads((tmp_path / "porosity.json").read_text())
    assert record["porosity"] == pytest.approx(PUBLISHED_POROSITY, abs=tolerance)
