"""zarr (v2, v3) arrays and OME-Zarr (0.4, 0.5) images and labels."""

from __future__ import annotations

import itertools
import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tomocell.errors import BadInput, Fault
from tomocell.volumes.readers._base import FileVolume, Lazy
from tomocell.volumes.readers._checks import AXIS_COUNT, listing, numeric, reading, three_axes
from tomocell.volumes.readers._units import believable_um, um_per_unit
from tomocell.volumes.volume import AXES, DEFAULT_COLOR, MOST_VALUE, Classes, VoxelClass

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region, Shape, Volume, VoxelSize

FORMAT = "zarr or OME-Zarr folder (.zarr)"
MARKERS = ("zarr.json", ".zarray", ".zgroup")
NAME_KEYS = ("name", "class", "class_name", "label-name")  # of a label's properties: the specification leaves it open


class Found(NamedTuple):
    """An array, where it is inside the store, and the attributes of the image it is a level of."""

    array: Any
    inside: str
    attributes: dict[str, Any]


def accepts(path: Path) -> bool:
    """Whether ``path`` is a folder with zarr metadata, or named ``.zarr``."""
    return path.is_dir() and (path.suffix.lower() == ".zarr" or any((path / name).is_file() for name in MARKERS))


def open_source(path: Path, dataset: str | None = None) -> Volume:
    """Open an array, or the finest level of an image; ``dataset`` names an array or image inside.

    Voxel size and classes are taken from OME-Zarr metadata. A chunk that is not there counts as fill value: so zarr
    defines it, and only a manifest beside the store can tell; where there is one, it is checked.

    Raises:
        BadInput: If there is no such array, or it has other than three axes.
    """
    from tomocell.volumes.manifest import manifest_path

    if dataset is None and manifest_path(path).is_file():
        from tomocell.volumes.store import open_store

        return open_store(path)
    with reading(path, "a zarr store"):
        found = _find(path, dataset)
        return ZarrVolume(path, found)


class ZarrVolume(FileVolume):
    """An array of a zarr store."""

    def __init__(self, path: Path, found: Found) -> None:
        """Take what opening the store found."""
        array, name = found.array, f"{path}/{found.inside}".rstrip("/")
        multiscale = _multiscale(found.attributes)
        axes = _axis_names(array, multiscale)
        self._places = _spatial_places(array.shape, axes, name)
        shape = three_axes([array.shape[place] for place in self._places], name)
        level = found.inside.rpartition("/")[2] or path.name
        size_um = _voxel_size(multiscale, level, self._places)
        super().__init__(path, shape, numeric(array.dtype, name), size_um, name)
        z, y, x = (array.chunks[place] for place in self._places)
        self.grain = (z, y, x)
        self.classes = _classes(found.attributes)
        self._array = Lazy(partial(_open_array, path, found.inside))
        self._folder = path / found.inside

    def _load(self, region: Region) -> NDArray[Any]:
        array = self._array.get()
        index: list[int | slice] = [0] * array.ndim
        for place, part in zip(self._places, region, strict=True):
            index[place] = part
        check_blosc(array, self._folder, index)
        block = np.asarray(array[tuple(index)])
        return block.transpose(np.argsort(np.argsort(self._places)))


def _open_array(path: Path, inside: str) -> Any:  # noqa: ANN401
    import zarr

    return zarr.open_array(path, path=inside, mode="r")


