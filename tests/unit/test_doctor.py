"""The doctor: what it says of settings, machine, disk and calendar, and how it says it."""

import datetime as dt
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.cli import FlaskGroup
from werkzeug.serving import make_server

from src import __version__, cli_doctor, doctor
from src.app import create_app
from src.config.settings import Settings, parse_settings
from src.core.domain.market.retention import Growth
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.infrastructure.doctor import disk, feed_key, machine
from src.infrastructure.doctor.finding import Check, Verdict, fail, ok, run_checks, warn
from src.infrastructure.doctor.growth import unknown
from src.simulator.faults import RefuseAuth
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import select
from tests.bars import bar
from tests.ports import free_port

KEY = "the-secret-of-this-test"
GB = 1_000_000_000


def settings_of(tmp_path: Path, **keys: str) -> Settings:
    return parse_settings({"DATA_DIR": str(tmp_path), "PORT": str(free_port()), **keys})


# -- settings ------------------------------------------------------------------------------------------------------


def test_settings_that_are_as_they_should_be(tmp_path: Path) -> None:
    (finding,) = doctor.look_at_settings(settings_of(tmp_path), [])
    assert (finding.verdict, finding.advice) == (Verdict.OK, "")


def test_every_warning_of_a_start_is_told(tmp_path: Path) -> None:
    found = doctor.look_at_settings(settings_of(tmp_path), ["No setting is called HOTS.", "Another."])
    assert [(finding.verdict, finding.sentence) for finding in found] == [
        (Verdict.WARN, "No setting is called HOTS."), (Verdict.WARN, "Another."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "idle"),
    [
        ({"WEBSOCKET_CONNECTION_2_SYMBOLS": "AAPL"}, "WEBSOCKET_CONNECTION_2_SYMBOLS"),
        ({"USE_MULTI_CONNECTION": "true", "WEBSOCKET_CONNECTION_1_ENABLED": "true", "SYMBOLS": "AAPL"}, "SYMBOLS"),
    ],
)
def test_settings_of_the_other_mode_are_told(tmp_path: Path, keys: dict[str, str], idle: str) -> None:
    (finding,) = doctor.look_at_settings(settings_of(tmp_path, **keys), [])
    assert finding.verdict is Verdict.WARN
    assert f"have no effect: {idle}." in finding.sentence


def test_an_open_door_is_told_unless_a_proxy_stands_before_it(tmp_path: Path) -> None:
    (finding,) = doctor.look_at_settings(settings_of(tmp_path, HOST="192.0.2.1"), [])
    assert finding.verdict is Verdict.WARN
    assert finding.sentence.startswith("HOST is 192.0.2.1, without TLS")
    assert finding.advice.startswith("Set HOST=127.0.0.1")
    assert "BEHIND_PROXY=true" in finding.advice
    (finding,) = doctor.look_at_settings(settings_of(tmp_path, HOST="192.0.2.1", BEHIND_PROXY="true"), [])
    assert finding.verdict is Verdict.OK


# -- a running ingestion -------------------------------------------------------------------------------------------


def status(written_at: int, state: str = "connected", **more: Any) -> dict[str, Any]:
    return {"written_at": written_at, "connection": {"status": state, **more}}


@pytest.mark.parametrize(
    ("written", "there"),
    [
        (None, False),
        (status(100_000 - 10_000), True),
        (status(100_000 - 10_001), False),
        (status(100_000, "error"), False),
        (status(100_000, "connecting"), False),
    ],
)
def test_the_word_of_a_running_ingestion_counts_while_it_is_fresh_and_connected(written: Any, there: bool) -> None:
    assert (feed_key.running_connection(written, 100_000) is not None) == there


def test_topics_that_the_running_ingestion_lacks_are_told() -> None:
    assert feed_key.word_of({"missing_topics": []}).verdict is Verdict.OK
    finding = feed_key.word_of({"missing_topics": ["A.AAPL", "A.KO"]})
    assert finding.verdict is Verdict.WARN
    assert "2 of its topics, such as A.AAPL" in finding.sentence


