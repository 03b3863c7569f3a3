"""The oracle sees whatever is not as it should be."""

import msgspec
import pytest
from sqlalchemy import text

from src.core.domain.market.bar import Bar, Tier
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.simulator.bars import Bar as OfficialBar
from tests.bars import bar
from tests.integration.faults.market import market
from tests.integration.faults.oracle import Verdict, compare, judge
from tests.market_data import Session

Official = dict[tuple[str, int], OfficialBar]


@pytest.fixture
def official(session: Session) -> Official:
    played = market(session, session.symbols[:1], "15:58", 2)
    return {(line.symbol, line.start_ms): line.bar for line in played.lines if line.bar and line.channel == "AM"}


def stored(official: Official) -> list[Bar]:
    return [
        Bar(
            symbol, start_ms, told.open, told.high, told.low, told.close, told.volume_micro / 1_000_000, told.vwap,
            None, Tier.OFFICIAL.value, 1,
        )
        for (symbol, start_ms), told in official.items()
    ]  # fmt: skip


def test_equal_bars_are_well(official: Official) -> None:
    assert compare(stored(official), official).is_well


def test_what_is_missing_extra_or_different_is_seen(official: Official) -> None:
    bars = stored(official)
    (missing, different, *rest) = bars
    wrong = msgspec.structs.replace(different, volume=different.volume + 1)
    extra = bar("EXTRA")
    verdict = compare([wrong, *rest, extra], official)
    assert verdict.missing == [(missing.symbol, missing.timestamp)]
    assert verdict.extra == [("EXTRA", extra.timestamp)]
    assert [key for key, _, _ in verdict.different] == [(different.symbol, different.timestamp)]
    assert not verdict.is_well
    assert "1 missing, 1 extra, 1 different" in str(verdict)


def test_a_bar_that_was_withdrawn_counts_as_none(official: Official) -> None:
    (first, *rest) = stored(official)
    gone = msgspec.structs.replace(first, withdrawn=True)
    assert compare([gone, *rest], official).missing == [(first.symbol, first.timestamp)]


def test_a_gap_that_is_left_is_seen(sqlite_database_url: str, official: Official) -> None:
    database = TickStockDatabase(write_engine(sqlite_database_url), lambda: 1)
    database.merge(stored(official))
    database.close()
    assert judge(sqlite_database_url, official) == Verdict([], [], [], [])
    engine = write_engine(sqlite_database_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO data_gaps (id, scope, from_ms, reason, detail, state, opened_ms) "
                "VALUES ('1', '*', 0, 'drop', 'A drop.', 'unrepairable', 0)"
            )
        )
    engine.dispose()
    (gap,) = judge(sqlite_database_url, official).gaps
    assert "A drop." in gap
