from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reporting import fake
from support.stores import CLASSES, make_store
from tomocell.errors import BadInput
from tomocell.reporting import assets, budgets
from tomocell.reporting.page import build_report, build_sections
from tomocell.reporting.sections.appendix import _manifests
from tomocell.reporting.sources import Source
from tomocell.settings.load import Project
from tomocell.settings.samples import SampleSheet

if TYPE_CHECKING:
    from pathlib import Path

ALWAYS = {"scans", "appendix"}
SECTIONS = {
    "stores": {"slices"},
    "registration": {"registration"},
    "records": {f"analysis-{name}" for name in ("class_volumes", "effective_thickness", "occupancy", "bubbles")}
    | {"analysis-porosity", "analysis-faraday"},
    "model": {"model"},
    "maps": {"maps", "analysis-occupancy"},
}
HOSTILE = "<script>document.title='owned'</script>"
MOST_BYTES = 20_000_000


class Outline(HTMLParser):
    """Collects what a test asks of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def section_ids(page: str) -> set[str]:
    return {str(section["id"]) for section in Outline(page).all("section")}


def test_a_whole_folder_gives_every_section(page: str) -> None:
    assert section_ids(page) == ALWAYS | {"truth", "renderings"} | set().union(*SECTIONS.values())


@pytest.mark.parametrize("part", SECTIONS)
def test_each_part_gives_its_sections_and_no_others(tmp_path: Path, part: str) -> None:
    bare = fake.make_project(tmp_path, 3)
    fake.fill(bare, tmp_path / "results", only=(part,))
    assert section_ids(build_report(bare, fake.SERIES, tmp_path / "results")) == ALWAYS | SECTIONS[part]


def test_nothing_at_all_is_still_a_page(tmp_path: Path) -> None:
    page = build_report(fake.make_project(tmp_path, 3), fake.SERIES, tmp_path)
    assert section_ids(page) == ALWAYS
    assert "Operando lithium plating" in page


def test_contents_lead_to_every_section(page: str) -> None:
    targets = {str(link["href"])[1:] for link in Outline(page).all("a")}
    assert section_ids(page) <= targets


def test_the_page_needs_nothing_else(page: str) -> None:
    outline = Outline(page)
    sources = [str(attributes[key]) for _, attributes in outline.tags for key in ("src", "href") if key in attributes]
    assert sources
    assert all(source.startswith(("data:image/", "#")) for source in sources)
    assert not outline.all("link")
    assert "url(" not in page
    assert "@import" not in page
    assert len(page.encode()) < MOST_BYTES


def test_pictures_that_take_all_that_they_may_still_fit_the_page() -> None:
    named = {name: value for name, value in vars(budgets).items() if name.endswith("_BYTES")}
    together = sum(named.values()) + (budgets.SERIES_CHAPTERS - 1) * budgets.SERIES_MAP_BYTES
    assert together * 4 / 3 < 0.96 * MOST_BYTES  # the rest of the page takes less than 0.8 MB


def test_the_policy_allows_the_one_script_and_nothing_else(page: str) -> None:
    policy = next(str(meta["content"]) for meta in Outline(page).all("meta") if "http-equiv" in meta)
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 1
    assert "default-src 'none'" in policy
    assert f"script-src '{assets.content_hash(scripts[0])}'" in policy


def test_pictures_and_tables_are_told_in_words(page: str) -> None:
    outline = Outline(page)
    assert all(image.get("alt") for image in outline.all("img"))
    assert all(plot.get("aria-label") for plot in outline.all("svg") if plot.get("class") == "plot")
    assert len(outline.all("caption")) == len(outline.all("table"))
    assert all(head.get("scope") in {"col", "row"} for head in outline.all("th"))


def test_the_same_results_give_the_same_page(project: Project, results: Path, page: str) -> None:
    assert build_report(project, fake.SERIES, results) == page


def test_numbers_have_units_and_uncertainties(page: str) -> None:
    assert "µm³" in page
    assert re.search(r"\d ± \d", page)
    assert "nan" not in re.sub(r"base64,[^\"]*", "", page).lower().replace("nano", "").replace("planned", "")


def test_the_truth_is_judged_in_words_and_colour(page: str) -> None:
    truth = page[page.index('id="truth"') : page.index('id="appendix"')]
    assert 'aria-label="within tolerance"' in truth
    assert 'aria-label="outside tolerance"' in truth  # pits were planted 8 % larger than they were measured


def test_an_analysis_explains_itself(project: Project, results: Path) -> None:
    sections = {section.id: section for section in build_sections(Source(project, fake.SERIES, results))}
    assert sections["analysis-class_volumes"].title == "Class volumes"
    assert sections["analysis-class_volumes"].lead == "Volume of each class."


def test_an_analysis_nobody_has_heard_of_gets_its_section(tmp_path: Path) -> None:
    project = fake.make_project(tmp_path, 3, measure={"new_thing": {}}, series={})
    for index, step in enumerate(project.sheet.timesteps(fake.SERIES)):
        record = {"length_um": 1.0 + index, "sides": {"left_um": 2.0, "right_um": 3.0 + index}, "provenance": {"a": 1}}
        fake.write_json(tmp_path / fake.SERIES / step / "new_thing.json", record)
    page = build_report(project, fake.SERIES, tmp_path)
    assert section_ids(page) == ALWAYS | {"analysis-new_thing"}
    for words in ("New thing", "Length", "Sides left"):
        assert words in page


def test_a_table_that_the_study_does_not_name_is_mentioned_and_not_shown(tmp_path: Path) -> None:
    project = fake.make_project(tmp_path, 3)
    (tmp_path / fake.SERIES).mkdir()
    (tmp_path / fake.SERIES / "stale.csv").write_text("timestep,length_um\nt00,1\nt01,2\n")
    page = build_report(project, fake.SERIES, tmp_path)
    assert section_ids(page) == ALWAYS
    assert "not shown: stale" in page


def test_what_a_study_without_registration_left_is_not_shown(tmp_path: Path) -> None:
    project = fake.make_project(tmp_path, 3, registration=None)
    fake.fill(project, tmp_path, only=("stores", "registration"))
    page = build_report(project, fake.SERIES, tmp_path)
    assert section_ids(page) == ALWAYS | {"slices"}
    assert "Grey values" not in page
    kinds = {row[1].text for row in _manifests(Source(project, fake.SERIES, tmp_path)).rows}
    assert kinds == {"phases"}


def test_classes_at_no_timestep_are_told_beside_the_pictures(tmp_path: Path) -> None:
    project = fake.make_project(tmp_path, 2)
    for step, pits in (("t00", 0), ("t01", 4)):
        notes = {"voxels": {"electrode": 4, "pit": pits, "plating_electrode": 0}}
        store = tmp_path / fake.SERIES / step / "phases.ome.zarr"
        make_store(store, np.zeros((4, 5, 6), np.uint8), classes=CLASSES, notes=notes)
    page = build_report(project, fake.SERIES, tmp_path)
    assert "At no timestep: plating electrode; what is measured of it is zero or missing." in page


def test_maps_that_no_record_of_the_study_lists_are_not_shown(tmp_path: Path) -> None:
    project = fake.make_project(tmp_path, 3)
    fake.fill(project, tmp_path, only=("maps",))
    maps = Source(project, fake.SERIES, tmp_path).maps()
    assert sorted(maps) == ["dendrite_thickness_um", "deposited_thickness_um"]
    assert all(list(steps) == ["t00", "t01", "t02"] for steps in maps.values())
    fake.write_json(tmp_path / fake.SERIES / "t01" / "occupancy.json", {"maps": ["deposited_thickness_um.tif"]})
    maps = Source(project, fake.SERIES, tmp_path).maps()
    assert list(maps["dendrite_thickness_um"]) == ["t00", "t02"]
    without = fake.make_project(tmp_path, 3, measure={"class_volumes": {}})
    assert Source(without, fake.SERIES, tmp_path).maps() == {}


def test_profiles_of_a_record_are_no_numbers_over_time(tmp_path: Path) -> None:
    project = fake.make_project(tmp_path, 3)
    for index, step in enumerate(project.sheet.timesteps(fake.SERIES)):
        record = {"porosity": 0.4 + 0.1 * index, "profile_z": [0.1, 0.2], "maps": ["x.png"]}
        fake.write_json(tmp_path / fake.SERIES / step / "porosity.json", record)
    page = build_report(project, fake.SERIES, tmp_path)
    assert section_ids(page) == ALWAYS | {"analysis-porosity"}
    assert "Profile z" not in page


def test_one_volume_without_time_is_a_page_of_numbers(tmp_path: Path) -> None:
    project = fake.make_project(tmp_path, 3)
    sample = project.sheet.samples[0].model_copy(update={"time_min": None, "state": None, "current_ma": None})
    single = Project(project.path, project.study, SampleSheet(project.sheet.path, [sample]))
    fake.fill(single, tmp_path / "results", only=("stores",))
    record = {"film_um": 107.74, "film_uncertainty_um": 0.26}
    fake.write_json(tmp_path / "results" / fake.SERIES / "t00" / "class_volumes.json", record)
    page = build_report(single, fake.SERIES, tmp_path / "results")
    assert section_ids(page) == ALWAYS | {"slices", "analysis-class_volumes"}
    assert "(107.74 ± 0.26)\u00a0µm" in page
    for word in ('type="range"', "over time", "every timestep", "Scans of this series"):
        assert word not in page, word


def test_a_timestep_without_a_picture_says_so(tmp_path: Path) -> None:
    project = fake.make_project(tmp_path, 3)
    fake.fill(project, tmp_path, only=("stores",))
    (tmp_path / fake.SERIES / "t01" / "registered.manifest.json").unlink()  # not finished: not believed
    page = build_report(project, fake.SERIES, tmp_path)
    assert page.count("No picture at this timestep") == 3  # one for each view


def hostile_project(folder: Path) -> Project:
    """Return a study whose every free text is an attack, with results to match."""
    report = {"title": HOSTILE, "truth": None, "renderings": []}
    project = fake.make_project(folder, 3, description=HOSTILE, report=report, measure={HOSTILE[:8]: {}, "thing": {}})
    samples = fake.make_samples(3, state=HOSTILE, series=fake.SERIES)
    return Project(folder / f"{HOSTILE.replace('/', '')}.yaml", project.study, SampleSheet(folder / "s.tsv", samples))


def write_hostile_results(project: Project, results: Path) -> None:
    fake.fill(project, results, only=("stores", "maps"))
    for step in project.sheet.timesteps(fake.SERIES):
        folder = results / fake.SERIES / step
        fake.write_json(
            folder / "thing.json", {f"{HOSTILE}_um": 1.0, "words": HOSTILE, "provenance": {"code_digest": HOSTILE}}
        )
        fake.write_json(folder / "registration.json", {"correlation_after": 0.9, HOSTILE: 3.0})
        (folder / "maps" / "dendrite_thickness_um.tif").rename(folder / "maps" / "<b onclick=x>.tif")
        listed = ["<b onclick=x>.tif", "../../x.tif", HOSTILE, 3]
        fake.write_json(folder / f"{HOSTILE[:8]}.json", {"length_um": 1.0, "maps": listed})
    card: dict[str, Any] = {"name": HOSTILE, "classes": [HOSTILE], "metrics": {"classes": {HOSTILE: {"iou": 0.5}}}}
    fake.write_json(results / "models/unet/model.json", card | {"training": {"entries": [{HOSTILE: {HOSTILE: 1}}]}})
    (results / "models/unet/history.csv").write_text(f'epoch,"{HOSTILE}_loss"\n1,2\n2,1\n')
    (results / fake.SERIES / f"{HOSTILE.replace('/', '')}.csv").write_text("a\n1\n")


def test_hostile_words_are_only_words(tmp_path: Path) -> None:
    project = hostile_project(tmp_path)
    write_hostile_results(project, tmp_path / "results")
    page = build_report(project, fake.SERIES, tmp_path / "results")
    outline = Outline(page)
    assert page.count("<script") == 1
    assert "&lt;script&gt;document.title=" in page
    assert not outline.all("b")
    assert not any(key.startswith("on") for _, attributes in outline.tags for key in attributes)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cell_a/t00/registration.json", "{"),
        ("cell_a/t00/registration.json", "[1]"),
        ("cell_a/class_volumes.csv", ""),
        ("cell_a/t00/bubbles.parquet", "no parquet"),
        ("models/unet/model.json", "\x00"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: str) -> None:
    project = fake.make_project(tmp_path, 3)
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(BadInput, match=re.escape(name)):
        build_report(project, fake.SERIES, tmp_path)


def test_a_changed_template_changes_the_digest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = assets.digest()
    assert before == assets.digest()
    for entry in assets.FOLDER.iterdir():
        (tmp_path / entry.name).write_text(entry.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    assert assets.digest() == before
    (tmp_path / "report.css").write_text("p { color: red }")
    assert assets.digest() != before
