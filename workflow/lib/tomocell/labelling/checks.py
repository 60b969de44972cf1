"""What labels must be before anything learns from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from tomocell.volumes.volume import Classes, Volume, VoxelSize

SAME_SIZE = 0.01  # TIFF and NRRD round a voxel size to a few digits


def require_every_class(counts: dict[str, int], where: str) -> None:
    """Check that no class is without a labelled voxel.

    Raises:
        BadInput: With each class that has none.
    """
    expected, remedy = "labelled voxels to learn from", "label some, or take the class out"
    faults = [Fault(f"{where}, class {name}", 0, expected, remedy) for name, count in counts.items() if not count]
    if faults:
        raise BadInput(*faults)


def require_known(where: str, found: set[float], allowed: set[int], classes: Classes) -> None:
    """Check that labels hold values of classes, or the value that means 'not labelled'.

    Raises:
        BadInput: With the least value that is neither.
    """
    if not found <= allowed:
        known = ", ".join(f"{member.value} ({member.name})" for member in classes)
        expected = f"values of declared classes: {known}, or the ignore value"
        remedy = "declare the class in the study, or correct the labels"
        raise BadInput(Fault(where, f"label {min(found - allowed)}", expected, remedy))


def size_faults(labels: Volume, size_um: VoxelSize, where: str) -> list[Fault]:
    """Return the fault of labels that tell another voxel size than their volume has; labels may tell none."""
    if labels.voxel_size_um is None:
        return []
    pairs = zip(labels.voxel_size_um, size_um, strict=True)
    if all(abs(found - told) <= SAME_SIZE * told for found, told in pairs):
        return []
    expected = f"{size_um} um, the voxel size of the volume"
    remedy = "label the volume that is segmented, not a scaled copy, or correct what the labels' file tells"
    return [Fault(where, labels.voxel_size_um, expected, remedy)]
