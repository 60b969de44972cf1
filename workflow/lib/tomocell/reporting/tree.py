"""Objects followed through time as a tree: a line for each track, the thicker the larger its object."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from tomocell.reporting.numbers import fixed, format_value
from tomocell.reporting.scales import Scale, minute_ticks
from tomocell.reporting.svg import at, stroke, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tomocell.reporting.timeaxis import TimeAxis

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 920, 64, 22, 30, 44
ROW = 15  # pixels between tracks
THINNEST, THICKEST = 1.2, 12.0
DOT = 3.4
CONTINUATION, DEATH = "continuation", "death"
WORD_WIDTH = 64
MOST_TICKS = 13


@dataclass(frozen=True)
class Node:
    """An object at a timestep.

    Attributes:
        track: Its line.
        step: Its timestep.
        name: Its label there.
        volume_um3: How large it is.
        event: How it came.
        fate: What becomes of it.
        parents: (timestep, label) of the objects that it comes from.
    """

    track: int
    step: str
    name: str
    volume_um3: float
    event: str = ""
    fate: str = ""
    parents: tuple[tuple[str, str], ...] = ()


def important_tracks(nodes: Sequence[Node], most: int) -> list[int]:
    """Return the tracks that grew largest, at most ``most``, in the order that they are drawn in: kin beside kin."""
    peaks: dict[int, float] = {}
    for node in nodes:
        peaks[node.track] = max(peaks.get(node.track, 0.0), node.volume_um3)
    chosen = set(sorted(peaks, key=lambda track: (-peaks[track], track))[:most])
    return _beside_their_kin(nodes, chosen)


def draw_tree(title: str, nodes: Sequence[Node], tracks: Sequence[int], axis: TimeAxis, color: str) -> Markup:
    """Return the drawing of ``tracks`` from top to bottom; ``title`` is what a screen reader calls it."""
    canvas = _Canvas(axis, {track: TOP + (index + 0.5) * ROW for index, track in enumerate(tracks)}, _largest(nodes))
    shown = [node for node in nodes if node.track in canvas.rows]
    places = {(node.step, node.name): node for node in shown}
    opening = Markup('<svg class="plot tree" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    parts = [opening.format(WIDTH, fixed(canvas.bottom + BOTTOM, 0).replace("\u202f", ""), title), *_axis(canvas)]
    for node in shown:
        parts.extend(_joints(canvas, node, places, color))
    parts += [_mark(canvas, node, color) for node in shown]
    return Markup("").join([*parts, Markup("</svg>")])


@dataclass(frozen=True)
class _Canvas:
    axis: TimeAxis
    rows: Mapping[int, float]
    largest: float

    @property
    def bottom(self) -> float:
        return TOP + len(self.rows) * ROW

    def x(self, step: str) -> float:
        """Return where a timestep lies, on the axis that all charts share."""
        return self.at_position(self.axis.positions[step])

    def at_position(self, position: float) -> float:
        places = self.axis.positions.values()
        return Scale(min(places), max(places), LEFT, WIDTH - RIGHT)(position)

    def thickness(self, volume: float) -> float:
        """Return the width of a line: its square is as the volume's, so that large ones do not hide the others."""
        return THINNEST + (THICKEST - THINNEST) * math.sqrt(volume / self.largest)


def _largest(nodes: Sequence[Node]) -> float:
    return max((node.volume_um3 for node in nodes), default=0.0) or 1.0


def _beside_their_kin(nodes: Sequence[Node], chosen: set[int]) -> list[int]:
    """Return the chosen tracks by their first timestep, each followed by those that merge into it or split off it."""
    track_of = {(node.step, node.name): node.track for node in nodes}
    kin: dict[int, set[int]] = {track: set() for track in chosen}
    for node in nodes:
        for other in {track_of.get(parent, node.track) for parent in node.parents} & chosen - {node.track}:
            if node.track in chosen:
                kin[node.track].add(other)
                kin[other].add(node.track)
    ordered: list[int] = []
    for track in sorted(chosen):
        _walk(track, kin, ordered)
    return ordered


def _walk(track: int, kin: Mapping[int, set[int]], ordered: list[int]) -> None:
    stack = [track]
    while stack:
        now = stack.pop()
        if now not in ordered:
            ordered.append(now)
            stack.extend(sorted(kin[now], reverse=True))


def _axis(canvas: _Canvas) -> Iterator[Markup]:
    axes, bottom = canvas.axis.axes, canvas.bottom
    shape = Markup('<rect class="band {}" x="{}" y="{}" width="{}" height="{}"/>')
    for band in axes.bands:
        left, right = canvas.at_position(band.start), canvas.at_position(band.stop)
        yield shape.format(band.look, at(left), TOP, at(right - left), at(bottom - TOP))
        if right - left > WORD_WIDTH:
            yield words(f"state middle {band.look}", (left + right) / 2, TOP - 6, band.name)
    for position, text in _ticks(canvas.axis).items():
        x = canvas.at_position(position)
        yield stroke("axis", x, bottom, x, bottom + 4)
        yield words("tick middle", x, bottom + 18, text)
    yield stroke("axis", LEFT - 8, bottom, WIDTH - RIGHT + 8, bottom)
    yield words("label middle", (LEFT + WIDTH - RIGHT) / 2, bottom + 37, axes.x_label)
    yield words("label", 2, TOP - 6, "Track")
    for track, y in canvas.rows.items():
        yield words("tick end", LEFT - 14, y + 4, str(track))


def _ticks(axis: TimeAxis) -> dict[float, str]:
    places = axis.positions.values()
    if axis.axes.is_time:
        return {minute: format_value(int(minute)) for minute in minute_ticks(min(places), max(places))}
    every = math.ceil(len(axis.positions) / MOST_TICKS)
    return {position: step for step, position in list(axis.positions.items())[::every]}


def _joints(canvas: _Canvas, node: Node, places: Mapping[tuple[str, str], Node], color: str) -> Iterator[Markup]:
    """Yield the lines from what an object comes from to the object."""
    x, y = canvas.x(node.step), canvas.rows[node.track]
    for parent in (places[key] for key in node.parents if key in places):
        start, level = canvas.x(parent.step), canvas.rows[parent.track]
        bend = (start + x) / 2
        path = f"M{at(start)} {at(level)}C{at(bend)} {at(level)} {at(bend)} {at(y)} {at(x)} {at(y)}"
        width = canvas.thickness(
            min(parent.volume_um3, node.volume_um3) if parent.track != node.track else parent.volume_um3
        )
        shape = Markup('<path class="joint" stroke="{}" stroke-width="{}" d="{}"/>')
        yield shape.format(color, fixed(width, 1), path)


def _mark(canvas: _Canvas, node: Node, color: str) -> Markup:
    told = f"Track {node.track} at {node.step}: {format_value(node.volume_um3, unit='µm³')}"
    told += "".join(f", {word}" for word in (node.event, node.fate) if word)
    look, paint = ("open", "stroke") if node.fate == DEATH else ("mark", "fill")
    if look == "mark" and node.event == CONTINUATION:
        look = "hint"  # nothing to see, but a place to point at
    radius = max(DOT, canvas.thickness(node.volume_um3) / 2)
    shape = Markup('<circle class="{}" {}="{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>')
    place = at(canvas.x(node.step)), at(canvas.rows[node.track]), fixed(radius, 1)
    return shape.format(look, paint, color, *place, told)
