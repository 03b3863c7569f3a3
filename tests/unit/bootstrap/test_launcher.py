"""What a start says, and how it takes signals."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from src.bootstrap.launcher import StopRequest, announcement, reachable_host
from src.config.settings import parse_settings

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
