"""Official hours: nothing outside them, thin around the regular session, auctions where the exchange has them."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from src.simulator.history import MarketHistory
from src.simulator.hours import OfficialHours, always, date_of, official_hours
from src.simulator.market import SyntheticMarket
from src.simulator.newyork import MINUTE_MS, date_bounds_ms, minute_of_day
from src.simulator.universe import default_universe

ORDINARY, HOLIDAY, EARLY_CLOSE, SATURDAY = (
    date(2025, 11, 20), date(2025, 11, 27), date(2025, 11, 28), date(2025, 11, 22),
)  # fmt: skip
UNIVERSE = [i for i in default_universe() if i.symbol in {"AAPL", "BACpL"}]
MARKET = SyntheticMarket(7, UNIVERSE, hours=official_hours())
LATER_MS = date_bounds_ms(date(2026, 1, 1))[0]


def volumes(day: date, symbol: str = "AAPL", market: SyntheticMarket = MARKET) -> dict[int, float]:
    """By minute of the New York day, the shares of those that have a bar."""
    start_ms, end_ms = date_bounds_ms(day)
    return {
        minute_of_day(minute_ms // MINUTE_MS): versions[-1].bar.volume_micro / 1e6
        for minute_ms in range(start_ms, end_ms, MINUTE_MS)
        if (versions := market.minute(symbol, minute_ms))
    }


def test_an_ordinary_day_is_from_four_to_twenty_and_thin_around_its_session() -> None:
    traded = volumes(ORDINARY)
    assert (min(traded), max(traded)) == (240, 1199)
    extended = sum(volume for minute, volume in traded.items() if not 570 <= minute <= 960)
    assert 0.01 < extended / sum(traded.values()) < 0.08
    assert 0.5 < sum(traded.values()) / 52_000_000 < 1.7


def test_auctions_are_where_the_session_opens_and_closes() -> None:
    for day, closes in ((ORDINARY, 960), (EARLY_CLOSE, 780)):
        traded = volumes(day)
        for auction in (570, closes):
            around = [traded[auction - 2], traded[auction + 2]]
            assert traded[auction] > 2 * min(around)
            assert traded[auction] > 0.5 * max(around)
    assert (min(traded), max(traded)) == (240, 1019)
    assert sum(volume for minute, volume in traded.items() if minute > 780) < 0.06 * sum(traded.values())
    assert sum(traded.values()) < 0.9 * sum(volumes(ORDINARY).values())


@pytest.mark.parametrize("day", [SATURDAY, HOLIDAY])
def test_nothing_trades_on_other_days(day: date) -> None:
    start_ms, end_ms = date_bounds_ms(day)
    assert not volumes(day)
    assert not any(MARKET.seconds("AAPL", minute_ms) for minute_ms in range(start_ms, end_ms, MINUTE_MS))
    history = MarketHistory(MARKET)
    assert not list(history.days("AAPL", start_ms, end_ms - 1, LATER_MS, ascending=True))
    assert not list(history.whole_market(start_ms, LATER_MS))


def test_odd_lots_of_a_thin_name_keep_the_hours_too() -> None:
    first_ms, _end_ms = date_bounds_ms(ORDINARY - timedelta(days=3))
    for minute_ms in range(first_ms, first_ms + 5 * 86_400_000, MINUTE_MS):
        plan = MARKET.plan("BACpL", minute_ms // MINUTE_MS)
        if not 240 <= minute_of_day(minute_ms // MINUTE_MS) < 1200:
            assert plan.total_micro == 0


def test_days_end_with_their_session_and_skip_those_without_one() -> None:
    history = MarketHistory(MARKET)
    from_ms, to_ms = date_bounds_ms(ORDINARY)[0], date_bounds_ms(EARLY_CLOSE)[1] - 1
    days = [start_ms for start_ms, _ in history.days("AAPL", from_ms, to_ms, LATER_MS, ascending=True)]
    assert [date_of(start_ms // MINUTE_MS).day for start_ms in days] == [20, 21, 24, 25, 26, 28]
    (apple, _preferred) = history.whole_market(days[-1], LATER_MS)
    assert json.loads(apple)["t"] == days[-1] + 780 * MINUTE_MS
    # After a holiday the snapshot's day before is the last one that traded.
    now_ms = date_bounds_ms(HOLIDAY)[0] + 600 * MINUTE_MS
    (snapshot,) = map(json.loads, history.snapshot(["AAPL"], now_ms))
    assert set(snapshot["day"].values()) == {0}
    ((_start_ms, wednesday),) = history.days("AAPL", days[-2], days[-2], now_ms, ascending=True)
    assert snapshot["prevDay"]["v"] == json.loads(wednesday)["v"]


def test_any_hour_and_official_hours_are_at_the_same_prices() -> None:
    anyhow = SyntheticMarket(7, UNIVERSE, hours=always)
    noon = date_bounds_ms(ORDINARY)[0] // MINUTE_MS + 720
    assert anyhow.prices("AAPL", noon, 60) == MARKET.prices("AAPL", noon, 60)
    assert len(volumes(SATURDAY, market=anyhow)) == 1440


def test_the_table_of_exceptions_is_read_strictly(tmp_path: Path) -> None:
    table = tmp_path / "sessions.csv"
    table.write_text("# a comment\ndate,kind\n2025-12-25,holiday\n2025-12-24,early_close\n")
    hours = official_hours(table)
    assert hours(date(2025, 12, 25)) is None
    assert (hours(date(2025, 12, 24)), hours(date(2025, 12, 26))) == (
        OfficialHours({ORDINARY: "early_close"})(ORDINARY), OfficialHours({})(ORDINARY),
    )  # fmt: skip
    table.write_text("date,kind\n2025-12-25,late_open\n")
    with pytest.raises(ValueError, match="2025-12-25 is a 'late_open'; allowed are holiday and early_close"):
        official_hours(table)
