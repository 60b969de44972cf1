"""The classes in three dimensions, at chosen timesteps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.reporting import pictures, rendering
from tomocell.reporting.budgets import RENDERING_BYTES
from tomocell.reporting.content import Key, Pane, Section, View, Viewer
from tomocell.reporting.cycle_steps import cycle_steps
from tomocell.reporting.steps import step_names

if TYPE_CHECKING:
    from PIL import Image

    from tomocell.reporting.content import Frame
    from tomocell.reporting.sources import Source
    from tomocell.volumes.store import StoreVolume
    from tomocell.volumes.volume import Classes

PLACE = 25
SEE_THROUGH = "electrode"  # classes whose name ends so are drawn as glass, where the study names none
LEAD = "Parallel rays, z = 0 on top: the scale bar holds anywhere along the rows of the picture."


def build(source: Source) -> list[Section]:
    """Return the chapter of renderings: of the timesteps that the study names, else of the turns of the cycle."""
    stores = source.stores("phases", "labels")
    called = _chosen(source)
    shown = [step for step in source.timesteps if step in called]
    if not any(step in stores for step in shown):
        return []
    classes = _drawn(next(iter(stores.values())))
    if not len(classes):
        return []
    glass = see_through(classes, source.project.study.report.see_through)
    frames = _frames({step: stores[step] for step in shown if step in stores}, classes, glass)
    names = dict(zip(source.timesteps, step_names(source), strict=True))
    steps = tuple(_headed(called[step], names[step]) for step in shown)
    lead = f"The same view of the whole volume at each timestep. {LEAD}" if len(steps) > 1 else LEAD
    view = View("", (Pane("", tuple(frames.get(step) for step in shown)),), _note(glass))
    legend = tuple(Key(member.name.replace("_", " "), member.color) for member in classes)
    return [Section("renderings", "In three dimensions", (Viewer("renderings", steps, (view,), legend),), lead)]


def _headed(called: str, name: str) -> str:
    """Return the name of a timestep with what it stands for, where its state does not say that already."""
    return name if not called or name.lower().endswith(f"· {called.lower()}") else f"{called} · {name}"


def see_through(classes: Classes, chosen: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the classes that are drawn as glass: those chosen, else the electrodes."""
    if chosen is not None:
        return chosen
    return tuple(name for name in classes.names if name.endswith(SEE_THROUGH))


def _chosen(source: Source) -> dict[str, str]:
    """Return the timesteps to render, with what is said of them beside their name."""
    chosen = source.project.study.report.renderings
    called = cycle_steps(source.samples)
    return called if chosen is None else {step: called.get(step, "") for step in chosen}


def _drawn(volume: StoreVolume) -> Classes:
    """Return the classes that are drawn: all but the first, which is what the others lie in."""
    return volume.classes.subset(volume.classes.names[1:])


def _frames(stores: dict[str, StoreVolume], classes: Classes, glass: tuple[str, ...]) -> dict[str, Frame]:
    rendered = {step: rendering.render(volume, classes, glass) for step, volume in stores.items()}

    def encode(picture: Image.Image, share: float) -> bytes:
        return rendering.encode_webp(pictures.shrink(picture, share))

    coded = pictures.fit([picture for picture, _ in rendered.values()], encode, RENDERING_BYTES)
    return {
        step: pictures.frame(code, view.width_um)
        for (step, (_, view)), code in zip(rendered.items(), coded, strict=True)
    }


def _note(glass: tuple[str, ...]) -> str:
    return f"Drawn as glass: {', '.join(name.replace('_', ' ') for name in glass)}." if glass else ""
