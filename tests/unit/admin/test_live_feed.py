"""What administrators are told, by a feed that is led through time by hand over a real database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.config.settings import PROJECT_ROOT
from src.core.errors import DatabaseUnavailableError
from src.core.services.connection_status_service import ConnectionStatusService
from src.core.services.gap_report_service import GapReportService
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.database.bar_reader import DatabaseBarReader
from src.infrastructure.database.change_reader import DatabaseChangeReader
from src.infrastructure.database.connection_events import DatabaseEventLog
from src.infrastructure.database.engines import read_engine
from src.infrastructure.database.gap_store import DatabaseGapReader
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from src.infrastructure.observability.status_file import StatusFile
from src.presentation.admin.live_feed import MOST_SYMBOLS, LiveFeed, LiveSources, carriers_of
from tests import status_rows
from tests.admin_site import CARRIED, Ingestion, now_ms, started
from tests.bars import bar

MINUTE_MS = 60_000


class Desk:
    """A feed, what it has told so far, and a clock of its own; each look reads the database anew."""

    def __init__(self, url: str, folder: Path) -> None:
        self.ingestion: Ingestion = started(url)
        self.status_file = StatusFile(folder / "status.json")
        self.told: list[tuple[str, Any]] = []
        self.now_s = 0.0
        self._engine = read_engine(url)
        changes = FreshLooks(self._engine)
        reader = DatabaseBarReader(self._engine, changes, self.status_file)
        sessions = load_session_table(PROJECT_ROOT / "data/sessions.csv")
        connections = ConnectionStatusService(reader, sessions, DatabaseEventLog(self._engine), now_ms)
        runs = DatabaseReconciliations(self._engine, self._engine)
        gaps = GapReportService(DatabaseGapReader(self._engine), runs)
        self.feed = LiveFeed(LiveSources(connections, gaps, reader, changes), lambda *what: self.told.append(what))

    def look(self, later_s: float = 0.1) -> list[tuple[str, Any]]:
        """What is told by one look, so much later than the last."""
        self.told.clear()
        self.now_s += later_s
        self.feed.look(self.now_s)
        return list(self.told)

    def ticks(self, later_s: float = 0.1) -> list[dict[str, float]]:
        """The lists of prices by symbol that one look tells."""
        looked = self.look(later_s)
        return [{tick.symbol: tick.price for tick in data} for event, data in looked if event == "tick_update"]

    def close(self) -> None:
        self.ingestion.close()
        self._engine.dispose()


class FreshLooks(DatabaseChangeReader):
    """The real reader, which looks whenever it is asked, so that a test need not wait for its thread."""

    def seen(self, at_least: int = 0) -> Any:
        return self._look()


@pytest.fixture
def desk(sqlite_database_url: str, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(sqlite_database_url, tmp_path)
    yield desk
    desk.close()


def names(told: list[tuple[str, Any]]) -> list[str]:
    return [event for event, _data in told]


def test_the_first_look_tells_everything_and_the_next_nothing(desk: Desk) -> None:
    told = desk.look()
    assert names(told) == ["status_update", "metrics_update", "summary_update", "tick_update"]
    assert {tick.symbol: tick.connection_id for tick in told[-1][1]} == {
        symbol: connection_id for connection_id, symbols in CARRIED.items() for symbol in symbols
    }
    assert desk.look() == []


def test_ticks_come_at_most_every_100_ms_with_what_is_newest_then(desk: Desk) -> None:
    desk.look()
    desk.ingestion.trade(1.0, "AAPL")
    assert desk.ticks() == [{"AAPL": 1.0}]
    desk.ingestion.trade(2.0, "AAPL")
    assert desk.ticks(0.05) == []
    desk.ingestion.trade(3.0, "AAPL", "MSFT")
    assert desk.ticks(0.06) == [{"AAPL": 3.0, "MSFT": 3.0}]


def test_an_older_minute_that_is_corrected_is_not_told(desk: Desk) -> None:
    desk.look()
    desk.ingestion.trade(9.0, "AAPL", minute_ms=now_ms() // MINUTE_MS * MINUTE_MS - 2 * MINUTE_MS)
    assert desk.ticks() == []


def test_when_much_changes_at_once_the_newest_are_told_all_the_same(desk: Desk) -> None:
    desk.look()
    this_ms = now_ms() // MINUTE_MS * MINUTE_MS
    for minutes_ago in range(40, 1, -1):  # as when history is filled
        desk.ingestion.trade(float(minutes_ago), "AAPL", minute_ms=this_ms - minutes_ago * MINUTE_MS)
    desk.ingestion.trade(77.0, "AAPL", minute_ms=this_ms + MINUTE_MS)
    assert desk.ticks() == [{"AAPL": 77.0}]
    desk.ingestion.trade(78.0, "AAPL", minute_ms=this_ms + MINUTE_MS)
    assert desk.ticks() == [{"AAPL": 78.0}]


def test_a_ticker_that_is_carried_from_now_on_is_told_at_once(desk: Desk) -> None:
    desk.ingestion.assign({"connection_1": ["AAPL"]})
    assert desk.ticks() == [{"AAPL": 150.0}]
    desk.ingestion.assign({"connection_1": ["AAPL"], "connection_2": ["NVDA"]})
    assert desk.ticks() == [{"NVDA": 150.0}]


def test_counters_alone_are_no_change_of_status(desk: Desk) -> None:
    at_ms = now_ms()
    desk.ingestion.report(status_rows.multi_live(at_ms))
    desk.look()
    busier = (status_rows.connection(number, at_ms, messages=99_999, rates=[9] * 60) for number in (1, 2, 3))
    repair = status_rows.repair(state="asking", waiting_symbols=56, now="MSFT")
    desk.ingestion.report(status_rows.row(*busier, now_ms=at_ms, repair=repair))
    assert names(desk.look()) == []
    told = desk.look(1.0)
    assert names(told) == ["metrics_update", "summary_update"]
    assert told[1][1]["repair"]["now"] == "MSFT"


def test_a_connection_that_goes_down_is_told_by_the_next_look(desk: Desk) -> None:
    desk.look()
    desk.ingestion.log("first")
    desk.ingestion.log("second")
    desk.ingestion.report(status_rows.one_down(now_ms()))
    told = desk.look()
    assert names(told) == ["status_update", "event_update"]
    assert told[0][1]["connections"][1]["condition"] == "down"
    assert [event["reason"] for event in told[1][1]] == ["second", "first"]
    assert desk.look() == []


def test_a_gap_that_opens_or_moves_on_is_told_each_second(desk: Desk) -> None:
    desk.look()
    desk.ingestion.miss("one", "AAPL", "MSFT")
    assert names(desk.look(1.0)) == ["metrics_update", "summary_update", "gaps_update"]
    assert names(desk.look(1.0)) == ["metrics_update", "summary_update"]
    desk.ingestion.gaps.ask_again("one", now_ms())
    [(_, told)] = [message for message in desk.look(1.0) if message[0] == "gaps_update"]
    assert told["totals"]["open"] == 1
    assert told["gaps"][0]["due_at"] <= now_ms()


def test_without_the_database_what_ingestion_tells_on_this_machine_is_told_each_second(desk: Desk) -> None:
    desk.look()
    desk.ingestion.take_away()
    with pytest.raises(DatabaseUnavailableError):
        desk.look()
    desk.status_file.write(status_rows.database_away(now_ms()))
    desk.told.clear()
    desk.feed.look_without_database(desk.now_s + 1.0)
    desk.feed.look_without_database(desk.now_s + 1.5)
    assert names(desk.told) == ["metrics_update", "summary_update"]
    assert desk.told[1][1]["storage"]["spooled_bars"] == 12_000
    desk.ingestion.bring_back()
    assert names(desk.look(3.0))[-2:] == ["metrics_update", "summary_update"]


def test_a_bar_that_is_withdrawn_is_no_price(desk: Desk) -> None:
    desk.look()
    newest_ms = now_ms() // MINUTE_MS * MINUTE_MS
    gone = bar("AAPL", newest_ms, close=1.0, observed_at=2**50, withdrawn=True)
    desk.ingestion.database.merge([gone])
    assert desk.ticks() == []


def test_who_comes_later_is_told_how_things_are(desk: Desk) -> None:
    desk.look()
    desk.ingestion.trade(5.0, "AAPL")
    desk.look()
    (status, ticks) = desk.feed.greeting()
    assert (status[0], ticks[0]) == ("status_update", "tick_update")
    assert {tick.symbol: tick.price for tick in ticks[1]}["AAPL"] == 5.0
    assert len(ticks[1]) == 5


# -- which symbols -------------------------------------------------------------------------------------------------


def test_of_too_many_tickers_every_connection_has_some() -> None:
    tickers = {f"connection_{number}": [f"{number}-{place}" for place in range(900)] for number in (1, 2, 3)}
    carriers = carriers_of(tickers, lambda limit: [])
    assert len(carriers) == MOST_SYMBOLS
    assert {list(carriers.values()).count(name) for name in tickers} == {333, 334}


def test_what_a_connection_names_is_not_the_whole_markets() -> None:
    carriers = carriers_of({"connection_1": ["*"], "connection_2": ["AAPL"]}, lambda limit: ["AAPL", "MSFT"][:limit])
    assert carriers == {"AAPL": "connection_2", "MSFT": "connection_1"}
