"""Slices through the volume over time: grey values beside classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tomocell.refinement.absent import absent_everywhere
from tomocell.reporting import pictures
from tomocell.reporting.budgets import CLASS_BYTES, GREY_BYTES
from tomocell.reporting.content import Frame, Key, Pane, Section, View, Viewer
from tomocell.reporting.numbers import format_value
from tomocell.reporting.steps import step_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from tomocell.reporting.pictures import Plane
    from tomocell.reporting.sources import Source
    from tomocell.volumes.store import StoreVolume
    from tomocell.volumes.volume import Classes

    Stores = dict[str, StoreVolume]

PLACE = 20
VIEWS = {"Cross-section z, x": 1, "Cross-section z, y": 2, "In plane y, x": 0}
AXES = "zyx"


@dataclass(frozen=True)
class _Look:
    """One kind of picture: what it is called, how a plane becomes one, what all of them may cost."""

    title: str
    encode: Callable[[Plane, float], bytes]
    budget_bytes: int
    is_pixelated: bool


def build(source: Source) -> list[Section]:
    """Return the chapter of pictures."""
    grey, labels = source.stores("registered", "volume"), source.stores("phases", "labels")
    if not grey and not labels:
        return []
    last = list((labels or grey).values())[-1]
    shares = {axis: pictures.telling_share(last, axis) if labels else 0.5 for axis in VIEWS.values()}
    panes: list[list[Pane]] = [[] for _ in VIEWS]
    if grey:
        _add(panes, _panes(source, grey, shares, frame=last if labels else None))
    if labels:
        _add(panes, _panes(source, labels, shares, last.classes))
    views = tuple(
        View(name, tuple(found), _note(last, axis, shares[axis]))
        for (name, axis), found in zip(VIEWS.items(), panes, strict=True)
    )
    legend = tuple(Key(member.name.replace("_", " "), member.color) for member in (last.classes if labels else ()))
    is_series = len(source.timesteps) > 1
    lead = "The same plane at every timestep; one grey window for all of them." if grey and is_series else ""
    lead = f"{lead} {_absent(labels)}".strip()
    title = "Slices over time" if is_series else "Slices"
    return [Section("slices", title, (Viewer("slices", step_names(source), views, legend),), lead)]


def _absent(labels: Stores) -> str:
    """Return a sentence on the classes that are at no timestep; empty where there are none."""
    absent = absent_everywhere(store.manifest.notes for store in labels.values())
    names = ", ".join(name.replace("_", " ") for name in absent)
    return f"At no timestep: {names}; what is measured of it is zero or missing." if absent else ""


def _add(panes: list[list[Pane]], more: list[Pane]) -> None:
    for pane, found in zip(panes, more, strict=True):
        pane.append(found)


def _panes(
    source: Source,
    stores: Stores,
    shares: dict[int, float],
    classes: Classes | None = None,
    frame: StoreVolume | None = None,
) -> list[Pane]:
    """Return a pane for each view; of ``stores``, the part that lies in the ``frame`` of another."""
    keys = [(axis, step) for axis in VIEWS.values() for step in stores]
    planes = [pictures.read_plane(stores[step], axis, shares[axis], frame) for axis, step in keys]
    look = _grey_look(planes) if classes is None else _class_look(classes)
    coded = pictures.fit(planes, look.encode, look.budget_bytes)
    frames = {
        key: pictures.frame(code, pictures.width_um(plane))
        for key, code, plane in zip(keys, coded, planes, strict=True)
    }
    return [_pane(look, [frames.get((axis, step)) for step in source.timesteps]) for axis in VIEWS.values()]


def _pane(look: _Look, frames: list[Frame | None]) -> Pane:
    return Pane(look.title, tuple(frames), is_pixelated=look.is_pixelated)


def _grey_look(planes: list[Plane]) -> _Look:
    window = pictures.grey_window(planes)

    def encode(plane: Plane, share: float) -> bytes:
        return pictures.encode_jpeg(pictures.shrink(pictures.grey_picture(plane, window), share))

    title = f"Grey values, {format_value(window[0])} to {format_value(window[1])}"
    return _Look(title, encode, GREY_BYTES, is_pixelated=False)


def _class_look(classes: Classes) -> _Look:
    def encode(plane: Plane, share: float) -> bytes:
        return pictures.encode_png(pictures.shrink(pictures.class_picture(plane, classes), share))

    return _Look("Classes", encode, CLASS_BYTES, is_pixelated=True)


def _note(volume: StoreVolume, axis: int, share: float) -> str:
    length = volume.size[axis] * volume.shape[axis]
    where = format_value(round(share * length, 1), unit="µm")
    return f"Plane at {AXES[axis]} = {where} of {format_value(length, unit='µm')}"
