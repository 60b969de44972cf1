"""Threads that share a patch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")
PLANES = 8  # a thread's share of a patch; fixed and even, so that sums do not depend on the number of threads


class Team:
    """A number of threads, none of its own for one."""

    def __init__(self, threads: int) -> None:
        self.pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.pool is not None:
            self.pool.shutdown()

    def run(self, work: Callable[[int, int], T], depth: int) -> list[T]:
        """Return ``work(first, last)`` of all plane ranges of a patch, in order."""
        firsts = range(0, depth, PLANES)
        lasts = [min(first + PLANES, depth) for first in firsts]
        return list(map(work, firsts, lasts) if self.pool is None else self.pool.map(work, firsts, lasts))
