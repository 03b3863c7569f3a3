"""The command that compares a day is killed half-way, and goes on when it is run again."""

import datetime as dt
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from src.app import create_app
from src.config.settings import parse_settings
from src.core.domain.market.reconciliation import RunState, date_bounds_ms
from src.core.domain.market.session import new_york_date
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.simulator.history import MarketHistory
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import default_universe
from tests.bars import stored_bars
from tests.integration.faults.program import CONTEXT
from tests.waiting import wait_for

SYMBOLS = ("AMD", "BACpL", "GRC", "IBM")
UNIVERSE = [one for one in default_universe() if one.symbol in SYMBOLS]
# Longer than the command lets pass between two notes of how far it is.
_SLOW_ANSWER_S = 1.2


class _SlowHistory:
    """Gives the second symbol slowly, and the third one not before it is let."""

    def __init__(self, history: MarketHistory) -> None:
        self._history = history
        self.asked: list[str] = []
        self.go_on = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._history, name)

    def minutes(self, symbol: str, *bounds_ms: int, ascending: bool) -> Iterator[tuple[int, str]]:
        self.asked.append(symbol)
        if symbol == SYMBOLS[1]:
            time.sleep(_SLOW_ANSWER_S)  # the vendor takes its time
        if symbol == SYMBOLS[2]:
            self.go_on.wait(60)
        return self._history.minutes(symbol, *bounds_ms, ascending=ascending)


def command(environment: Mapping[str, str], date: str, said: Path) -> None:
    """Runs the command, in a process of its own."""
    result = create_app(parse_settings(environment)).test_cli_runner().invoke(args=["reconcile", "--date", date])
    said.write_text(result.output)
    os._exit(result.exit_code)


def official(date: dt.date) -> list[tuple[Any, ...]]:
    history, now_ms = MarketHistory(SyntheticMarket(7, UNIVERSE)), SystemClock().now_ms()
    return [
        (symbol, one["t"], *(float(one[key]) for key in "ohlcv"), one["vw"], one["n"])
        for symbol in SYMBOLS
        for _start_ms, element in history.minutes(symbol, *date_bounds_ms(date), now_ms, ascending=True)
        for one in [msgspec.json.decode(element)]
    ]


def test_a_command_that_was_killed_goes_on_where_it_was(tmp_path: Path, database_url: str) -> None:
    date = new_york_date(SystemClock().now_ms()) - dt.timedelta(days=3)
    source = LiveSource(SyntheticMarket(7, UNIVERSE))
    source.history = history = _SlowHistory(source.history)  # type: ignore[assignment]  # but for its slowness, it is
    log = DatabaseReconciliations(read_engine(database_url), row_engine(database_url))
    with SimulatorServer(source) as simulator:
        environment = {
            "DATA_DIR": str(tmp_path), "DATABASE_URL": database_url, "SIMULATOR_PORT": str(simulator.port),
            "SYMBOLS": ",".join(SYMBOLS),
        }  # fmt: skip
        listened = {"key": "SYMBOLS", "symbols": SYMBOLS, "unknown": []}
        database = TickStockDatabase(write_engine(database_url), SystemClock().now_us)
        database.set_state("universe", listened)
        database.close()
        first = CONTEXT.Process(target=command, args=(environment, str(date), tmp_path / "first"), daemon=True)
        first.start()
        wait_for(lambda: SYMBOLS[2] in history.asked)
        (run,) = log.unfinished()
        assert run.done == SYMBOLS[:2]
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        first.join(60)
        history.go_on.set()
        history.asked.clear()
        second = CONTEXT.Process(target=command, args=(environment, str(date), tmp_path / "second"), daemon=True)
        second.start()
        second.join(60)
        assert second.exitcode == 0, (tmp_path / "second").read_text()
    assert [symbol for symbol in history.asked if symbol in SYMBOLS[:2]] == []
    (run,) = log.of_date(date)
    assert (run.state, run.done_count, run.failed) == (RunState.DONE, 4, {})
    assert [(one.symbol, one.timestamp, *one.values[:7]) for one in stored_bars(database_url)] == official(date)
