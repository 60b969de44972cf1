"""Batches made while the network is busy with the one before."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from torch.utils.data import DataLoader

T = TypeVar("T")
BATCHES = 2  # one ready, one being made


class Ahead(Generic[T]):
    """A loader whose batches are made by a thread, in their order, at most two of them waiting.

    A thread, not processes: decoding and numpy leave the interpreter to others, the stores' caches are held once, and
    nothing is copied between processes.
    """

    def __init__(self, loader: DataLoader[T]) -> None:
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[T]:
        batches = iter(self._loader)
        end = object()
        waiting: deque[Future[T | object]] = deque()
        with ThreadPoolExecutor(1) as maker:
            waiting.extend(maker.submit(next, batches, end) for _ in range(BATCHES))
            while (batch := waiting.popleft().result()) is not end:
                waiting.append(maker.submit(next, batches, end))
                yield batch  # type: ignore[misc]

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: which batches are left of an epoch, the learner keeps and tells the sampler.

        The trainer asks for it, and warns of loaders that have no answer.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``state_dict``."""
