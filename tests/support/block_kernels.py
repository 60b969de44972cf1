"""Kernels that another process can import: what a test module defines has no name there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tomocell.blocks import Block


def index_of(block: Block) -> int:
    return block.index


def fail_at_two(block: Block) -> int:
    if block.index == 2:
        msg = "block two"
        raise ArithmeticError(msg)
    return block.index
