"""Lines of descent: objects of one scan linked to those of the next become tracks with a beginning and an end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

FIRST, BIRTH, CONTINUATION, SPLIT, MERGE = "first", "birth", "continuation", "split", "merge"
LAST, DEATH, CONTINUES, MERGES = "last", "death", "continues", "merges"


@dataclass
class Member:
    """An object at one scan.

    Attributes:
        track: The line that it belongs to, from 1, the same from birth to end.
        event: How it came: ``first`` (there at the first scan), ``birth``, ``continuation``, ``split`` (off an object
            that goes on beside it) or ``merge`` (of several).
        parents: Labels of the objects of the scan before that it comes from.
        fate: What becomes of it: ``continues``, ``merges`` (into an object of another track), ``death`` or ``last``
            (the last scan).
        children: Labels of the objects of the next scan that come from it.
    """

    track: int
    event: str = FIRST
    parents: list[int] = field(default_factory=list)
    fate: str = LAST
    children: list[int] = field(default_factory=list)


Generation = dict[int, Member]  # by label


def descend(labels: Sequence[Ints], links: Sequence[Ints]) -> list[Generation]:
    """Give every object of every scan its track.

    A track goes on in the object that shares most with it, and an object continues the track that it shares most
    with; pairs are settled in the order of what they share, then of their labels.

    Args:
        labels: Of each scan, the labels of its objects.
        links: From each scan to the next, shape (links, 3): label before, label after, what they share.
    """
    tracks = len(labels[0])
    generations = [{int(label): Member(track) for track, label in enumerate(labels[0], 1)}]
    for after, linked in zip(labels[1:], links, strict=True):
        generations.append(_next(generations[-1], after, linked, tracks))
        tracks = max([tracks, *(member.track for member in generations[-1].values())])
    return generations


def _next(before: Generation, labels: Ints, links: Ints, tracks: int) -> Generation:
    heirs = _heirs(links)
    tracked = {child: before[parent].track for parent, child in heirs.items()}
    fresh = [int(label) for label in labels if int(label) not in tracked]
    tracked |= {label: tracks + number for number, label in enumerate(fresh, 1)}
    after = {int(label): Member(tracked[int(label)]) for label in labels}
    for parent, child, _ in links.tolist():
        before[parent].children.append(child)
        after[child].parents.append(parent)
    for member in after.values():
        member.event = _event(member, new=member.track > tracks)
    for label, member in before.items():
        member.fate = DEATH if not member.children else CONTINUES if label in heirs else MERGES
    return after


def _heirs(links: Ints) -> dict[int, int]:
    """Return which object continues the track of which, by the label before."""
    heirs: dict[int, int] = {}
    taken: set[int] = set()
    for parent, child, _ in sorted(links.tolist(), key=lambda link: (-link[2], link[0], link[1])):
        if parent not in heirs and child not in taken:
            heirs[parent] = child
            taken.add(child)
    return heirs


def _event(member: Member, *, new: bool) -> str:
    if not member.parents:
        return BIRTH
    if len(member.parents) > 1:
        return MERGE
    return SPLIT if new else CONTINUATION


def link_sites(links: Ints, boxes: Sequence[tuple[Ints, NDArray[np.float64]]], reach_um: float) -> Ints:
    """Link objects that share no voxel with any of the other scan but stand at one site of the electrode's face.

    Lithium that grows under a dendrite may lift it off its own voxels; a registration may be off.

    Args:
        links: Shape (links, 3), by shared voxels.
        boxes: Of the scan before and the scan after: labels, and corners (n, 4) in um: low y, low x, high y, high x.
        reach_um: Largest gap in the face between the boxes of two objects. The least gaps come first, then the nearest
            middles, then the lower labels; each object gets one partner.

    Returns:
        All links; what these share is 0.
    """
    (before, near), (after, far) = (
        (labels[free], corners[free])
        for side, (labels, corners) in enumerate(boxes)
        for free in (~np.isin(labels, links[:, side]),)
    )
    candidates: list[tuple[float, float, int, int]] = []
    for label, corner in zip(before.tolist(), near, strict=True):
        gaps = np.linalg.norm(np.maximum(corner[:2] - far[:, 2:], far[:, :2] - corner[2:]).clip(0), axis=1)
        apart = np.linalg.norm((corner[:2] + corner[2:] - far[:, :2] - far[:, 2:]) / 2, axis=1)
        within = gaps <= reach_um
        found = zip(gaps[within].tolist(), apart[within].tolist(), after[within].tolist(), strict=True)
        candidates += [(gap, distance, label, other) for gap, distance, other in found]
    return np.concatenate([links, _one_to_one(candidates)])


def _one_to_one(candidates: Sequence[tuple[float, float, int, int]]) -> Ints:
    partners: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, label, other in sorted(candidates):
        if label not in partners and other not in taken:
            partners[label] = other
            taken.add(other)
    return np.array([(*pair, 0) for pair in partners.items()], np.int64).reshape(-1, 3)