def check_blosc(array: Any, folder: Path, index: list[int | slice]) -> None:  # noqa: ANN401
    """Check that the Blosc chunks of a region are as long as they say.

    The decoder trusts the length in the chunk: of a chunk cut short that did not compress (noise does not) it makes
    voxels of whatever lies in memory behind it. In shards the index, which has a checksum, says how long chunks are.

    Raises:
        EOFError: If one is shorter or longer.
    """
    if array.shards or not array.compressors or "blosc" not in type(array.compressors[-1]).__name__.lower():
        return
    spans = [
        range(part.start // chunk, -(-part.stop // chunk)) if isinstance(part, slice) else (0,)
        for part, chunk in zip(index, array.chunks, strict=True)
    ]
    for place in itertools.product(*spans):
        file = folder / array.metadata.encode_chunk_key(place)
        if file.is_file():
            found, promised = file.stat().st_size, _blosc_length(file)
            if found != promised:
                message = f"chunk {file.relative_to(folder)} has {found} bytes where {promised} were written"
                raise EOFError(message)


def _blosc_length(file: Path) -> int:
    with file.open("rb") as handle:
        header = handle.read(16)
    return int.from_bytes(header[12:16], "little")  # "cbytes", Blosc chunk format


def _find(path: Path, dataset: str | None) -> Found:
    import zarr

    root = zarr.open(path, mode="r")
    inside = (dataset or "").strip("/")
    if isinstance(root, zarr.Array):
        if inside:
            raise BadInput(Fault(str(path), f"dataset {dataset}", "no dataset: it is one array", "leave it empty"))
        return Found(root, "", _outer_attributes(path))
    node = root.get(inside) if inside else root
    if isinstance(node, zarr.Array):
        outer = root.get(inside.rpartition("/")[0]) if "/" in inside else root
        return Found(node, inside, dict(outer.attrs))
    if isinstance(node, zarr.Group):
        level = _first_level(dict(node.attrs))
        if level is not None:
            return _find(path, f"{inside}/{level}")
    arrays = [f"{name} {item.shape}" for name, item in root.members(max_depth=None) if isinstance(item, zarr.Array)]
    expected = f"an array or an OME-Zarr image; there are: {listing(sorted(arrays))}"
    raise BadInput(Fault(str(path), f"dataset {dataset}" if dataset else "a group", expected, "name the dataset"))


def _outer_attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of the group around an array given by its own path."""
    import zarr

    if any((path.parent / name).is_file() for name in MARKERS):
        return dict(zarr.open_group(path.parent, mode="r").attrs)
    return {}


def _ome(attributes: dict[str, Any]) -> dict[str, Any]:
    ome: dict[str, Any] = attributes.get("ome", attributes)  # 0.5 has a key of its own, 0.4 has not
    return ome


def _multiscale(attributes: dict[str, Any]) -> dict[str, Any]:
    multiscales = _ome(attributes).get("multiscales") or [{}]
    return dict(multiscales[0])


def _first_level(attributes: dict[str, Any]) -> str | None:
    if "bioformats2raw.layout" in _ome(attributes):
        return "0"
    levels = _multiscale(attributes).get("datasets")
    return str(levels[0]["path"]) if levels else None


def _axis_names(array: Any, multiscale: dict[str, Any]) -> list[str]:  # noqa: ANN401
    axes = multiscale.get("axes") or getattr(array.metadata, "dimension_names", None) or []
    return [axis.get("name", "") if isinstance(axis, dict) else str(axis) for axis in axes]


def _spatial_places(shape: Shape, names: list[str], where: str) -> list[int]:
    """Return which axes of the array are z, y and x; the others must have length one."""
    named = len(names) == len(shape) and set(AXES) <= set(names)
    places = [names.index(axis) for axis in AXES] if named else list(range(len(shape)))[-AXIS_COUNT:]
    others = [length for place, length in enumerate(shape) if place not in places]
    if len(places) != AXIS_COUNT or any(length != 1 for length in others):
        remedy = "export one channel of one time point"
        raise BadInput(Fault(where, f"shape {tuple(shape)}, axes {names}", "one volume with axes (z, y, x)", remedy))
    return places


def _voxel_size(multiscale: dict[str, Any], level: str, places: list[int]) -> VoxelSize | None:
    """Return the scale of a level, times that of the whole pyramid, where all axes have a unit of length."""
    axes = multiscale.get("axes") or []
    datasets = multiscale.get("datasets") or []
    entry = next((entry for entry in datasets if entry.get("path") == level), None)
    if entry is None or not all(isinstance(axis, dict) for axis in axes):
        return None
    own, common = _scale(entry, len(axes)), _scale(multiscale, len(axes))
    edges = [float(own[place]) * float(common[place]) for place in places]
    return believable_um(edges, [um_per_unit(axes[place].get("unit")) for place in places])


def _scale(entry: dict[str, Any], count: int) -> list[float]:
    transforms = entry.get("coordinateTransformations") or []
    return next((item["scale"] for item in transforms if item.get("type") == "scale"), [1.0] * count)


def _classes(attributes: dict[str, Any]) -> Classes:
    """Return the named labels of an ``image-label``; a label with a colour only is called after its value.

    Characters that names of ours must not have become ``_``; a name that is taken by then gets its value behind it.
    Values above 255 number objects, not classes: a volume that holds them is no label volume of ours.
    """
    label = _ome(attributes).get("image-label") or {}
    colors = {entry["label-value"]: entry.get("rgba") for entry in label.get("colors") or []}
    names = {entry["label-value"]: _label_name(entry) for entry in label.get("properties") or []}
    found: dict[str, VoxelClass] = {}
    for value in sorted(value for value in {*colors, *names} if 0 <= value <= MOST_VALUE):
        name = names.get(value) or f"label_{value}"
        while name in found:
            name = f"{name}_{value}"
        found[name] = VoxelClass(name, value, _hex(colors.get(value)))
    return Classes(tuple(found.values()))


def _label_name(entry: dict[str, Any]) -> str | None:
    name = next((str(entry[key]) for key in NAME_KEYS if entry.get(key)), None)
    return None if name is None else re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _hex(rgba: list[int] | None) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in rgba[:3]) if rgba else DEFAULT_COLOR
