"""Blocks: how a volume that does not fit in memory is walked through, and by how many at once."""

from tomocell.blocks.plan import Block, Limits, Need, choose_core, cut
from tomocell.blocks.runner import map_blocks, reduce_volume, run_blocks, transform_volume
from tomocell.blocks.slabs import transform_slabs

__all__ = [
    "Block",
    "Limits",
    "Need",
    "choose_core",
    "cut",
    "map_blocks",
    "reduce_volume",
    "run_blocks",
    "transform_slabs",
    "transform_volume",
]
