"""Which days of which symbols are whole, as both databases tell it."""

import datetime as dt

import pytest
from sqlalchemy import insert

from src.config.settings import PROJECT_ROOT
from src.core.domain.market.bar import Tier
from src.core.domain.market.coverage import DayState, Span
from src.core.domain.market.gaps import Gap, GapReason, GapState
from src.core.services.coverage_service import CoverageService
from src.core.services.quality_service import QualityService, minutes_within
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.database.coverage_reader import DatabaseCoverage
from src.infrastructure.database.engines import read_engine, write_engine
from src.infrastructure.database.freshness_reader import DatabaseFreshness
from src.infrastructure.database.gap_store import DatabaseGapReader, DatabaseGapStore
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from src.infrastructure.database.tables import history_months
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
# Friday evening in New York; MINUTE is the open of Thursday, 2025-11-20.
_NOW_MS = MINUTE + _DAY_MS + 11 * _HOUR_MS
_THURSDAY, _FRIDAY = dt.date(2025, 11, 20), dt.date(2025, 11, 21)


@pytest.fixture
def service(database_url: str) -> CoverageService:
    calendar = load_session_table(PROJECT_ROOT / "data/sessions.csv")
    return CoverageService(DatabaseCoverage(read_engine(database_url)), calendar, lambda: _NOW_MS)


def states(service: CoverageService, *symbols: str) -> list[list[str]]:
    """Of Thursday and Friday."""
    cells = service.cells(symbols, service.days(_THURSDAY, _FRIDAY))
    return [[cell.state.value for cell in cells[symbol]] for symbol in symbols]


def record(database_url: str, gap: Gap) -> DatabaseGapStore:
    store = DatabaseGapStore(write_engine(database_url), lambda: _NOW_MS)
    store.record([gap])
    return store


def a_gap(symbols: tuple[str, ...] | None, from_ms: int, to_ms: int | None) -> Gap:
    return Gap("1", "connection_1", symbols, from_ms, to_ms, GapReason.DROP, "It was dropped.", from_ms)


def test_days_are_told_by_their_bars(service: CoverageService, database: TickStockDatabase) -> None:
    final = [bar("A", MINUTE + place * 60_000, tier=Tier.FINAL) for place in range(390)]
    database.merge([*final, bar("A", MINUTE - 60_000, tier=Tier.FINAL), bar("A", MINUTE + _DAY_MS), bar("B", MINUTE)])
    cells = service.cells(["A", "B", "C"], service.days(_THURSDAY, _FRIDAY))
    assert [(cell.state, cell.bars, cell.regular) for cell in cells["A"]] == [
        (DayState.FINAL, 391, 390), (DayState.UNCONFIRMED, 1, 1)
    ]  # fmt: skip
    assert states(service, "B", "C") == [["unconfirmed", "missing"], ["missing", "missing"]]


def test_a_day_of_which_one_end_was_compared_is_not_final(
    service: CoverageService, database: TickStockDatabase
) -> None:
    database.merge([bar("A", MINUTE, tier=Tier.FINAL), bar("A", MINUTE + 60_000)])
    assert states(service, "A") == [["unconfirmed", "missing"]]


def test_weekends_and_holidays_are_no_days(service: CoverageService) -> None:
    assert [day.date for day in service.days(dt.date(2025, 11, 14), dt.date(2025, 12, 1))] == [
        "2025-11-14", "2025-11-17", "2025-11-18", "2025-11-19", "2025-11-20", "2025-11-21"
    ]  # fmt: skip
    assert [day.date for day in service.newest_days(2)] == ["2025-11-20", "2025-11-21"]
    early = service.day(dt.date(2025, 11, 28))
    assert early is not None
    assert early.regular_minutes == 210
    assert service.day(dt.date(2025, 11, 27)) is None


def test_gaps_are_told_of_the_days_that_they_touch(
    service: CoverageService, database: TickStockDatabase, database_url: str
) -> None:
    database.merge([bar("A", MINUTE), bar("B", MINUTE)])
    gap = a_gap(("A",), MINUTE, MINUTE + 60_000)
    store = record(database_url, gap)
    assert states(service, "A", "B") == [["open", "missing"], ["unconfirmed", "missing"]], "not divided yet"
    store.expand(gap, {"A": 0})
    assert states(service, "A") == [["open", "missing"]], "divided"
    store.record([a_gap(None, MINUTE + _DAY_MS, None)._replace(id="2")])
    assert states(service, "A", "B") == [["open", "open"], ["unconfirmed", "open"]], "of all, and it grows"


def test_what_was_given_up_is_told(service: CoverageService, database: TickStockDatabase, database_url: str) -> None:
    gap = a_gap(("A",), MINUTE, MINUTE)
    store = record(database_url, gap)
    store.expand(gap, {"A": 0})
    store.note(store.entries(_NOW_MS, 9), GapState.UNREPAIRABLE, None, 0, "The vendor refuses.")
    assert states(service, "A") == [["unrepairable", "missing"]]


