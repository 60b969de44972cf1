"""How far a walk over blocks is: a bar where a person watches, lines in the log where nobody does."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress

log = logging.getLogger(__name__)
T = TypeVar("T")
PATIENCE_S = 3.0  # shorter walks are over before anybody asks
SHARES = 10  # lines in a log


def show_progress(results: Iterator[T], total: int) -> Iterator[T]:
    """Yield ``results``, of which there are ``total``; after some seconds tell how many have come."""
    start = time.monotonic()
    tell, stop = _bar(total) if sys.stderr.isatty() else _lines(total)
    try:
        for done, result in enumerate(results, 1):
            yield result
            if done < total and time.monotonic() - start > PATIENCE_S:
                tell(done)
    finally:
        stop()


def _lines(total: int) -> tuple[Callable[[int], None], Callable[[], None]]:
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        if done * SHARES // total > told:
            told = done * SHARES // total
            log.info("%d of %d blocks", done, total)

    return tell, lambda: None


def _bar(total: int) -> tuple[Callable[[int], None], Callable[[], None]]:
    bar: Progress | None = None

    def tell(done: int) -> None:
        nonlocal bar
        if bar is None:
            bar = _new_bar()
            bar.start()
            bar.add_task("blocks", total=total)
        bar.update(bar.task_ids[0], completed=done)

    return tell, lambda: bar.stop() if bar is not None else None


def _new_bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # A console of its own: bars of walks within walks do not collide, and each is wiped when its walk ends.
    return Progress(*columns, console=Console(stderr=True), transient=True)
