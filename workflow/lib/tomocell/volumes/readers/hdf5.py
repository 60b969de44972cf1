"""HDF5: any dataset with three axes; the Data Exchange layout of the APS is the default."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tomocell.errors import BadInput, Fault
from tomocell.volumes.readers._base import FileVolume
from tomocell.volumes.readers._checks import AXIS_COUNT, listing, numeric, reading, three_axes
from tomocell.volumes.readers._units import believable_um

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tomocell.volumes.volume import Region, Shape, Volume, VoxelSize

FORMAT = "HDF5 (.h5, .hdf5, .hdf, .nxs)"
SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs")
DATA_EXCHANGE = "/exchange/data"  # De Carlo et al. 2014, doi:10.1107/S160057751401604X
ELEMENT_SIZE = "element_size_um"  # attribute that ilastik and the HDF5 plug-in of Fiji write, (z, y, x)

# The HDF5 library keeps global state and is built without thread safety: one call at a time in a process.
LOCK = threading.Lock()


def accepts(path: Path) -> bool:
    """Whether ``path`` is a file named like HDF5."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def open_source(path: Path, dataset: str | None = None) -> Volume:
    """Open a dataset, ``/exchange/data`` unless told otherwise; compressed ones through hdf5plugin's filters.

    The voxel size is known where the dataset has an attribute ``element_size_um``.

    Raises:
        BadInput: If the file is truncated, or the dataset is missing, empty, a projection series or no volume.
    """
    name = dataset or DATA_EXCHANGE
    with LOCK, reading(path, "an HDF5 file"), open_file(path) as file:
        found = _find(path, file, name)
        where = f"{path}, {name}"
        dtype = numeric(found.dtype, where)
        shape = three_axes(found.shape, where)
        _check_written(path, found, where)
        _check_no_projections(found, where)
        volume = Hdf5Volume(path, name, shape, dtype, _voxel_size(found))
        volume.grain = tuple(found.chunks[-AXIS_COUNT:]) if found.chunks else (1, 1, shape[2])
        return volume


class Hdf5Volume(FileVolume):
    """A dataset of an HDF5 file, opened anew for each read."""

    def __init__(
        self,
        path: Path,
        dataset: str,
        shape: Shape,
        dtype: np.dtype[Any],
        voxel_size_um: VoxelSize | None,
    ) -> None:
        """Take what opening the file found."""
        super().__init__(path, shape, dtype, voxel_size_um, f"{path}, {dataset}")
        self._dataset = dataset

    def _load(self, region: Region) -> NDArray[Any]:
        with LOCK, open_file(self.path) as file:
            found = file[self._dataset]
            leading = (0,) * (found.ndim - AXIS_COUNT)
            block: NDArray[Any] = found[(*leading, *region)]
            return block


def open_file(path: Path) -> Any:  # noqa: ANN401 h5py has no types
    """Open ``path`` for reading, without a lock file: parallel file systems often refuse locks."""
    import h5py
    import hdf5plugin  # noqa: F401 registers its filters

    return h5py.File(path, "r", locking=False)


def _find(path: Path, file: Any, name: str) -> Any:  # noqa: ANN401
    import h5py

    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        volumes = listing(_volumes(file))
        value = f"no dataset {name}" if found is None else f"{name}, a group"
        raise BadInput(Fault(str(path), value, f"a dataset with three axes; there are: {volumes}", "name the dataset"))
    return found


def _volumes(file: Any) -> list[str]:  # noqa: ANN401
    import h5py

    names: list[str] = []

    def visit(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and node.shape and sum(length > 1 for length in node.shape) == AXIS_COUNT:
            names.append(f"/{name} {node.shape} {node.dtype}")

    file.visititems(visit)
    return names


def _check_written(path: Path, found: Any, where: str) -> None:  # noqa: ANN401
    """Refuse what HDF5 would silently fill with zeros: data never written, or in other files that are not there."""
    if found.is_virtual:
        sources = {source.file_name for source in found.virtual_sources()} - {"."}  # a dot: this very file
        missing = sorted(name for name in sources if "%" not in name and not (path.parent / name).is_file())
        if missing:
            expected = "every file that the virtual dataset is made of"
            raise BadInput(Fault(where, f"no {listing(missing)}", expected, "copy these files to the same folder"))
    elif found.id.get_storage_size() == 0:
        raise BadInput(Fault(where, "a dataset without data", "voxels", "the file was never filled: write it again"))


def _check_no_projections(found: Any, where: str) -> None:  # noqa: ANN401
    axes = found.attrs.get("axes", "")
    text = axes.decode() if isinstance(axes, bytes) else str(axes)
    if text.lower().startswith("theta"):
        remedy = "reconstruct it first, and give the reconstruction"
        raise BadInput(Fault(where, f"axes {text}", "a reconstructed volume, not projections", remedy))


def _voxel_size(found: Any) -> VoxelSize | None:  # noqa: ANN401
    edges = found.attrs.get(ELEMENT_SIZE)
    return None if edges is None else believable_um(list(edges), [1.0] * AXIS_COUNT)