def test_a_month_that_was_asked_for_settles_its_days(
    service: CoverageService, database: TickStockDatabase, database_url: str
) -> None:
    database.merge([bar("A", MINUTE)])
    with write_engine(database_url).begin() as connection:
        row = {
            "timespan": "minute",
            "month": "2025-11",
            "since": _THURSDAY,
            "through": _THURSDAY,
            "bars": 1,
            "asked_ms": 0,
        }
        connection.execute(insert(history_months), [{"symbol": "A", **row}, {"symbol": "B", **row}])
        connection.execute(insert(history_months), [{"symbol": "C", **row, "timespan": "day"}])
    assert states(service, "A", "B", "C") == [["final", "missing"], ["empty", "missing"], ["empty", "missing"]]
    before = service.cells(["B"], service.days(_THURSDAY - dt.timedelta(days=1), _THURSDAY))
    assert [cell.state.value for cell in before["B"]] == ["missing", "empty"]


def test_what_was_pruned_is_not_missing(service: CoverageService, database: TickStockDatabase) -> None:
    database.set_state("pruned", {"before_ms": MINUTE + 12 * _HOUR_MS})
    assert states(service, "A") == [["pruned", "missing"]]


def test_a_symbols_day_in_detail(service: CoverageService, database: TickStockDatabase, database_url: str) -> None:
    bars = [bar("A", MINUTE + place * 60_000) for place in (-1, 0, 1, 5, 389, 390)]
    database.merge([*bars, bar("A", MINUTE + 2 * 60_000, tier=Tier.FINAL, withdrawn=True, observed_at=2)])
    record(database_url, a_gap(("A",), MINUTE + 3 * 60_000, MINUTE + 4 * 60_000))
    day = service.day(_THURSDAY)
    assert day is not None
    told = service.symbol_day("A", day)
    assert told.cell == (DayState.OPEN, 7, 5)
    assert told.tiers == {"live": 0, "early": 0, "official": 6, "final": 0}
    assert told.withdrawn == 1
    assert told.missing == [
        Span(MINUTE + 3 * 60_000, MINUTE + 4 * 60_000), Span(MINUTE + 6 * 60_000, MINUTE + 388 * 60_000)
    ]  # fmt: skip
    assert [span.minutes for span in told.missing_outside] == [329, 239]
    assert told.gaps == [(MINUTE + 3 * 60_000, MINUTE + 4 * 60_000)]


def test_the_quality_of_a_day_tells_what_is_new_what_is_there_and_what_came_late(
    database: TickStockDatabase, database_url: str
) -> None:
    """At 10:00 of Thursday: thirty minutes of the regular session are over."""
    now_ms = MINUTE + 30 * 60_000
    database.merge([bar("A", MINUTE + place * 60_000) for place in range(5, 25)])
    database.merge([bar("B", MINUTE - _DAY_MS, tier=Tier.FINAL), bar("C", MINUTE + 29 * 60_000, tier=Tier.LIVE)])
    # Two minutes that are older than 20 minutes, one of them twice, and one that is not.
    for place in (3, 3, 4, 28):
        database.merge([bar("C", MINUTE + place * 60_000)])
    calendar = load_session_table(PROJECT_ROOT / "data/sessions.csv")
    read, write = read_engine(database_url), write_engine(database_url)
    coverage = CoverageService(DatabaseCoverage(read), calendar, lambda: now_ms)
    record(database_url, a_gap(("B",), MINUTE, MINUTE + 60_000))
    gaps, runs = DatabaseGapReader(read), DatabaseReconciliations(read, write)
    service = QualityService(coverage, DatabaseFreshness(read), gaps, runs, lambda: now_ms)
    quality = service.quality(["A", "B", "C", "D"])
    assert (quality.day.date, quality.passed, quality.gaps.open, quality.runs) == ("2025-11-20", 30, 1, [])
    assert [tuple(row) for row in quality.symbols] == [
        ("A", MINUTE + 24 * 60_000, Tier.OFFICIAL, DayState.TODAY, 20, 20, 0),
        ("B", MINUTE - _DAY_MS, Tier.FINAL, DayState.OPEN, 0, 0, 0),
        ("C", MINUTE + 29 * 60_000, Tier.LIVE, DayState.TODAY, 4, 4, 2),
        ("D", None, None, DayState.TODAY, 0, 0, 0),
    ]


def test_minutes_of_ranges_that_overlap_are_counted_once() -> None:
    ranges = [(0, 120_000), (60_000, 180_000), (600_000, 600_000), (-60_000, 0)]
    assert minutes_within(ranges, 0, 600_000) == 5
    assert minutes_within(ranges, 60_000, 120_000) == 2
    assert minutes_within([], 0, 600_000) == 0
