"""Settings of the refinement."""

from __future__ import annotations

from pydantic import Field

from tomocell.settings.base import Frozen


class SmallObjects(Frozen):
    """Objects of a class that are too small to be believed."""

    least_voxels: int = Field(ge=1, description="26-connected objects with fewer voxels are given up.")
    becomes: str = Field(description="Class that their voxels take.")


class DepthSplit(Frozen):
    """One class on two sides of a plane becomes two classes."""

    before: str = Field(description="Class of the voxels with a smaller index than the plane.")
    after: str = Field(description="Class of the voxels at the plane and beyond it.")


class RefineSettings(Frozen):
    """From labels to phases."""

    small_objects: dict[str, SmallObjects] = Field({}, description="By class: objects given up.")
    split: dict[str, DepthSplit] = Field({}, description="By class: split by depth along z.")
    split_plane: int | None = Field(None, ge=1, description="First plane of the far side; null: half the depth.")

    def classes_named(self) -> set[str]:
        """Return every class that these settings mention."""
        named = set(self.small_objects) | set(self.split)
        named |= {rule.becomes for rule in self.small_objects.values()}
        for halves in self.split.values():
            named |= {halves.before, halves.after}
        return named

    def names_after(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the classes that remain of ``names``.

        Small objects come first and add the classes that they become; then each split class is replaced by its halves.
        """
        after: list[str] = []
        becoming = [rule.becomes for name, rule in self.small_objects.items() if name in names]
        for name in (*names, *becoming):
            halves = self.split.get(name)
            after.extend([name] if halves is None else [halves.before, halves.after])
        return tuple(dict.fromkeys(after))
