from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from reporting import fake
from reporting.test_page import hostile_project, write_hostile_results
from tomocell.reporting.page import build_report

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OFFLINE = ("--proxy-server=127.0.0.1:9", "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking")
QUIET = ("--no-first-run", "--disable-component-update", "--disable-sync", "--disable-gpu", "--no-sandbox")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: install Debian's package 'chromium'"),
]


def open_page(page: str, folder: Path) -> tuple[str, str]:
    """Open a page without a network; return the document after its script ran, and what the console said."""
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    command = [
        str(BROWSER), "--headless", *QUIET, *OFFLINE, f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom", path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return done.stdout, console


def test_the_page_opens_offline_without_a_word_of_complaint(page: str, tmp_path: Path) -> None:
    document, console = open_page(page, tmp_path)
    assert console == ""
    for heading in ("Slices over time", "Registration", "Model", "Class volumes", "Maps", "Against the truth"):
        assert f">{heading}</h2>" in document
    # The slider tells its step only after the page's script ran, so the policy lets that one run.
    assert 'aria-valuetext="t01 · 10' in document


def test_hostile_words_do_not_run(tmp_path: Path) -> None:
    project = hostile_project(tmp_path)
    write_hostile_results(project, tmp_path / "results")
    document, console = open_page(build_report(project, fake.SERIES, tmp_path / "results"), tmp_path)
    assert "<title>owned</title>" not in document
    assert console == ""


def test_a_script_smuggled_in_is_stopped_by_the_policy(page: str, tmp_path: Path) -> None:
    smuggled = page.replace("</main>", "<script>document.title='owned'</script></main>")
    document, console = open_page(smuggled, tmp_path)
    assert "<title>owned</title>" not in document
    assert "Content Security Policy" in console
