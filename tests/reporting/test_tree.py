from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from reporting import fake
from tomocell.reporting.timeaxis import time_axis
from tomocell.reporting.tree import Node, draw_tree, important_tracks

AXIS = time_axis(fake.make_samples(3))
NODES = [
    Node(1, "t00", "1", 100.0, "first", "continues"),
    Node(1, "t01", "1", 400.0, "merge", "continues", (("t00", "1"), ("t00", "7"))),
    Node(1, "t02", "4", 100.0, "continuation", "last", (("t01", "1"),)),
    Node(2, "t00", "2", 50.0, "first", "death"),
    Node(3, "t00", "7", 25.0, "first", "merges"),
]


def parse(nodes: list[Node], tracks: list[int]) -> ET.Element:
    return ET.fromstring(str(draw_tree('<"tree">', nodes, tracks, AXIS, "#d1495b")))  # noqa: S314 (made a line ago)


def by_class(root: ET.Element, look: str) -> list[ET.Element]:
    return [element for element in root.iter() if element.get("class") == look]


def test_the_largest_tracks_are_chosen_and_kin_lie_side_by_side() -> None:
    assert important_tracks(NODES, 2) == [1, 2]
    assert important_tracks(NODES, 3) == [1, 3, 2]
    assert important_tracks([], 3) == []


def test_lines_join_every_object_with_what_it_comes_from() -> None:
    joints = by_class(parse(NODES, [1, 3, 2]), "joint")
    assert len(joints) == 3
    rows = {element.get("d", "").split("C")[0].split()[-1] for element in joints}
    assert len(rows) == 2  # two start on the first track, the merger on the third
    widths = [float(element.get("stroke-width") or 0) for element in joints]
    assert widths[0] > widths[1]  # of 100 um3 and of 25


def test_a_death_is_open_and_a_continuation_only_told() -> None:
    root = parse(NODES, [1, 3, 2])
    assert len(by_class(root, "open")) == 1
    assert len(by_class(root, "hint")) == 1
    assert len(by_class(root, "mark")) == 3
    titles = [title.text or "" for title in root.iter("title")]
    assert "Track 2 at t00: 50\u00a0µm³, first, death" in titles


def test_time_runs_as_on_the_other_charts() -> None:
    root = parse(NODES, [1, 3, 2])
    marks = [float(circle.get("cx") or 0) for circle in root.iter("circle")]
    assert len({round(x) for x in marks}) == 3
    assert {element.text for element in by_class(root, "tick middle")} >= {"0", "10", "20"}
    assert re.search("Time", ET.tostring(root, encoding="unicode"))


def test_no_tracks_are_no_fault() -> None:
    assert parse([], []).tag == "svg"
