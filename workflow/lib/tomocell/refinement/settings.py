"""Settings of the refinement."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tomocell.settings.base import Frozen

Margin = Annotated[int, Field(ge=0)]


class Location(Frozen):
    """Where the objects of a class can be."""

    side: Literal["before", "after"] = Field(
        description="Of the split plane: 'before' are smaller indices than its own, 'after' is the plane and beyond."
    )
    otherwise: str = Field(description="Class of 26-connected objects most of whose voxels lie on the other side.")


class SmallObjects(Frozen):
    """Objects of a class that are too small to be believed."""

    least_voxels: int = Field(ge=1, description="26-connected objects with fewer voxels are given up.")
    becomes: str = Field(description="Class that their voxels take.")


class DepthSplit(Frozen):
    """One class on two sides of a plane becomes two classes."""

    before: str = Field(description="Class of the voxels with a smaller index than the plane.")
    after: str = Field(description="Class of the voxels at the plane and beyond it.")


class ElectrolyteSplit(Frozen):
    """The split plane found in the data: the median plane of the electrolyte."""

    electrolyte: str = Field(description="Class of the electrolyte; it may be beyond the electrodes too.")
    electrodes: tuple[str, ...] = Field(
        min_length=1, description="Classes of the electrodes; only what lies between them along z is looked at."
    )


class Contact(Frozen):
    """What the objects of a class must touch."""

    of: tuple[str, ...] = Field(min_length=1, description="Classes, as split; a voxel face shared with one suffices.")
    otherwise: str = Field(description="Class of 26-connected objects that touch none of them.")


class RefineSettings(Frozen):
    """From labels to phases: crop, 'where', 'small_objects', 'split' and 'must_touch', always in this order.

    Each sees what the one before left. Within one of them, all classes are looked at before any is changed.
    """

    crop_start_voxels: tuple[Margin, Margin, Margin] = Field(
        (0, 0, 0), description="Voxels (Z, Y, X) given up at the first faces: poor edges of the scan."
    )
    crop_end_voxels: tuple[Margin, Margin, Margin] = Field(
        (0, 0, 0), description="Voxels (Z, Y, X) given up at the last faces."
    )
    where: dict[str, Location] = Field({}, description="By class: the side of the split plane that its objects lie on.")
    small_objects: dict[str, SmallObjects] = Field({}, description="By class: objects given up.")
    split: dict[str, DepthSplit] = Field({}, description="By class: split by depth along z.")
    split_plane: int | None = Field(
        None, ge=1, description="First plane of the far side, in what the crop leaves; null: half its depth."
    )
    split_electrolyte: ElectrolyteSplit | None = Field(
        None, description="Find the split plane in the middle of the electrolyte (instead of 'split_plane')."
    )
    must_touch: dict[str, Contact] = Field({}, description="By class, as split: what its objects must touch.")

    @model_validator(mode="after")
    def _one_plane(self) -> Self:
        if self.split_plane is not None and self.split_electrolyte is not None:
            msg = f"'split_plane' {self.split_plane} and 'split_electrolyte' given; expected one of them"
            raise ValueError(msg)
        return self

    @property
    def crops(self) -> bool:
        """Whether anything is cropped."""
        return any((*self.crop_start_voxels, *self.crop_end_voxels))

    @property
    def needs_plane(self) -> bool:
        """Whether a rule looks at the split plane."""
        return bool(self.split or self.where)

    def classes_named(self) -> set[str]:
        """Return every class that these settings mention."""
        named = set(self.where) | set(self.small_objects) | set(self.split) | set(self.must_touch)
        named |= {rule.otherwise for rule in self.where.values()}
        named |= {rule.becomes for rule in self.small_objects.values()}
        for halves in self.split.values():
            named |= {halves.before, halves.after}
        if self.split_electrolyte is not None:
            named |= {self.split_electrolyte.electrolyte, *self.split_electrolyte.electrodes}
        for contact in self.must_touch.values():
            named |= {*contact.of, contact.otherwise}
        return named

    def names_split(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the classes that the split leaves of ``names``.

        What misplaced and small objects become comes first; then each split class is replaced by its halves.
        """
        becoming = [rule.otherwise for name, rule in self.where.items() if name in names]
        becoming += [rule.becomes for name, rule in self.small_objects.items() if name in names]
        after: list[str] = []
        for name in (*names, *becoming):
            halves = self.split.get(name)
            after.extend([name] if halves is None else [halves.before, halves.after])
        return tuple(dict.fromkeys(after))

    def names_after(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the classes that remain of ``names``, after all rules."""
        split = self.names_split(names)
        becoming = [rule.otherwise for name, rule in self.must_touch.items() if name in split]
        return tuple(dict.fromkeys((*split, *becoming)))
