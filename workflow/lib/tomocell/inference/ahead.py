"""A generator that runs in a thread of its own, a little ahead of whoever takes its items."""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")
PATIENCE_S = 0.2


@contextmanager
def ahead(items: Iterable[T], depth: int = 2) -> Iterator[Iterator[T]]:
    """Yield an iterator over ``items``, made by a thread that keeps up to ``depth`` of them ready, in order.

    What goes wrong in the thread is raised where the item would have been taken.
    """
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: T | None, error: BaseException | None) -> bool:
        while not stop.is_set():
            try:
                ready.put((item, error), timeout=PATIENCE_S)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            if all(put(item, None) for item in items):
                put(None, StopIteration())
        except BaseException as error:  # noqa: BLE001 (raised again where it matters)
            put(None, error)

    thread = threading.Thread(target=run, name="tiles ahead", daemon=True)
    thread.start()
    try:
        yield _taken(ready)
    finally:
        stop.set()
        thread.join()


def _taken(ready: queue.Queue[tuple[T | None, BaseException | None]]) -> Iterator[T]:
    while True:
        item, error = ready.get()
        if isinstance(error, StopIteration):
            return
        if error is not None:
            raise error
        yield item  # type: ignore[misc]
