"""Alerts to a webhook: a real HTTP server, a real file, and the ingesting half's status from memory."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from src.app import build_alerts, build_runtime
from src.config.settings import PROJECT_ROOT, parse_settings
from src.core.services.alert_service import AlertService, Origin
from src.core.services.ingest_start import STANDS_BY
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.observability.webhook import AlertFile, Webhook
from tests.status_rows import NOW, down, row, single_live
from tests.waiting import wait_for

_PATH = "/services/T0/hooK-3vBn8"
_GONE = "The feed closed the connection (code 1006). Trying again in 4 s."


class Receiver(ThreadingHTTPServer):
    """A webhook that answers with the next of `answers`, and 200 when there are no more."""

    daemon_threads = True

    def __init__(self) -> None:
        self.posts: list[Any] = []
        self.answers: list[int] = []
        self.silent = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}{_PATH}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert (self.path, self.headers["Content-Type"]) == (_PATH, "application/json")
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status < 300:
            self.server.posts.append(body)
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: Any) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server
        server.shutdown()


class Watched:
    """An ingesting half whose status a test writes, watched on a clock that a test moves."""

    def __init__(self, url: str, folder: Path, now_ms: int = NOW) -> None:
        self.now_ms = now_ms
        self.status = single_live(now_ms)
        self.service = AlertService(
            lambda: self.status,
            load_session_table(PROJECT_ROOT / "data/sessions.csv"),
            Webhook(url),
            AlertFile(folder / "alert.json"),
            Origin("1.2.3", "a-machine"),
            lambda: self.now_ms,
            lambda: 0.0,
            lambda: self.now_ms / 1000,
        )

    def live(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_ms += 1000
            self.status = single_live(self.now_ms)
            self.service.step()

    def down(self, seconds: int, **changes: Any) -> None:
        for _ in range(seconds):
            self.now_ms += 1000
            gone = down(1, _GONE, now_ms=self.now_ms)
            self.status = row(gone, now_ms=self.now_ms, **changes)
            self.service.step()


@pytest.fixture
def watched(receiver: Receiver, tmp_path: Path) -> Watched:
    return Watched(receiver.url, tmp_path)


def events(receiver: Receiver) -> list[str]:
    return [post["event"] for post in receiver.posts]


def test_one_post_when_bars_stop_and_one_when_they_are_back(watched: Watched, receiver: Receiver) -> None:
    watched.live(5)
    watched.down(300)
    (stop,) = receiver.posts
    assert stop == {
        "text": f"TickStock on a-machine: Bars have stopped since 2025-11-20 15:30:06 UTC. {_GONE}",
        "event": "bars_stopped", "since": NOW + 6000, "at": NOW + 66_000, "reason": _GONE,
        "feed": "massive", "host": "a-machine", "version": "1.2.3",
    }  # fmt: skip
    watched.live(100)
    assert events(receiver) == ["bars_stopped", "bars_back"]
    assert receiver.posts[1]["text"].endswith(
        "Bars are back. They had stopped from 2025-11-20 15:30:06 UTC to 2025-11-20 15:35:16 UTC."
    )


def test_a_silent_feed_and_a_database_that_takes_nothing_are_stops_too(watched: Watched, receiver: Receiver) -> None:
    for _ in range(100):  # connected, and nothing comes
        watched.now_ms += 1000
        watched.service.step()
    assert "nothing came for" in receiver.posts[0]["reason"]
    watched.live(20)
    for _ in range(70):
        watched.live(0)
        watched.now_ms += 1000
        watched.status = single_live(watched.now_ms)
        watched.status["writer"]["failing_for_s"] = 3.0
        watched.service.step()
    assert events(receiver) == ["bars_stopped", "bars_back", "bars_stopped"]
    assert "the database does not take them" in receiver.posts[2]["reason"]


def test_the_reason_is_what_ended_the_session_and_not_the_attempt_after_it(
    watched: Watched, receiver: Receiver
) -> None:
    watched.down(30)
    for _ in range(40):
        watched.now_ms += 1000
        trying = down(1, "Connecting to wss://...", "connecting", now_ms=watched.now_ms)
        watched.status = row(trying, now_ms=watched.now_ms)
        watched.service.step()
    assert [post["reason"] for post in receiver.posts] == [_GONE]


def test_a_closed_market_and_a_process_that_stands_by_tell_nothing(receiver: Receiver, tmp_path: Path) -> None:
    night = Watched(receiver.url, tmp_path, NOW + 12 * 3_600_000)
    night.down(200)
    standby = Watched(receiver.url, tmp_path)
    standby.down(200, trouble=STANDS_BY)
    assert receiver.posts == []
    simulated = Watched(receiver.url, tmp_path, NOW + 12 * 3_600_000)
    simulated.down(200, feed="simulated")
    assert events(receiver) == ["bars_stopped"]


def test_what_is_not_taken_is_tried_again_with_patience(watched: Watched, receiver: Receiver) -> None:
    receiver.answers = [500, 429, 503]
    watched.down(61)
    assert receiver.posts == []
    watched.down(1)  # after 2 s, then 4, then 8
    assert len(receiver.answers) == 2
    watched.down(13)
    assert events(receiver) == ["bars_stopped"]


def test_it_is_given_up_after_some_minutes(
    watched: Watched, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [500] * 100
    watched.down(3600)
    assert len(receiver.answers) == 100 - 12
    assert "It answered 500. It was tried 12 times." in caplog.text
    receiver.answers = []
    watched.live(30)
    assert events(receiver) == ["bars_back"]


@pytest.mark.parametrize("status", [302, 400, 404, 410])
def test_a_refusal_is_not_repeated(
    watched: Watched, receiver: Receiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [status]
    watched.down(600)
    assert (receiver.posts, receiver.answers) == ([], [])
    assert f"ALERT_WEBHOOK_URL). It answered {status}." in caplog.text


def test_a_return_that_could_not_be_told_is_taken_back_by_the_next_stop(watched: Watched, receiver: Receiver) -> None:
    watched.down(70)
    receiver.answers = [500] * 7
    watched.live(20)
    watched.down(600)
    assert events(receiver) == ["bars_stopped"]
    watched.live(30)
    assert events(receiver) == ["bars_stopped", "bars_back"]


def test_a_restart_does_not_forget_what_was_told(watched: Watched, receiver: Receiver, tmp_path: Path) -> None:
    watched.down(100)
    restarted = Watched(receiver.url, tmp_path, watched.now_ms)
    restarted.down(200)
    assert events(receiver) == ["bars_stopped"]
    restarted.live(20)
    assert events(receiver) == ["bars_stopped", "bars_back"]
    assert list(tmp_path.iterdir()) == []


def test_nobody_who_listens_is_waited_for_and_no_line_names_the_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    watched = Watched(f"http://127.0.0.1:9{_PATH}", tmp_path)
    watched.down(3600)
    assert "It could not be reached (NewConnectionError)" in caplog.text
    assert "hooK" not in caplog.text


def test_a_memory_that_is_damaged_is_none(tmp_path: Path) -> None:
    file = tmp_path / "alert.json"
    for text in ("", "null", '{"since": "x"}', "[1]"):
        file.write_text(text)
        assert AlertFile(file).stopped_ms() is None
    AlertFile(tmp_path / "no folder" / "alert.json").remember(5)


def test_the_real_ingestion_is_watched_while_its_database_is_away(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runtime whose database has no tables: it waits for it, and its own thread posts meanwhile."""
    monkeypatch.setattr("src.core.domain.connection.outage.STOPPED_AFTER_MS", 0)
    settings = parse_settings(
        {"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": "9", "ALERT_WEBHOOK_URL": receiver.url, "SYMBOLS": "AAPL"}
    )
    runtime = build_runtime(settings)
    alerts = build_alerts(settings, runtime)
    assert runtime is not None
    assert alerts is not None
    runtime.start()
    alerts.start()
    wait_for(lambda: receiver.posts)
    alerts.stop()
    runtime.stop()
    assert "database" in receiver.posts[0]["reason"]
    assert [thread.name for thread in threading.enumerate() if thread.name == "alerts"] == []


def test_without_an_address_or_an_ingestion_nothing_is_watched(tmp_path: Path) -> None:
    settings = parse_settings({"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": "9"})
    assert build_alerts(settings, build_runtime(settings)) is None
    web = parse_settings({"DATA_DIR": str(tmp_path), "ROLE": "web", "ALERT_WEBHOOK_URL": "http://127.0.0.1:9/x"})
    assert build_alerts(web, build_runtime(web)) is None
