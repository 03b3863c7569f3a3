"""`flask history load` in turns, interrupted, and its estimate, with a vendor that answers as told."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from src import cli_history_load
from src.cli_history_load import cancel_command, load_command, loads_command
from src.config.settings import Settings, parse_settings
from src.core.domain.market.history import Load, LoadState, Timespan
from src.infrastructure.clock import SystemClock
from src.infrastructure.data_sources.massive_rest import MassiveRest
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.history_store import DatabaseHistory
from tests.history_bench import PastVendor

LOAD = ("--symbols", "A,B,C,D", "--from", "2025-09-20", "--to", "2025-11-10", "--timespan", "day")


class Vendors:
    """Makes the one vendor of a command."""

    def __init__(self) -> None:
        self.made: list[PastVendor] = []
        self.before_answer: Callable[[], None] = lambda: None

    def make(self, stamp: Callable[[], int]) -> MassiveRest:
        self.made.append(PastVendor(stamp, SystemClock().now_ms))
        self.made[-1].before_answer = self._before_answer
        return self.made[-1]  # type: ignore[return-value]  # in its place

    def _before_answer(self) -> None:
        self.before_answer()

    @property
    def asked(self) -> list[str]:
        return [symbol for vendor in self.made for symbol, *_ in vendor.asked]


@pytest.fixture
def settings(sqlite_database_url: str) -> Settings:
    keys = {"DATABASE_URL": sqlite_database_url, "MASSIVE_API_KEY": "KEY", "USE_MASSIVE_API": "true"}
    return parse_settings(keys)


@pytest.fixture
def vendors() -> Vendors:
    return Vendors()


def run(settings: Settings, vendors: Vendors, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(load_command(settings, vendors.make), arguments or LOAD)
    return int(result.exit_code), result.output


def test_it_says_before_it_begins_how_long_it_takes(settings: Settings, vendors: Vendors) -> None:
    status, said = run(settings, vendors)
    assert status == 0
    assert said.splitlines()[0] == (
        "From 2025-09-20 to 2025-11-10: 12 months (of 4 symbols) are to be asked for in 4 requests or more: 48 s at "
        "least, with 5 requests a minute (MASSIVE_REST_RATE)."
    )
    assert "Of 12 months of days 12 were loaded, 0 are empty, 0 failed; 144 bars were read, and 144 of them" in said


def test_minutes_that_would_be_dropped_at_once_are_not_asked_for(settings: Settings, vendors: Vendors) -> None:
    keeping = settings.model_copy(update={"retention_days": 30})
    status, said = run(keeping, vendors, *LOAD[:-1], "minute")
    assert status == 1
    assert said.startswith("Error: RETENTION_DAYS=30 drops the minutes before 20")
    assert run(keeping, vendors)[0] == 0, "days are kept"
    assert sorted(vendors.asked) == list("ABCD")


def test_it_lets_go_of_the_database_in_between_and_asks_for_nothing_twice(
    settings: Settings, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = []

    def one_request_a_turn(_turn_s: float, end: Callable[[], None]) -> object:
        turns.append(end)
        vendors.before_answer = end
        return type("Timer", (), {"start": lambda self: None, "cancel": lambda self: None})()

    monkeypatch.setattr(cli_history_load.threading, "Timer", one_request_a_turn)
    monkeypatch.setattr(cli_history_load, "_BETWEEN_TURNS_S", 0.0)
    status, said = run(settings, vendors)
    assert (status, len(turns), len(vendors.made)) == (0, 5, 1), said  # the last one finds that nothing is left
    assert vendors.asked == ["A", "B", "C", "D"]
    assert "Of 12 months of days 12 were loaded" in said


def test_ctrl_c_ends_it_and_the_same_command_goes_on(settings: Settings, vendors: Vendors) -> None:
    def interrupt() -> None:
        if len(vendors.asked) == 3:
            raise KeyboardInterrupt

    vendors.before_answer = interrupt
    status, said = run(settings, vendors)
    assert (status, "Interrupted. What is left of it is done by the same command." in said) == (1, True)
    listed = CliRunner().invoke(loads_command(settings)).output
    assert "failed: days of 4 symbols, 2025-09-20 to 2025-11-10. Of 12 months of days 6 were loaded" in listed
    assert "It was interrupted." in listed
    vendors.before_answer = lambda: None
    assert run(settings, vendors)[0] == 0
    assert vendors.asked == ["A", "B", "C", "C", "D"]


def test_what_fails_is_named_and_the_status_is_1(settings: Settings, vendors: Vendors) -> None:
    def refuse() -> None:
        vendors.made[-1].granted_from = dt.date(2025, 10, 1)

    vendors.before_answer = refuse
    status, said = run(settings, vendors)
    assert status == 1
    assert "8 were loaded, 0 are empty, 4 failed" in said
    assert "- A: The plan does not include these years." in said
    assert "What is left of it is done by the same command." in said


def test_what_ended_while_somebody_waited_to_end_it_stays_as_it_ended(
    settings: Settings, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = DatabaseHistory(read_engine(settings.database_url), row_engine(settings.database_url))
    load = Load("one", "files", Timespan.MINUTE, None, ("/a",), None, None, "somebody", LoadState.RUNNING, 1)
    log.begin(load)

    def after_its_end(*told: Any) -> None:
        log.save(load.ended(5))
        told[3](threading.Event())

    monkeypatch.setattr(cli_history_load, "here_or_by_owner", after_its_end)
    result = CliRunner().invoke(cancel_command(settings), ["one"])
    assert "one is no load that waits or runs" in result.output
    assert log.find("one") == load.ended(5)
