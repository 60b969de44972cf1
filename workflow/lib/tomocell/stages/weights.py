"""Weights: fetch the file that starts an encoder, check it, and only then put it in its place."""

from __future__ import annotations

import logging
import shutil
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from tomocell.errors import BadInput, Fault
from tomocell.volumes.publish import atomic_file

if TYPE_CHECKING:
    from tomocell.models._pretrained_settings import Pretrained

log = logging.getLogger(__name__)
SILENCE_S = 60
BLOCK = 1 << 20


def fetch_weights(pretrained: Pretrained) -> None:
    """Fetch ``pretrained.url`` into ``pretrained.path``; proxies are those of the environment.

    Raises:
        BadInput: If there is no address, the server cannot be reached or refuses, what came is not what the
            checksum says, or it came incompletely.
    """
    from tomocell.models._parts.pretrained import require_digest

    path = Path(pretrained.path)
    if pretrained.url is None:
        raise BadInput(Fault(str(path), "no 'url'", "an address to fetch it from", "give 'url', or put the file there"))
    with atomic_file(path) as partial:
        _download(pretrained.url, partial, path)
        require_digest(partial, pretrained.sha256)
    log.info("%s -> %s", pretrained.url, path)


def _download(url: str, partial: Path, path: Path) -> None:
    try:
        # The settings allow http and https alone.
        with urllib.request.urlopen(url, timeout=SILENCE_S) as source, partial.open("wb") as sink:  # noqa: S310
            shutil.copyfileobj(source, sink, BLOCK)
    except (OSError, HTTPException) as error:
        remedy = f"correct the address, or fetch the file where there is a network and put it at {path}"
        raise BadInput(Fault(url, str(error), "a file to fetch", remedy)) from error
