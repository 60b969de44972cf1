"""A long walk tells how far it is, a short one nothing, and neither changes what is walked over."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from tomocell.blocks import cut, map_blocks, progress

BLOCKS = cut((40, 3, 3), (1, 3, 3))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def walk() -> list[int]:
    return list(map_blocks(lambda block: block.index, BLOCKS, 2))


@pytest.fixture(autouse=True)
def _listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tomocell")


def test_a_short_walk_says_nothing(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    for screen in (io.StringIO(), Terminal()):
        monkeypatch.setattr(sys, "stderr", screen)
        assert walk() == list(range(40))
        assert screen.getvalue() == ""
    assert caplog.messages == []


def test_a_long_walk_logs_every_tenth(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(progress, "PATIENCE_S", -1.0)
    assert walk() == list(range(40))
    assert caplog.messages == [f"{done} of 40 blocks" for done in range(4, 40, 4)]


def test_who_watches_sees_a_bar(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE_S", -1.0)
    assert walk() == list(range(40))
    assert "/40" in screen.getvalue()
    assert caplog.messages == []


def test_a_walk_within_a_walk_may_show_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "PATIENCE_S", -1.0)
    assert [walk() for _ in map_blocks(lambda block: block.index, BLOCKS[:3], 1)] == [list(range(40))] * 3
