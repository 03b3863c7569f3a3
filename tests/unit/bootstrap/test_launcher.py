"""What a start says, and how it takes signals."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.bootstrap import launcher
from src.bootstrap.launcher import StopRequest, announcement, reachable_host
from src.config.settings import Settings, parse_settings
from src.core.domain.market.last_start import LastStart, Setup
from src.core.errors import DatabaseUnavailableError, SchemaError
from src.infrastructure.database.last_start_file import LastStartFile, database_digest
from src.infrastructure.database.migrate import all_revisions

KEY = "very-secret-key"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - a setting under test; nothing listens there


@pytest.mark.parametrize(
    ("environment", "lines"),
    [
        ({}, ["TickStock runs. Dashboard: http://127.0.0.1:5000/", "SIMULATED data", "MASSIVE_API_KEY=<your key>"]),
        ({"USE_MASSIVE_API": "false", "MASSIVE_API_KEY": KEY}, ["SIMULATED data", "USE_MASSIVE_API is false"]),
        ({"MASSIVE_API_KEY": KEY}, ["Feed: Massive, wss://socket.massive.com/stocks", "/var/tickstock.db"]),
        ({"HOST": EVERYWHERE, "PORT": "8080"}, ["Dashboard: http://127.0.0.1:8080/"]),
        ({"HOST": "::1"}, ["Dashboard: http://[::1]:5000/"]),
        ({"ROLE": "web"}, ["web half runs. Dashboard: http://127.0.0.1:5000/"]),
        ({"ROLE": "ingest"}, ["no dashboard; its state: http://127.0.0.1:5000/readyz"]),
        ({"DATA_DIR": "/srv/ticks"}, ["Database: /srv/ticks/simulated.db", f"kill {os.getpid()}"]),
    ],
)
def test_a_start_says_where_to_look(environment: dict[str, str], lines: list[str]) -> None:
    said = "\n".join(announcement(parse_settings(environment)))
    assert [line for line in lines if line not in said] == []
    assert KEY not in said


def test_the_real_feed_is_not_called_simulated() -> None:
    said = "\n".join(announcement(parse_settings({"MASSIVE_API_KEY": KEY})))
    assert "simulated" not in said.lower()


@pytest.mark.parametrize(
    ("host", "reached"), [(EVERYWHERE, "127.0.0.1"), ("::", "::1"), ("192.168.1.5", "192.168.1.5")]
)
def test_a_server_that_listens_everywhere_is_reached_on_this_machine(host: str, reached: str) -> None:
    assert reachable_host(host) == reached


@pytest.fixture(autouse=True)
def restored_handlers() -> Iterator[None]:
    """Puts back the handlers of the test run."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers: list[Any] = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_asks_for_a_stop(number: signal.Signals) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    stop = StopRequest()
    stop.listen()
    assert not stop.requested
    signal.raise_signal(number)
    assert (stop.requested, stop.hurried) == (True, False)


def test_only_ctrl_c_while_stopping_hurries() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    stop = StopRequest()
    stop.listen()
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
        signal.raise_signal(number)
    assert (stop.requested, stop.hurried) == (True, False)
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    assert (stop.requested, stop.hurried) == (True, True)


def test_nohup_is_respected() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    StopRequest().listen()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


class Start:
    """A start whose database is away for its first `away` looks."""

    def __init__(self, folder: Path, away: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings: Settings = parse_settings({"DATA_DIR": str(folder)})
        self.looks = 0
        self.said: list[str] = []
        self.stop = StopRequest()
        self._away = away
        monkeypatch.setattr(launcher, "_RETRY_S", 0.0)

    def look(self) -> None:
        self.looks += 1
        if self.looks <= self._away:
            raise DatabaseUnavailableError("The database is not available: it sleeps.")

    def remember(self, schema: str, feed: str = "simulated") -> None:
        setup = Setup(database_digest(self.settings.database_url), schema, feed, ())
        LastStartFile(self.settings.data_dir).write(LastStart(setup, "an-id", "", {}, (), 1, None))

    def wait(self) -> None:
        launcher._wait_for_database(self.settings, self.stop, self.look, self.said.append)


def test_a_database_that_is_away_is_waited_for_and_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Start(tmp_path, 3, monkeypatch)
    start.wait()
    assert start.looks == 4
    assert start.said == ["The database is not available: it sleeps. TickStock waits for it; Ctrl-C ends that."]


def test_a_database_that_the_last_start_found_ready_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Start(tmp_path, 3, monkeypatch)
    start.remember(all_revisions()[-1])
    start.wait()
    assert start.looks == 1
    assert "TickStock starts without it" in start.said[0]


@pytest.mark.parametrize(("schema", "feed"), [("0001", "simulated"), (all_revisions()[-1], "massive")])
def test_another_version_or_feed_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: str, feed: str) -> None:
    start = Start(tmp_path, 1, monkeypatch)
    start.remember(schema, feed)
    start.wait()
    assert start.looks == 2


def test_a_stop_ends_the_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Start(tmp_path, 10**9, monkeypatch)

    def look_and_stop() -> None:
        start.stop.requested = True
        Start.look(start)

    start.look = look_and_stop  # type: ignore[method-assign]  # a signal comes while it looks
    start.wait()
    assert start.looks == 1


def test_a_database_that_is_wrong_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise SchemaError("Too new.")

    start = Start(tmp_path, 0, monkeypatch)
    start.look = refuse  # type: ignore[method-assign]  # another answer
    with pytest.raises(SchemaError):
        start.wait()
