"""The thread that serves administrators who watch."""

import logging

import pytest
from flask import Flask

from src.presentation.admin.live import LiveServer
from src.presentation.admin.live_feed import LiveSources
from tests.waiting import wait_for


def test_an_error_of_whatever_kind_does_not_end_the_thread(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks: list[float] = []

    def fail(now_s: float) -> None:
        looks.append(now_s)
        raise ArithmeticError("on purpose")

    live = LiveServer(Flask("watched"), LiveSources(*[None] * len(LiveSources._fields)))
    monkeypatch.setattr(live, "_end_visits", fail)
    monkeypatch.setattr(live._visits, "all", lambda: [None])  # somebody watches
    with caplog.at_level(logging.WARNING):
        live._start()
        wait_for(lambda: len(looks) > 1)
    monkeypatch.undo()
    live.stop()
    assert caplog.text.count("by an error in the program") == 1