# -- ports ---------------------------------------------------------------------------------------------------------


def test_a_free_port() -> None:
    finding = machine.look_at_port("PORT", "127.0.0.1", free_port(), "1.0")
    assert finding.verdict is Verdict.OK
    assert "is free" in finding.sentence


@pytest.mark.parametrize("speaks", [b"", b"HTTP/1.0 200 OK\r\n\r\n<html>", b'HTTP/1.0 200 OK\r\n\r\n{"status":1}'])
def test_a_port_that_another_program_holds(speaks: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with listener.accept()[0] as connection:
            connection.recv(1000)
            connection.sendall(speaks)

    threading.Thread(target=answer, daemon=True).start()
    finding = machine.look_at_port("PORT", "127.0.0.1", listener.getsockname()[1], "1.0")
    listener.close()
    assert finding.verdict is Verdict.FAIL
    assert "another program" in finding.sentence
    assert "Set PORT" in finding.advice


def test_a_port_that_tickstock_holds(tmp_path: Path) -> None:
    server = make_server("127.0.0.1", 0, create_app(settings_of(tmp_path)), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    same = machine.look_at_port("PORT", "127.0.0.1", server.server_port, __version__)
    other = machine.look_at_port("PORT", "0.0.0.0", server.server_port, "99.0")  # noqa: S104  not bound
    server.shutdown()
    thread.join()
    server.server_close()
    assert (same.verdict, other.verdict) == (Verdict.OK, Verdict.WARN)
    assert f"TickStock {__version__} runs" in same.sentence
    assert "and this is 99.0" in other.sentence


# -- disk ----------------------------------------------------------------------------------------------------------

A_DAY = Growth(GB, 7.0, here=True)


@pytest.mark.parametrize(
    ("free", "growth", "verdict", "words"),
    [
        (100 * GB, A_DAY, Verdict.OK, "enough for 100 days at 1,000.0 MB of bars a day, as measured over 7.0 days"),
        (14 * GB, A_DAY, Verdict.OK, "14 days"),
        (13 * GB, A_DAY, Verdict.WARN, "13 days"),
        (GB, A_DAY, Verdict.WARN, "1.0 days"),
        (GB - 1, A_DAY, Verdict.FAIL, "1.0 days"),
        (0, A_DAY, Verdict.FAIL, "0 MB free"),
        (499_000_000, Growth(1.0, 7.0, here=True), Verdict.FAIL, "499 MB free"),
        (500_000_000, Growth(1.0, 7.0, here=True), Verdict.OK, "more than ten years"),
        (100 * GB, unknown("there is no database yet"), Verdict.OK, "cannot be said: there is no database yet"),
        (100 * GB, Growth(GB, 7.0, here=False), Verdict.OK, "cannot be seen from here; they grow by 1,000.0 MB a day"),
        (100 * GB, unknown("it is empty", here=False), Verdict.OK, "how they grow cannot be said: it is empty"),
    ],
)
def test_the_disks_forecast(free: int, growth: Growth, verdict: Verdict, words: str) -> None:
    finding = disk.look_at_disk(free, growth)
    assert finding.verdict is verdict
    assert words in finding.sentence
    assert bool(finding.advice) == (verdict is not Verdict.OK)


def test_free_bytes_are_those_of_the_folder_that_will_be_made(tmp_path: Path) -> None:
    figures = os.statvfs(tmp_path)
    assert disk.free_bytes(tmp_path / "not" / "yet") == pytest.approx(figures.f_bavail * figures.f_frsize, rel=0.1)


# -- calendar and files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "verdict"),
    [
        (dt.date(2026, 12, 31), Verdict.OK),
        (dt.date(2027, 12, 31), Verdict.OK),
        (dt.date(2028, 1, 3), Verdict.WARN),
        (dt.date(2028, 12, 31), Verdict.WARN),
        (dt.date(2029, 1, 1), Verdict.FAIL),
    ],
)
def test_the_calendar_has_to_reach_a_year_ahead(tmp_path: Path, today: dt.date, verdict: Verdict) -> None:
    (tmp_path / "sessions.csv").write_text("# covers: 2020-01-01 to 2028-12-31\ndate,kind\n")
    finding = doctor.look_at_calendar(tmp_path / "sessions.csv", today)
    assert finding.verdict is verdict
    assert ("make_sessions.py" in finding.advice) == (verdict is not Verdict.OK)


def test_a_calendar_that_is_not_there(tmp_path: Path) -> None:
    assert doctor.look_at_calendar(tmp_path / "none.csv", dt.date(2026, 1, 1)).verdict is Verdict.FAIL


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    assert machine.look_at_data_dir(tmp_path / "new").verdict is Verdict.OK
    (tmp_path / "file").touch()
    finding = machine.look_at_data_dir(tmp_path / "file" / "folder")
    assert finding.verdict is Verdict.FAIL
    assert "DATA_DIR" in finding.advice


@pytest.mark.parametrize(("mode", "verdict"), [(0o600, Verdict.OK), (0o640, Verdict.FAIL), (0o604, Verdict.FAIL)])
def test_the_mode_of_the_secret_key(tmp_path: Path, mode: int, verdict: Verdict) -> None:
    path = tmp_path / "secret_key"
    assert machine.look_at_secret(path).verdict is Verdict.OK
    path.touch(mode=0o600)
    path.chmod(mode)
    finding = machine.look_at_secret(path)
    assert finding.verdict is verdict
    assert ("chmod 600" in finding.advice) == (verdict is Verdict.FAIL)


def test_python_and_open_files_of_this_run() -> None:
    assert machine.look_at_python().verdict is Verdict.OK
    assert "files and connections" in machine.look_at_open_files().sentence


def test_a_wrong_setting_is_one_line_of_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "none")
    result = CliRunner().invoke(FlaskGroup(create_app=create_app), ["doctor"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: Setting PORT: 'none' is not allowed; allowed is")
    assert len(result.output.splitlines()) == 1


# -- running them --------------------------------------------------------------------------------------------------


def test_findings_keep_the_order_of_the_checks_and_one_that_hangs_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()
    checks = [
        Check("slow", lambda: [ok("slow", "In the end.")] if released.wait(120) else []),
        Check("broken", lambda: [ok("broken", str(1 // 0))]),
        Check("quick", lambda: [ok("quick", "At once."), warn("more", "Perhaps.", "Do.")]),
    ]
    started_s = time.monotonic()
    # No time passes while it waits for the slow one, so that the next ones have some, too, on a busy machine.
    monkeypatch.setattr("src.infrastructure.doctor.finding.time", SimpleNamespace(monotonic=lambda: 0.0))
    found = run_checks(checks, 0.5)
    released.set()
    assert time.monotonic() - started_s < 30
    assert [(finding.name, finding.verdict) for finding in found] == [
        ("slow", Verdict.FAIL), ("broken", Verdict.FAIL), ("quick", Verdict.OK), ("more", Verdict.WARN),
    ]  # fmt: skip
    assert "no answer within" in found[0].sentence
    assert "ZeroDivisionError" in found[1].sentence


# -- the command ---------------------------------------------------------------------------------------------------


def run(settings: Settings, *arguments: str) -> Result:
    return create_app(settings).test_cli_runner().invoke(args=["doctor", *arguments])


@contextmanager
def vendor() -> Iterator[tuple[SimulatorServer, dict[str, str]]]:
    """A real feed that is a simulator, and the settings that lead to it."""
    with SimulatorServer(LiveSource(SyntheticMarket(7, select(["AAPL"]))), key=KEY) as server:
        urls = {"MASSIVE_WS_URL": server.url, "MASSIVE_REST_URL": server.rest_url}
        yield server, {**urls, "MASSIVE_API_KEY": KEY}


def test_a_machine_where_all_is_well(tmp_path: Path) -> None:
    with vendor() as (_server, keys):
        started_s = time.monotonic()
        result = run(settings_of(tmp_path, **keys))
        took_s = time.monotonic() - started_s
    assert result.exit_code == 0, result.output
    assert took_s < 100
    lines = result.output.splitlines()
    assert lines[-1] == "All is well."
    named = [line[6:].split("  ")[0] for line in lines[:-2]]
    assert named[:4] == ["settings", "feed host", "REST host", "key"]
    assert {"plan", "clock", "time zones", "database", "disk", "calendar", "data folder", "python"} < set(named)
    assert KEY not in result.output


def test_what_fails_is_told_with_what_to_do_and_ends_with_1(tmp_path: Path) -> None:
    with vendor() as (server, keys):
        server.faults.begin(RefuseAuth(message=f"no such key: {KEY}"))
        result = run(settings_of(tmp_path, **keys))
    assert result.exit_code == 1
    assert "fail  key          The feed refuses it (no such key: ***)." in result.output
    assert "- key: Correct MASSIVE_API_KEY" in result.output.partition("What to do:")[2]
    assert KEY not in result.output


def test_for_machines_it_is_one_json_object(tmp_path: Path) -> None:
    hidden = "a-password-of-the-database"
    url = f"postgresql://someone:{hidden}@127.0.0.1:1/none"
    result = run(settings_of(tmp_path, DATABASE_URL=url), "--json")
    body = json.loads(result.output)
    assert (result.exit_code, body["ok"], body["version"]) == (1, False, __version__)
    by_name = {check["name"]: check for check in body["checks"]}
    assert by_name["database"]["verdict"] == "fail"
    assert set(by_name["key"]) == {"name", "verdict", "sentence", "advice"}
    assert hidden not in result.output


def test_while_ingestion_is_connected_no_second_connection_is_made(tmp_path: Path) -> None:
    with vendor() as (server, keys):
        settings = settings_of(tmp_path, **keys)
        migrate.upgrade(settings.database_url)
        database = TickStockDatabase(write_engine(settings.database_url), lambda: time.time_ns() // 1000)
        database.merge([bar()])
        database.set_state("status", status(time.time_ns() // 1_000_000, missing_topics=[]))
        server.faults.begin(RefuseAuth())
        result = run(settings)
        database.close()
    assert "ok    key" in result.output
    assert "The running ingestion is connected" in result.output


def test_a_clock_that_is_an_hour_off(tmp_path: Path) -> None:
    with vendor() as (_server, keys):
        found = doctor.examine(settings_of(tmp_path, **keys), [], lambda: time.time() + 3600)
    clocks = [finding for finding in found if finding.name == "clock"]
    assert [finding.verdict for finding in clocks] == [Verdict.FAIL]
    assert "60 minutes ahead of the vendor's" in clocks[0].sentence


def test_the_web_half_needs_no_feed(tmp_path: Path) -> None:
    found = doctor.examine(settings_of(tmp_path, ROLE="web", MASSIVE_API_KEY=KEY), [], time.time)
    assert "does not listen to a feed" in next(finding for finding in found if finding.name == "feed").sentence
    assert {"key", "plan", "feed host"}.isdisjoint(finding.name for finding in found)


def test_a_finding_that_is_not_well_says_what_to_do() -> None:
    lines = list(
        cli_doctor.lines([ok("a", "Well."), warn("bb", "Odd.", "Mend it."), fail("c", "Broken.", "Replace it.")])
    )
    assert [line.replace("\x1b", "") for line in lines[3:]] == ["\nWhat to do:", "- bb: Mend it.", "- c: Replace it."]
