"""What a job says while it runs, and how it ends when the input is at fault."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def logged(path: Path | str | None = None) -> Iterator[None]:
    """Log to ``path`` (or to the terminal); bad input ends the process with its message and no traceback.

    Of several ranks only the first has the file: the others would empty it.
    """
    path = path if os.environ.get("RANK", "0") == "0" else None
    with _root_writes_to(_handler(path)):
        try:
            yield
        except BadInput as error:
            logging.getLogger("tomocell").error("bad input\n%s", error)  # noqa: TRY400 - its message is all there is
            if path is not None:
                sys.stderr.write(f"tomocell: bad input\n{error}\n")
            raise SystemExit(2) from error
        except Exception:
            logging.getLogger("tomocell").exception("failed")
            raise


def _handler(path: Path | str | None) -> logging.Handler:
    handler: logging.Handler = logging.StreamHandler()
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT))
    return handler


@contextmanager
def _root_writes_to(handler: logging.Handler) -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("tomocell")
    former, levels = root.handlers[:], (root.level, own.level)
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    own.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:] = former
        root.setLevel(levels[0])
        own.setLevel(levels[1])
        handler.close()
