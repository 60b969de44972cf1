"""What a job says while it runs, and how it ends when the input is at fault."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tomocell.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def logged(path: Path | str | None = None) -> Iterator[None]:
    """Log to ``path`` (or to the terminal); bad input ends the process with its message and no traceback."""
    _configure(path)
    try:
        yield
    except BadInput as error:
        logging.getLogger("tomocell").error("bad input\n%s", error)  # noqa: TRY400 - its message is all there is to say
        sys.stderr.write(f"tomocell: bad input\n{error}\n")
        raise SystemExit(2) from error
    except Exception:
        logging.getLogger("tomocell").exception("failed")
        raise


def _configure(path: Path | str | None) -> None:
    handler = logging.StreamHandler() if path is None else logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT))
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("tomocell").setLevel(logging.INFO)
