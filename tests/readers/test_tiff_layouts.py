"""Strips, tiles, codecs and byte orders of TIFF: any layout, any region, the same voxels."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from tomocell.volumes.readers import open_source

LENGTH = st.integers(1, 40)
CODECS = st.sampled_from([None, "zlib", "lzw", "zstd", "packbits"])
TYPES = st.sampled_from(["uint8", "int8", "uint16", "int32", "float32", "float64"])


@st.composite
def layouts(draw: st.DrawFn) -> dict[str, Any]:
    codec = draw(CODECS)
    return {
        "compression": codec,
        "predictor": codec in {"zlib", "lzw", "zstd"} and draw(st.booleans()),
        "byteorder": draw(st.sampled_from("<>")),
        "bigtiff": draw(st.booleans()),
        "photometric": "minisblack",
        **draw(st.sampled_from([{}, {"tile": (16, 32)}, {"rowsperstrip": 1}, {"rowsperstrip": 7}])),
        **draw(st.sampled_from([{}, {"metadata": None}])),
    }


@settings(max_examples=60, deadline=None, derandomize=True)
@given(shape=st.tuples(st.integers(1, 4), LENGTH, st.integers(2, 40)), dtype=TYPES, options=layouts(), data=st.data())
def test_any_layout_gives_the_same_voxels(
    shape: tuple[int, int, int], dtype: str, options: dict[str, Any], data: st.DataObject
) -> None:
    voxels = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    cuts = [sorted((data.draw(st.integers(0, n)), data.draw(st.integers(0, n)))) for n in shape]
    region = (slice(*cuts[0]), slice(*cuts[1]), slice(*cuts[2]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v.tif"
        tifffile.imwrite(path, voxels, **options)
        volume = open_source(path)
        assert volume.shape == shape
        np.testing.assert_array_equal(volume.read(region), voxels[region])
