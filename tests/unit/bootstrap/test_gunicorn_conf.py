"""What gunicorn's hooks do; that gunicorn reads the file is seen where the whole program is started."""

import os
import runpy
import signal
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]  # it carries no types

CONF = Path(__file__).resolve().parents[3] / "deploy" / "gunicorn.conf.py"
KILLED_AFTER_S = 8


@pytest.fixture
def conf() -> dict[str, Any]:
    return runpy.run_path(str(CONF))


def test_every_setting_is_one_of_gunicorns(conf: dict[str, Any]) -> None:
    config = Config()
    ours = {name: value for name, value in conf.items() if name in config.settings}
    for name, value in ours.items():
        config.set(name, value)
    assert (config.workers, config.worker_class_str, config.threads) == (1, "gthread", 128)
    assert (config.accesslog, config.control_socket_disable, config.max_requests) == (None, True, 0)
    assert {"post_fork", "worker_exit", "child_exit"} <= set(ours)


def test_a_worker_waits_for_requests_for_less_than_its_master_waits_for_it(
    conf: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tied: list[int] = []
    monkeypatch.setitem(conf["post_fork"].__globals__, "end_with_parent", tied.append)
    worker = SimpleNamespace(cfg=Config(), ppid=os.getppid())
    conf["post_fork"](None, worker)
    assert tied == [os.getppid()]
    assert worker.cfg.graceful_timeout + 2 < conf["graceful_timeout"] + 1 < KILLED_AFTER_S


def test_the_end_of_a_worker_stops_the_runtime(conf: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[bool] = []
    wsgi = ModuleType("src.wsgi")
    monkeypatch.setattr(wsgi, "stop_runtime", lambda: stopped.append(True), raising=False)
    monkeypatch.setitem(sys.modules, "src.wsgi", wsgi)
    conf["worker_exit"](None, None)
    assert stopped == [True]


def test_a_worker_that_never_loaded_the_program_just_ends(
    conf: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "src.wsgi", raising=False)
    conf["worker_exit"](None, None)
    assert "src.wsgi" not in sys.modules


def test_a_dead_worker_ends_its_master(conf: dict[str, Any]) -> None:
    with pytest.raises(SystemExit, match="70"):
        conf["child_exit"](SimpleNamespace(LISTENERS=["a socket"]), None)


def test_a_worker_that_ends_with_its_master_is_no_death(conf: dict[str, Any]) -> None:
    conf["child_exit"](SimpleNamespace(LISTENERS=[]), None)


def test_a_worker_that_is_told_to_end_closes_its_sockets_first(
    conf: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    closed = threading.Event()
    wsgi = ModuleType("src.wsgi")
    monkeypatch.setattr(wsgi, "stop_sockets", closed.set, raising=False)
    monkeypatch.setitem(sys.modules, "src.wsgi", wsgi)
    before = signal.getsignal(signal.SIGTERM)
    try:
        conf["post_worker_init"](SimpleNamespace(handle_exit=lambda _number, _frame: told.append("end")))
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert closed.wait(60)
    assert told == ["end"]
