"""The page's template, style and script: files of this package."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

FOLDER = files("tomocell.reporting") / "templates"


def asset(name: str) -> str:
    """Return the text of a file of the template folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


def digest() -> str:
    """Return a digest of all of them, so that a changed template makes the page again."""
    texts = sorted((entry.name, entry.read_text(encoding="utf-8")) for entry in FOLDER.iterdir() if entry.is_file())
    return hashlib.sha256(repr(texts).encode()).hexdigest()[:16]


def content_hash(text: str) -> str:
    """Return what a content security policy calls a script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
