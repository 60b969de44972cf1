"""Fields of view that overlap along an axis, as one volume."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.volumes.seams import Seam, find_seam
from tomocell.volumes.volume import AXES, Region, Shape, Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tomocell.volumes.settings import StitchSettings

SAME_SIZE = 1e-3  # of a voxel's edge


def stitch(fields: Sequence[Volume], settings: StitchSettings, *, search: bool) -> StitchedVolume:
    """Return ``fields`` as one volume; without ``search`` seams lie where the overlap puts them, and nothing is read.

    Raises:
        BadInput: If fields differ or are too short, or (with ``search``) two of them do not correlate.
    """
    faults = [fault for field in fields[1:] for fault in _differences(fields[0], field, settings)]
    faults += _short(fields, settings)
    if faults:
        raise BadInput(*faults)
    pairs = itertools.pairwise(fields)
    seams = [find_seam(first, second, settings) if search else Seam((0, 0, 0), 1.0) for first, second in pairs]
    volume = StitchedVolume(fields, settings, seams)
    if min(volume.shape) < 1:
        offsets = ", ".join(str(seam.offset_voxels) for seam in seams)
        expected = f"fields of {fields[0].shape} voxels that have a part in common"
        remedy = "correct convert.stitch, or convert the fields one by one"
        raise BadInput(Fault(fields[0].name, f"offsets {offsets}", expected, remedy))
    return volume


class StitchedVolume(Volume):
    """Fields in the frame of the first one, cropped across the axis to what all of them cover.

    In the overlap of n voxels, voxel k (from 0) is ``a + (b - a) * (k + 1/2) / n`` of the earlier field's a and the
    later one's b; of whole numbers, rounded half up. Grey values of the fields are not matched to each other.

    Attributes:
        seams: How each field but the first lies to the one before.
        origin_voxels: Voxel (z, y, x) of the first field that is voxel (0, 0, 0) here.
    """

    def __init__(self, fields: Sequence[Volume], settings: StitchSettings, seams: Sequence[Seam]) -> None:
        self._fields = fields
        self._along = AXES.index(settings.axis)
        corners = _corners(fields, settings, seams)
        ends = corners + [field.shape for field in fields]
        low, high = corners.max(axis=0), ends.min(axis=0)
        low[self._along], high[self._along] = 0, ends[-1, self._along]
        self._corners, self._ends = corners - low, ends - low
        self.seams = tuple(seams)
        self.origin_voxels: Shape = (int(low[0]), int(low[1]), int(low[2]))
        self.shape = (int(high[0] - low[0]), int(high[1] - low[1]), int(high[2] - low[2]))
        self.name = fields[0].name
        self.dtype = fields[0].dtype
        self.voxel_size_um = fields[0].voxel_size_um
        self.grain = fields[0].grain

    def read(self, region: Region) -> NDArray[Any]:
        """Return the voxels of ``region``; each field is read once."""
        start = np.array([part.start for part in region])
        out = np.empty([part.stop - part.start for part in region], self.dtype)
        for index, field in enumerate(self._fields):
            corner = self._corners[index]
            low = np.maximum(start, corner)
            high = np.minimum([part.stop for part in region], self._ends[index])
            if (low < high).all():
                voxels = field.read(_region(low - corner, high - corner))
                self._paste(out[_region(low - start, high - start)], voxels, index, int(low[self._along]))
        return out

    def _paste(self, out: NDArray[Any], voxels: NDArray[Any], index: int, first: int) -> None:
        """Put ``voxels`` of a field, from ``first`` on along the axis, over what the field before has put there."""
        begin = self._corners[index, self._along]
        end = self._ends[index - 1, self._along] if index else begin
        shared = max(0, min(int(end) - first, voxels.shape[self._along]))
        weights = (np.arange(first - begin, first - begin + shared) + 0.5) / max(int(end - begin), 1)
        seam, alone = [slice(None)] * 3, [slice(None)] * 3
        seam[self._along], alone[self._along] = slice(0, shared), slice(shared, None)
        across = [axis for axis in range(3) if axis != self._along]
        _blend(out[tuple(seam)], voxels[tuple(seam)], np.expand_dims(weights, across))
        out[tuple(alone)] = voxels[tuple(alone)]


def _blend(out: NDArray[Any], later: NDArray[Any], weights: NDArray[np.float64]) -> None:
    """Blend ``later`` into ``out``, a plane at a time so that it takes no memory to speak of."""
    for plane, other, weight in zip(out, later, np.broadcast_to(weights, (len(out), *weights.shape[1:])), strict=True):
        earlier = plane.astype(np.float64)
        mixed = earlier + (other - earlier) * weight
        plane[...] = mixed if out.dtype.kind == "f" else np.floor(mixed + 0.5)


def _corners(fields: Sequence[Volume], settings: StitchSettings, seams: Sequence[Seam]) -> NDArray[np.int64]:
    """Return where each field begins in the frame of the first."""
    along = AXES.index(settings.axis)
    corners = [np.zeros(3, np.int64)]
    for field, seam in zip(fields, seams, strict=False):
        step = np.array(seam.offset_voxels)
        step[along] += field.shape[along] - settings.overlap_voxels
        corners.append(corners[-1] + step)
    return np.array(corners)


def _region(low: NDArray[np.int64], high: NDArray[np.int64]) -> Region:
    z, y, x = (slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
    return (z, y, x)


def _differences(first: Volume, field: Volume, settings: StitchSettings) -> list[Fault]:
    """Return what keeps a field from being stitched to the first one."""
    expected = f"as {first.name}: "
    remedy = "give fields of one scan, reconstructed alike"
    across = [place for place, name in enumerate(AXES) if name != settings.axis]
    faults = []
    if any(field.shape[place] != first.shape[place] for place in across):
        faults.append(Fault(field.name, field.shape, f"{expected}{first.shape}, but for {settings.axis}", remedy))
    if field.dtype != first.dtype:
        faults.append(Fault(field.name, str(field.dtype), f"{expected}{first.dtype}", remedy))
    if not _same_size(first, field):
        faults.append(Fault(field.name, field.voxel_size_um, f"{expected}{first.voxel_size_um} um", remedy))
    return faults


def _same_size(first: Volume, field: Volume) -> bool:
    if first.voxel_size_um is None or field.voxel_size_um is None:
        return True
    pairs = zip(first.voxel_size_um, field.voxel_size_um, strict=True)
    return all(abs(mine - other) <= SAME_SIZE * mine for mine, other in pairs)


def _short(fields: Sequence[Volume], settings: StitchSettings) -> list[Fault]:
    """Return the fields whose seams would meet, so that three fields would overlap."""
    place = AXES.index(settings.axis)
    faults = []
    for index, field in enumerate(fields):
        seams = (index > 0) + (index < len(fields) - 1)
        least = seams * (settings.overlap_voxels + settings.search_voxels)
        if field.shape[place] < least:
            expected = f"at least {least} voxels along {settings.axis}, for {seams} overlaps and their search"
            faults.append(Fault(field.name, field.shape, expected, "correct convert.stitch, or leave the field out"))
    return faults
