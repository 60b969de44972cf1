"""Each study here has exactly one fault; what is told names the file, the key, the value and what was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.studies import HEADER, ROWS, classifier_section, model_section, threshold_study, write_study
from tomocell.errors import BadInput
from tomocell.refinement.settings import RefineSettings
from tomocell.settings.load import load_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Change = "Callable[[dict[str, Any]], object]"


def told(path: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        load_project(path)
    return caught.value


def require_words(error: BadInput, *words: str) -> None:
    assert len(error.faults) == 1
    missing = [word for word in words if word not in str(error)]
    assert not missing, str(error)


def test_the_study_without_a_fault_loads(tmp_path: Path) -> None:
    project = load_project(write_study(tmp_path, threshold_study()))
    assert project.sheet.series == ("cell",)
    assert project.sheet.timesteps("cell") == ("t0", "t1")
    assert project.sheet.reference("cell") == "t1"
    assert [sample.timestep for sample in project.sheet.labelled()] == ["t0"]
    assert project.voxel_size_um(project.sheet["cell", "t0"]) == (1.0, 1.0, 1.0)


def test_a_study_with_a_model_loads(tmp_path: Path) -> None:
    study = threshold_study()
    del study["threshold"]
    project = load_project(write_study(tmp_path, study | {"model": model_section()}))
    assert project.study.segmenter == "model"
    assert project.study.label_classes.names == ("pore", "solid")


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], tuple[str, ...]]] = {
    "mirror image": (lambda s: s.update(convert={"axes": "x y z"}), ("convert", "x y z", "mirror", "allow_mirror")),
    "background that is not judged": (
        lambda s: s.update(evaluate={"background": "void"}),
        ("void", "pore", "solid"),
    ),
    "rendering of a timestep that is not there": (
        lambda s: s.update(report={"renderings": ["t0", "t9"]}),
        ("report.renderings", "t9", "timestep"),
    ),
    "class drawn as glass that is not there": (
        lambda s: s.update(report={"see_through": ["window"]}),
        ("report", "window", "pore, solid"),
    ),
    "tolerance beyond the cap": (
        lambda s: s.update(evaluate={"surface_tolerance_um": 3.0, "surface_cap_um": 2.0}),
        ("evaluate", "surface_tolerance_um", "at most"),
    ),
    "axis twice": (lambda s: s.update(convert={"axes": "z y y"}), ("convert.axes", "z y y", "each once")),
    "window without a type": (
        lambda s: s.update(convert={"window_grey": [0, 9]}),
        ("window_grey and dtype",),
    ),
    "window upside down": (
        lambda s: s.update(convert={"window_grey": [9, 0], "dtype": "uint8"}),
        ("convert", "(9.0, 0.0)", "lower grey value first"),
    ),
    "overlap shorter than its search": (
        lambda s: s.update(convert={"stitch": {"axis": "z", "overlap_voxels": 9, "search_voxels": 6}}),
        ("convert.stitch", "overlap_voxels 9", "at least 10"),
    ),
    "unknown key": (lambda s: s.update(mesure={}), ("mesure", "known")),
    "unknown key below": (lambda s: s["scan"].update(voxel_size=1), ("scan.voxel_size", "known")),
    "missing key": (lambda s: s.pop("scan"), ("scan", "nothing", "a value")),
    "misspelt class of threshold": (lambda s: s["threshold"].update(dark="por"), ("por ", "pore, solid")),
    "misspelt class of refine": (
        lambda s: s.update(refine={"small_objects": {"sold": {"least_voxels": 2, "becomes": "pore"}}}),
        ("sold", "pore, solid"),
    ),
    "misspelt class of an analysis": (
        lambda s: s["measure"]["porosity"].update(pore="por"),
        ("porosity", "'por'", "pore, solid"),
    ),
    "misspelt class of a pair": (
        lambda s: s["measure"].update(colocalisation={"pairs": [["pore", "sold"]]}),
        ("measure.colocalisation", "'sold'", "pore, solid"),
    ),
    "lithium that anchors itself": (
        lambda s: s["measure"].update(dead_lithium={"of": ["solid"], "anchors": ["solid"]}),
        ("measure.dead_lithium", "solid in 'of' and 'anchors'"),
    ),
    "one electrode twice": (
        lambda s: s["measure"].update(electrode_gap={"stripping": ["solid"], "plating": ["solid"]}),
        ("measure.electrode_gap", "solid in 'stripping' and 'plating'"),
    ),
    "dendrites rooted on themselves": (
        lambda s: s["measure"].update(dendrites={"of": "solid", "roots": ["solid"], "opposite": ["pore"]}),
        ("measure.dendrites", "solid in 'of' and 'roots'", "each class in one of them"),
    ),
    "voids that touch themselves": (
        lambda s: s["measure"].update(electrolyte_voids={"of": ["pore"], "electrolyte": "pore"}),
        ("measure.electrolyte_voids", "pore in 'of' and 'electrolyte'"),
    ),
    "dendrites without roots": (
        lambda s: s["measure"].update(dendrites={"of": "solid", "roots": [], "opposite": ["pore"]}),
        ("measure.dendrites, roots", "at least 1 item"),
    ),
    "voids of no class": (
        lambda s: s["measure"].update(electrolyte_voids={"electrolyte": "pore"}),
        ("measure.electrolyte_voids, of", "nothing"),
    ),
    "porous neither": (lambda s: s["threshold"].update(porous="void"), ("threshold", "void", "pore or solid")),
    "even median": (lambda s: s["threshold"].update(median_voxels=4), ("median_voxels", "4", "odd")),
    "two segmenters": (lambda s: s.update(model=model_section()), ("exactly one of", "'threshold' and 'model'")),
    "no segmenter": (lambda s: s.pop("threshold"), ("exactly one of 'threshold', 'classifier' and 'model'", "none")),
    "classifier beside a threshold": (
        lambda s: s.update(classifier=classifier_section()),
        ("'classifier' and 'threshold.apart' together",),
    ),
    "classes apart without a classifier": (
        lambda s: (s["classes"].append({"name": "wall", "value": 2}), s["threshold"].update(apart=["wall"])),
        ("'classifier' and 'threshold.apart' together",),
    ),
    "class apart that is not classified": (
        lambda s: (
            s["classes"].append({"name": "wall", "value": 2}),
            s["threshold"].update(apart=["wall"]),
            s.update(classifier=classifier_section()),
        ),
        ("'threshold.apart' names wall", "classes of 'classifier'"),
    ),
    "misspelt class of the classifier": (
        lambda s: (s.pop("threshold"), s.update(classifier=classifier_section() | {"classes": ["pore", "sold"]})),
        ("sold", "pore, solid"),
    ),
    "class of the classifier twice": (
        lambda s: (s.pop("threshold"), s.update(classifier=classifier_section() | {"classes": ["pore", "pore"]})),
        ("'classes' names pore twice", "each once"),
    ),
    "scale too small": (
        lambda s: (s.pop("threshold"), s.update(classifier=classifier_section() | {"sigmas_voxels": [2.0, 0.1]})),
        ("classifier.sigmas_voxels.1", "0.1", "0.5"),
    ),
    "class twice between": (
        lambda s: s["threshold"].update(between=["pore"]),
        ("pore given twice in 'dark', 'between', 'bright'",),
    ),
    "one value for two thresholds": (
        lambda s: (
            s["classes"].append({"name": "wall", "value": 2}),
            s["threshold"].update(between=["wall"], value=90),
        ),
        ("'value' 90 is one threshold", "'between' needs 2"),
    ),
    "voxel size 0": (
        lambda s: s["scan"].update(voxel_size_um=[0, 1, 1]),
        ("scan.voxel_size_um.0", "found 0", "0.0005"),
    ),
    "voxel size in metres": (
        lambda s: s["scan"].update(voxel_size_um=[1.33e-6, 1, 1]),
        ("scan.voxel_size_um.0", "1.33e-06", "0.0005"),
    ),
    "class twice": (lambda s: s["classes"].append({"name": "pore", "value": 2}), ("pore", "twice")),
    "value twice": (lambda s: s["classes"].append({"name": "wall", "value": 1}), ("value 1", "twice")),
    "value of the unlabelled": (
        lambda s: s["classes"].append({"name": "w", "value": 255}),
        ("classes.2.value", "255", "254"),
    ),
    "unknown analysis": (lambda s: s["measure"].update(porositty={}), ("measure", "porositty", "porosity")),
    "unknown analysis setting": (
        lambda s: s["measure"]["porosity"].update(por="pore"),
        ("measure.porosity, por", "known"),
    ),
    "unknown series analysis": (lambda s: s.update(series={"farady": {}}), ("series", "farady", "faraday")),
    "size that is no number": (lambda s: s["scan"].update(gigavoxels=float("nan")), ("gigavoxels", "nan", "finite")),
    "endless size": (lambda s: s["scan"].update(gigavoxels=float("inf")), ("gigavoxels", "inf", "finite")),
    "ignore value of a class": (
        lambda s: s.update(annotate={"ignore_value": 0}),
        ("'annotate.ignore_value' 0", "class pore", "a value of no class"),
    ),
    "small objects of a class that is not labelled": (
        lambda s: (
            s["classes"].append({"name": "wall", "value": 2}),
            s.update(refine={"small_objects": {"wall": {"least_voxels": 2, "becomes": "pore"}}}),
        ),
        ("refine.small_objects", "names wall", "the segmenter writes: pore, solid"),
    ),
    "split of a class that is not labelled": (
        lambda s: (
            s["classes"].append({"name": "wall", "value": 2}),
            s.update(refine={"split": {"wall": {"before": "pore", "after": "solid"}}}),
        ),
        ("refine.split", "names wall", "the segmenter writes: pore, solid"),
    ),
    "where of a class that is not labelled": (
        lambda s: (
            s["classes"].append({"name": "wall", "value": 2}),
            s.update(refine={"where": {"wall": {"side": "after", "otherwise": "pore"}}}),
        ),
        ("refine.where", "names wall", "the segmenter writes: pore, solid"),
    ),
    "where on no side": (
        lambda s: s.update(refine={"where": {"solid": {"side": "behind", "otherwise": "pore"}}}),
        ("refine.where.solid.side", "'behind'", "'before' or 'after'"),
    ),
    "electrolyte that is not labelled": (
        lambda s: (
            s["classes"].append({"name": "wall", "value": 2}),
            s.update(refine={"split_electrolyte": {"electrolyte": "wall", "electrodes": ["solid"]}}),
        ),
        ("refine.split_electrolyte", "names wall", "the segmenter writes: pore, solid"),
    ),
    "split plane both given and found": (
        lambda s: s.update(
            refine={"split_plane": 3, "split_electrolyte": {"electrolyte": "pore", "electrodes": ["solid"]}}
        ),
        ("refine", "'split_plane' 3 and 'split_electrolyte'", "expected one of them"),
    ),
    "touching what the split did away with": (
        lambda s: (
            s["classes"].extend([{"name": "near", "value": 2}, {"name": "far", "value": 3}]),
            s.update(
                refine={
                    "split": {"solid": {"before": "near", "after": "far"}},
                    "must_touch": {"pore": {"of": ["solid"], "otherwise": "near"}},
                }
            ),
        ),
        ("refine.must_touch", "names solid", "after the split: pore, near, far"),
    ),
    "negative crop": (
        lambda s: s.update(refine={"crop_end_voxels": [0, -1, 0]}),
        ("refine.crop_end_voxels", "-1", "greater than or equal to 0"),
    ),
    "results above": (lambda s: s.update(results="../out"), ("results", "'../out'", "without a part '..'")),
    "results above, inside": (lambda s: s.update(results="/data/../out"), ("results", "without a part '..'")),
    "results with a space": (lambda s: s.update(results="my results"), ("results", "'my results'", "letters, digits")),
    "results with a command": (lambda s: s.update(results="out;ls"), ("results", "'out;ls'", "letters, digits")),
}


@pytest.mark.parametrize(
    ("given", "kept"), [("/scratch/me/run-1.2", "/scratch/me/run-1.2"), ("./out//a/", "out/a"), ("a..b", "a..b")]
)
def test_where_results_may_be(tmp_path: Path, given: str, kept: str) -> None:
    assert load_project(write_study(tmp_path, threshold_study() | {"results": given})).study.results == kept


def test_what_small_objects_become_is_a_phase() -> None:
    refine = RefineSettings.model_validate(
        {
            "small_objects": {"pit": {"least_voxels": 2, "becomes": "wall"}},
            "split": {"film": {"before": "near", "after": "far"}},
        }
    )
    assert refine.names_after(("pit", "film")) == ("pit", "near", "far", "wall")
    assert refine.names_after(("film",)) == ("near", "far")
    becomes_split = {"pit": {"least_voxels": 2, "becomes": "film"}}
    split = RefineSettings.model_validate(refine.model_dump() | {"small_objects": becomes_split})
    assert split.names_after(("pit", "film")) == ("pit", "near", "far")


def test_what_misplaced_and_detached_objects_become_is_a_phase() -> None:
    refine = RefineSettings.model_validate(
        {
            "where": {"pit": {"side": "before", "otherwise": "film"}},
            "split": {"film": {"before": "near", "after": "far"}},
            "must_touch": {"far": {"of": ["near"], "otherwise": "void"}},
        }
    )
    assert refine.names_after(("pit",)) == ("pit", "near", "far", "void")
    assert refine.names_after(("wall",)) == ("wall",)


@pytest.mark.parametrize(("change", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_the_study(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], words: tuple[str, ...]
) -> None:
    study = threshold_study()
    change(study)
    # A section too few or too many is one fault; what follows from it is not told as well.
    path = write_study(tmp_path, study)
    require_words(told(path), str(path), *words)


LABEL_FAULTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no rounds": ({"rounds": []}, ("label.rounds", "at least 1")),
    "rest among those told apart": (
        {"rounds": [{"problems": [{"name": "a", "of": ["pore"], "rest": "pore"}]}]},
        ("'rest' pore is in 'of'",),
    ),
    "problem twice": (
        {"rounds": [{"problems": [{"name": "a", "of": ["pore"], "rest": "solid"}] * 2}]},
        ("problem a given twice",),
    ),
    "class that the model has not": (
        {"rounds": [{"problems": [{"name": "a", "of": ["por"], "rest": "solid"}]}]},
        ("'label.rounds' names por", "classes of the model"),
    ),
    "priority without a class": (
        {"rounds": [{}], "priority": ["pore"]},
        ("'label.priority' pore", "every class of the model once: pore, solid"),
    ),
    "unknown axis": ({"rounds": [{"axis": "w"}]}, ("label.rounds.0.axis", "'w'", "'z', 'y' or 'x'")),
    "folder above": ({"rounds": [{}], "folder": "../mine"}, ("label.folder", "../mine", "without a part '..'")),
}


@pytest.mark.parametrize(("section", "words"), LABEL_FAULTS.values(), ids=LABEL_FAULTS.keys())
def test_a_fault_of_the_rounds(tmp_path: Path, section: dict[str, Any], words: tuple[str, ...]) -> None:
    study = threshold_study()
    del study["threshold"]
    path = write_study(tmp_path, study | {"model": model_section(), "label": section})
    require_words(told(path), str(path), *words)


def test_rounds_need_a_model(tmp_path: Path) -> None:
    path = write_study(tmp_path, threshold_study() | {"label": {"rounds": [{}]}})
    require_words(told(path), str(path), "'label' has rounds for a 'model'")


MODEL_FAULTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "rare class of no class": (
        {"sampling": {"rare_classes": ["sold"]}},
        ("'sampling.rare_classes' names sold", "classes of the model"),
    ),
    "empty range": ({"split": {"by": "block", "ranges": [[5, 5]]}}, ("'ranges' 5 to 5", "one past the last")),
    "unknown split": ({"split": {"by": "plane"}}, ("model.split.by", "'plane'", "'timestep', 'block' or 'random'")),
    "share of all": ({"split": {"share": 1}}, ("model.split.share", "found 1", "less than 1")),
    "misspelt class": ({"classes": ["pore", "sold"]}, ("sold", "pore, solid")),
    "unknown architecture": ({"architecture": "unet9"}, ("model", "unet9", "residual_unet")),
    "unknown network setting": ({"network": {"chanels": [4, 8]}}, ("model.network, chanels", "known")),
    "one level": ({"network": {"channels": [4]}}, ("model.network, channels", "at least 2 items")),
    "a loss that is not there": ({"train": {"loss": "dise"}}, ("model.train.loss", "dise", "focal_dice")),
    "a setting of another loss": (
        {"train": {"loss": "dice", "loss_settings": {"gamma": 2}}},
        ("model.train.loss_settings", "gamma"),
    ),
    "patches scaled beyond nothing": ({"train": {"augment": {"affine": {"scale": 1.5}}}}, ("augment.affine.scale",)),
    "weight of no class": ({"train": {"class_weights": {"sold": 2}}}, ("model", "sold", "classes of the model")),
}


@pytest.mark.parametrize(("change", "words"), MODEL_FAULTS.values(), ids=MODEL_FAULTS.keys())
def test_a_fault_of_the_model(tmp_path: Path, change: dict[str, Any], words: tuple[str, ...]) -> None:
    study = threshold_study()
    del study["threshold"]
    path = write_study(tmp_path, study | {"model": model_section() | change})
    require_words(told(path), str(path), *words)


@pytest.mark.parametrize("section", ["model", "classifier"])
def test_what_learns_needs_labels(tmp_path: Path, section: str) -> None:
    study = threshold_study()
    del study["threshold"]
    learner = {"model": model_section(), "classifier": classifier_section()}[section]
    path = write_study(tmp_path, study | {section: learner}, (ROWS[1],))
    require_words(told(path), str(tmp_path / "samples.tsv"), "no row with labels", "'labels'")


def test_a_layer_found_by_a_classifier_and_the_rest_by_threshold(tmp_path: Path) -> None:
    study = threshold_study() | {"classifier": classifier_section() | {"classes": ["pore", "solid", "layer"]}}
    study["classes"].append({"name": "layer", "value": 2})
    study["threshold"]["apart"] = ["layer"]
    found = load_project(write_study(tmp_path, study)).study
    assert found.segmenter == "threshold"
    assert found.label_classes.names == ("pore", "solid", "layer")
    assert found.drawn_classes.names == ("pore", "solid", "layer")


def test_timesteps_that_judge_are_labelled(tmp_path: Path) -> None:
    study = threshold_study()
    del study["threshold"]
    rows = (ROWS[0], ROWS[1] + "t1.labels.tif")
    judging = {"model": model_section() | {"train": {"validation": ["t0", "t9"]}}}
    path = write_study(tmp_path, study | judging, rows)
    require_words(told(path), str(path), "model.train.validation", "['t9']", "cell/t0, cell/t1")
    judging["model"]["train"]["validation"] = ["t0", "cell/t1"]
    require_words(told(write_study(tmp_path, study | judging, rows)), "model.train.validation", "left to train on")


SHEETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "path in the series": (("../up\tt0\tt0.tif\t0\t\t",), ("row 2, series", "'../up'", "letters, digits")),
    "slash in the timestep": (("cell\tt/0\tt0.tif\t0\t\t",), ("row 2, timestep", "'t/0'", "letters, digits")),
    "reserved series": (("models\tt0\tt0.tif\t0\t\t",), ("row 2, series", "models", "folders of the results")),
    "timestep twice": ((ROWS[0], ROWS[0].replace("\t0\t", "\t5\t")), ("cell t0", "once", "2 times")),
    "two scans at one time": ((ROWS[0], ROWS[1].replace("60", "0.0")), ("cell at 0.0 min", "2 rows")),
    "two references": ((ROWS[0].replace("false", "yes"), ROWS[1]), ("cell: 2 rows", "at most one reference")),
    "negative time": (("cell\tt0\tt0.tif\t-1\t\t",), ("row 2, time_min", "'-1'", "greater than or equal to 0")),
    "no path": (("cell\tt0\t\t0\t\t",), ("row 2, path", "nothing", "a value")),
    "too many cells": (("cell\tt0\tt0.tif\t0\t\t\tmore",), ("row 2", "7 cells", "6")),
    "time that is no number": (("cell\tt0\tt0.tif\tnan\t\t",), ("row 2, time_min", "'nan'", "finite")),
    "rows out of order": (
        (ROWS[1], "other\tt0\tt0.tif\t5\t\t", ROWS[0]),
        ("row 4", "cell at 0.0 min, after row 2 at 60.0 min", "sort the rows"),
    ),
    "path of no field": (
        ("cell\tt0\ta.tif;;b.tif\t0\t\t",),
        ("row 2, path", "a.tif;;b.tif", "both sides"),
    ),
    "no rows": ((), ("1 lines", "at least one row")),
}


@pytest.mark.parametrize(("rows", "words"), SHEETS.values(), ids=SHEETS.keys())
def test_a_fault_of_the_sheet(tmp_path: Path, rows: tuple[str, ...], words: tuple[str, ...]) -> None:
    path = write_study(tmp_path, threshold_study(), rows)
    require_words(told(path), str(tmp_path / "samples.tsv"), *words)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (HEADER.replace("time_min", "time"), ("row 2, time", "known")),
        (HEADER.replace("labels", "path"), ("header", "path twice")),
        (HEADER.replace("\t", "  "), ("header", "series  timestep", "tabs between them")),
        (HEADER.replace("\t", ","), ("header", "series,timestep", "tabs between them")),
    ],
    ids=["unknown column", "column twice", "spaces for tabs", "commas for tabs"],
)
def test_a_fault_of_the_header(tmp_path: Path, header: str, words: tuple[str, ...]) -> None:
    path = write_study(tmp_path, threshold_study(), (ROWS[0],), header)
    require_words(told(path), str(tmp_path / "samples.tsv"), *words)


def test_all_faults_of_study_and_sheet_are_told_at_once(tmp_path: Path) -> None:
    study = threshold_study()
    study["measure"] = {"porositty": {}, "occupancy": {"least_voxels": 0}}
    rows = ("../up\tt0\tt0.tif\tsoon\t\t", "cell\tt0\t\t0\t\t", "cell\tt0\tb.tif\t1\t\t")
    faults = told(write_study(tmp_path, study, rows)).faults
    where = "\n".join(fault.where for fault in faults)
    for part in ("row 2, series", "row 2, time_min", "row 3, path", "samples.tsv", "measure.occupancy, least_voxels"):
        assert part in where
    assert len(faults) == 6


def test_a_row_with_too_many_cells_hides_no_other_fault(tmp_path: Path) -> None:
    rows = ("cell\tt0\tt0.tif\t0\t\t\tmore", "cell\tt0\t\t60\t\t")
    where = [fault.where for fault in told(write_study(tmp_path, threshold_study(), rows)).faults]
    sheet = str(tmp_path / "samples.tsv")
    assert where == [f"{sheet} row 2", f"{sheet} row 3, path", sheet]


CHARGED = HEADER + "\tcurrent_ma"


def charged_study() -> dict[str, Any]:
    study = threshold_study()
    study["measure"] = {"class_volumes": {}, "effective_thickness": {}}
    study["series"] = {"faraday": {"active_area_cm2": 1, "current_min": 1, "plated": ["solid"]}}
    return study


def charged_rows(*currents: str) -> tuple[str, ...]:
    first = tuple(f"{row}\t{current}" for row, current in zip(ROWS, currents, strict=True))
    return (*first, "other\tt0\tt0.tif\t0\tfalse\t\t")


def test_a_study_with_a_series_analysis_loads(tmp_path: Path) -> None:
    assert load_project(write_study(tmp_path, charged_study(), charged_rows("", "0.5"), CHARGED)).study.series


SERIES_FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str, tuple[str, ...]]] = {
    "misspelt class": (
        lambda s: s["series"]["faraday"].update(plated=["lithium"]),
        "0.5",
        ("series.faraday", "'lithium'", "pore, solid"),
    ),
    "current of the second scan": (lambda _: None, "", ("series.faraday", "cell t1, current_ma", "nothing", "mA")),
    "current that is no number": (lambda _: None, "nan", ("row 3, current_ma", "'nan'", "finite")),
    "analysis that it reads": (
        lambda s: s["measure"].pop("effective_thickness"),
        "0.5",
        ("series.faraday", "no effective_thickness in 'measure'", "which faraday reads"),
    ),
    "class whose volume is left out": (
        lambda s: s["measure"].update(class_volumes={"without": ["solid"]}),
        "0.5",
        ("series.faraday, plated", "'solid'", "measure.class_volumes.without"),
    ),
}


@pytest.mark.parametrize(("change", "current", "words"), SERIES_FAULTS.values(), ids=SERIES_FAULTS.keys())
def test_a_fault_of_a_series_analysis(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], current: str, words: tuple[str, ...]
) -> None:
    study = charged_study()
    change(study)
    require_words(told(write_study(tmp_path, study, charged_rows("", current), CHARGED)), *words)


def test_what_series_analyses_and_models_miss_is_told_with_the_rest(tmp_path: Path) -> None:
    study = charged_study() | {"model": model_section() | {"train": {"validation": ["t9"]}}}
    del study["threshold"]
    study["measure"] = {"class_volumes": {"without": ["solid"]}, "porositty": {}}
    text = str(told(write_study(tmp_path, study, charged_rows("", ""), CHARGED)))
    for word in ("porositty", "effective_thickness", "class_volumes.without", "current_ma", "'t9'"):
        assert word in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("study: [", ("line 1", "readable YAML")),
        ("study: a\nscan: {}\nstudy: b\n", ("line 3", "'study' given twice")),
        ("scan:\n  gigavoxels: 1\n  gigavoxels: 2\n", ("line 3", "'gigavoxels' given twice")),
        ("[a, b]: c\n", ("line 1", "is no word")),
        ("- a\n- b\n", ("list", "keys and values")),
        ("", ("keys and values",)),
    ],
    ids=["bad YAML", "key twice", "key twice below", "a list as key", "a list", "nothing"],
)
def test_yaml_that_cannot_be_read(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    path = write_study(tmp_path, text)
    require_words(told(path), str(path), *words)


def test_a_missing_study_and_a_missing_sheet(tmp_path: Path) -> None:
    require_words(told(tmp_path / "none.yaml"), str(tmp_path / "none.yaml"), "no file")
    path = write_study(tmp_path, threshold_study())
    (tmp_path / "samples.tsv").unlink()
    require_words(told(path), str(tmp_path / "samples.tsv"), "no file", "sample sheet")


def test_a_sheet_saved_by_a_spreadsheet_loads(tmp_path: Path) -> None:
    path = write_study(tmp_path, threshold_study())
    sheet = tmp_path / "samples.tsv"
    sheet.write_bytes(b"\xef\xbb\xbf" + sheet.read_bytes().replace(b"\n", b"\r\n"))
    assert load_project(path).sheet.timesteps("cell") == ("t0", "t1")


def test_anchors_are_still_yaml(tmp_path: Path) -> None:
    study = yaml.safe_dump(threshold_study()).replace("- name: pore", "- &pore\n  name: pore")
    assert load_project(write_study(tmp_path, study)).study.study == "small"
