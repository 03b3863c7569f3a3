"""What the REST side says of the synthetic market: late, unfinished, corrected, and the same for the same seed."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.simulator.bars import SHARE_MICRO, Bar
from src.simulator.habits import RestHabits
from src.simulator.history import MarketHistory
from src.simulator.market import SyntheticMarket
from src.simulator.newyork import MINUTE_MS, date_bounds_ms
from src.simulator.universe import default_universe

SYMBOLS = ("AAPL", "SPY", "KO", "BACpL")
MARKET = SyntheticMarket(7, [i for i in default_universe() if i.symbol in SYMBOLS])
HISTORY = MarketHistory(MARKET)
MIDNIGHT_MS, DAY_END_MS = date_bounds_ms(date(2025, 11, 20))
OPENING_MS, CLOSING_MS = MIDNIGHT_MS + 570 * MINUTE_MS, MIDNIGHT_MS + 960 * MINUTE_MS
START_MS = OPENING_MS + 30 * MINUTE_MS
LATER_MS = START_MS + 2 * 86_400_000


def minutes(history: MarketHistory, symbol: str, from_ms: int, to_ms: int, now_ms: int) -> dict[int, dict[str, Any]]:
    return {t: json.loads(bar) for t, bar in history.minutes(symbol, from_ms, to_ms, now_ms, ascending=True)}


def minute(history: MarketHistory, minute_ms: int, now_ms: int, symbol: str = "AAPL") -> dict[str, Any] | None:
    return minutes(history, symbol, minute_ms, minute_ms, now_ms).get(minute_ms)


def newest(symbol: str, minute_ms: int, now_ms: int) -> list[Bar]:
    """The seconds of a minute that the feed sent by `now_ms`."""
    sent = {v.bar.start_ms: v.bar for v in MARKET.seconds(symbol, minute_ms) if v.send_at_ms <= now_ms}
    return [sent[start_ms] for start_ms in sorted(sent)]


def revised() -> int:
    """A minute that the feed sends more than once."""
    return next(
        minute_ms for minute_ms in range(START_MS, CLOSING_MS, MINUTE_MS) if len(MARKET.minute("AAPL", minute_ms)) > 1
    )


def test_a_minute_is_the_newest_version_sent_so_far() -> None:
    first, last = (MARKET.minute("AAPL", revised())[place] for place in (0, -1))
    for sent in (first, last):
        bar = minute(HISTORY, revised(), sent.send_at_ms)
        assert bar is not None
        assert (bar["v"], bar["n"]) == (sent.bar.volume_micro / 1e6, sent.bar.trades)


@pytest.mark.parametrize("into_ms", [1_100, 30_000, 60_900])
def test_a_minute_without_its_am_is_the_seconds_sent_so_far(into_ms: int) -> None:
    bar, seconds = minute(HISTORY, START_MS, START_MS + into_ms), newest("AAPL", START_MS, START_MS + into_ms)
    assert bar is not None
    assert (bar["o"], bar["c"]) == (seconds[0].open, seconds[-1].close)
    assert (bar["h"], bar["l"]) == (max(s.high for s in seconds), min(s.low for s in seconds))
    assert bar["v"] == sum(s.volume_micro for s in seconds) / 1e6
    assert bar["n"] == sum(s.trades for s in seconds)
    assert bar["l"] <= bar["vw"] <= bar["h"] + 0.02
    assert minute(HISTORY, START_MS, START_MS) is None


def test_minutes_without_trades_and_unknown_symbols_are_left_out() -> None:
    end_ms = START_MS + 120 * MINUTE_MS
    starts_ms = list(minutes(HISTORY, "BACpL", START_MS, end_ms, end_ms))
    assert 0 < len(starts_ms) < 60
    assert starts_ms == sorted(starts_ms)
    backwards = [start_ms for start_ms, _ in HISTORY.minutes("BACpL", START_MS, end_ms, end_ms, ascending=False)]
    assert backwards == starts_ms[::-1]
    for symbol in ("BACPL", "ZZZZ"):
        assert not minutes(HISTORY, symbol, START_MS, end_ms, end_ms)
        assert not list(HISTORY.days(symbol, START_MS, end_ms, end_ms, ascending=True))


def test_each_symbol_lags_by_its_own_time() -> None:
    late = MarketHistory(MARKET, RestHabits(lag_s=1200))
    behind = {}
    for symbol in SYMBOLS:
        known = max(minutes(late, symbol, START_MS - 3 * 3_600_000, START_MS, START_MS))
        behind[symbol] = START_MS - known
        prompt = minutes(HISTORY, symbol, known, known, START_MS)[known]
        assert known <= START_MS
        assert minutes(late, symbol, known, known, START_MS + 1_200_000 + MINUTE_MS)[known]["v"] >= prompt["v"]
    assert len(set(behind.values())) > 1
    assert max(behind[symbol] for symbol in ("AAPL", "SPY", "KO")) <= 1_200_000
    assert behind == {
        symbol: START_MS - max(minutes(late, symbol, START_MS - 3 * 3_600_000, START_MS, START_MS))
        for symbol in SYMBOLS
    }


def test_a_share_of_minutes_contradicts_every_am_some_time_later() -> None:
    history = MarketHistory(MARKET, RestHabits(contradict=0.2))
    session = range(OPENING_MS, CLOSING_MS, MINUTE_MS)
    official = minutes(history, "AAPL", OPENING_MS, CLOSING_MS - 1, LATER_MS)
    sent = minutes(HISTORY, "AAPL", OPENING_MS, CLOSING_MS - 1, LATER_MS)
    contradicted = [t for t in session if official[t] != sent[t]]
    assert 0.12 < len(contradicted) / len(session) < 0.28
    for t in contradicted:
        bar = official[t]
        assert bar["l"] <= min(bar["o"], bar["c"]) <= max(bar["o"], bar["c"]) <= bar["h"]
        assert all(bar["v"] != version.bar.volume_micro / SHARE_MICRO for version in MARKET.minute("AAPL", t))
        # Until the feed has said its last word, both agree.
        assert minute(history, t, t + 16 * MINUTE_MS) == sent[t]
        assert minute(history, t, t + 12 * 3_600_000 + 2 * MINUTE_MS) == bar
    assert {official[t]["v"] > sent[t]["v"] for t in contradicted} == {True, False}


def test_a_share_of_minutes_is_cancelled_some_time_after_its_am() -> None:
    history = MarketHistory(MARKET, RestHabits(cancel=0.1))
    sent = minutes(HISTORY, "AAPL", OPENING_MS, CLOSING_MS - 1, LATER_MS)
    cancelled = sent.keys() - minutes(history, "AAPL", OPENING_MS, CLOSING_MS - 1, LATER_MS).keys()
    assert 0.04 < len(cancelled) / len(sent) < 0.16
    for t in cancelled:
        assert minute(history, t, t + 5 * MINUTE_MS) == minute(HISTORY, t, t + 5 * MINUTE_MS)
        assert minute(history, t, t + 62 * MINUTE_MS) is None


def all_minutes(symbol: str) -> Iterator[Bar]:
    for minute_ms in range(MIDNIGHT_MS, DAY_END_MS, MINUTE_MS):
        yield from (version.bar for version in MARKET.minute(symbol, minute_ms)[-1:])


def day(symbol: str, now_ms: int, history: MarketHistory = HISTORY) -> dict[str, Any]:
    ((start_ms, element),) = history.days(symbol, MIDNIGHT_MS, DAY_END_MS - 1, now_ms, ascending=True)
    bar: dict[str, Any] = json.loads(element)
    assert bar["t"] == start_ms == MIDNIGHT_MS
    return bar


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_day_is_its_session_from_auction_to_auction_and_the_volume_of_all_its_minutes(symbol: str) -> None:
    bars = list(all_minutes(symbol))
    regular = [bar for bar in bars if OPENING_MS <= bar.start_ms < CLOSING_MS]
    found = day(symbol, LATER_MS)
    closing = [bar.open for bar in bars if bar.start_ms == CLOSING_MS]
    assert found["o"] == regular[0].open
    assert found["c"] == (closing or [regular[-1].close])[0]
    assert found["h"] == max([bar.high for bar in regular] + closing)
    assert found["l"] == min([bar.low for bar in regular] + closing)
    # Odd lots of minutes without a bar are in no minute.
    extra = found["v"] - sum(bar.volume_micro for bar in bars) / 1e6
    assert 0 <= extra < (0.2 * found["v"] if symbol == "BACpL" else 0.001)
    assert found["n"] == pytest.approx(sum(bar.trades for bar in bars), rel=0.1 if symbol == "BACpL" else 0.01)
    assert found["l"] < found["vw"] < found["h"]


@settings(max_examples=25, deadline=None)
@given(symbol=st.sampled_from(SYMBOLS), into_s=st.lists(st.integers(1, 86_399), min_size=1, max_size=3))
def test_a_day_so_far_does_not_depend_on_what_was_asked_before(symbol: str, into_s: list[int]) -> None:
    asked = MarketHistory(MARKET)
    for seconds in into_s:
        now_ms = MIDNIGHT_MS + 1000 * seconds
        fresh = MarketHistory(MARKET)
        for history in (asked, fresh):
            list(history.snapshot([symbol], now_ms))
        days = [list(h.days(symbol, MIDNIGHT_MS, now_ms, now_ms, ascending=True)) for h in (asked, fresh)]
        assert days[0] == days[1]


def test_a_day_so_far_grows_into_the_day() -> None:
    volumes = []
    minutes = list(all_minutes("AAPL"))
    for into_minutes in range(600, 1440, 120):
        found = day("AAPL", MIDNIGHT_MS + into_minutes * MINUTE_MS + 500)
        bars = [bar for bar in minutes if bar.start_ms < MIDNIGHT_MS + into_minutes * MINUTE_MS]
        regular = [bar for bar in bars if OPENING_MS <= bar.start_ms < CLOSING_MS]
        assert found["h"] >= max(bar.high for bar in regular)
        assert found["o"] == regular[0].open
        assert found["v"] == sum(bar.volume_micro for bar in bars) / 1e6
        assert found["n"] == pytest.approx(sum(bar.trades for bar in bars), rel=0.01)
        volumes.append(found["v"])
    assert volumes == sorted(volumes)
    assert day("AAPL", MIDNIGHT_MS + 1200 * MINUTE_MS)["c"] == day("AAPL", LATER_MS)["c"]


def test_days_are_listed_in_either_order_and_the_forming_one_is_among_them() -> None:
    week_ms = START_MS - 6 * 86_400_000
    forwards = list(HISTORY.days("SPY", week_ms, LATER_MS, START_MS, ascending=True))
    assert len(forwards) == 7
    assert forwards[-1][0] == MIDNIGHT_MS
    assert forwards == sorted(forwards)
    assert list(HISTORY.days("SPY", week_ms, LATER_MS, START_MS, ascending=False)) == forwards[::-1]


@pytest.mark.parametrize("symbol", ["AAPL", "SPY", "KO"])
def test_a_day_long_past_is_about_what_its_minutes_make_it(symbol: str) -> None:
    exact, about = day(symbol, LATER_MS), day(symbol, LATER_MS + 20 * 86_400_000)
    assert about != exact
    assert (about["o"], about["c"], about["t"]) == (exact["o"], exact["c"], exact["t"])
    assert about["l"] <= min(about["o"], about["c"]) <= max(about["o"], about["c"]) <= about["h"]
    reach = 0.4 * (exact["h"] - exact["l"])
    assert about["h"] == pytest.approx(exact["h"], abs=reach)
    assert about["l"] == pytest.approx(exact["l"], abs=reach)
    assert about["vw"] == pytest.approx(exact["vw"], abs=reach)
    assert about["v"] == pytest.approx(exact["v"], rel=0.25)
    assert about["n"] == pytest.approx(exact["n"], rel=0.25)
    assert day(symbol, LATER_MS + 400 * 86_400_000) == about


def test_the_day_of_a_thin_name_stays_exact() -> None:
    assert day("BACpL", LATER_MS + 400 * 86_400_000) == day("BACpL", LATER_MS)


def test_the_whole_markets_day_has_the_end_of_its_session() -> None:
    found = [json.loads(element) for element in HISTORY.whole_market(MIDNIGHT_MS, LATER_MS)]
    assert [bar["T"] for bar in found] == sorted(SYMBOLS)
    for bar in found:
        assert bar["t"] == CLOSING_MS
        assert {**bar, "t": MIDNIGHT_MS} == {"T": bar["T"], **day(bar["T"], LATER_MS)}
    assert not list(HISTORY.whole_market(DAY_END_MS, START_MS))


def snapshot(symbol: str, now_ms: int, history: MarketHistory = HISTORY) -> dict[str, Any]:
    ((element),) = history.snapshot([symbol], now_ms)
    found: dict[str, Any] = json.loads(element)
    return found


def test_a_snapshot_has_the_day_so_far_the_last_minute_and_the_day_before() -> None:
    now_ms = START_MS + 45_000
    found, known = snapshot("AAPL", now_ms), newest("AAPL", START_MS, now_ms)
    today = day("AAPL", now_ms)
    assert found["day"]["v"] == known[-1].day_volume_micro / 1e6
    assert {key: found["day"][key] for key in "ohlcv"} == {key: today[key] for key in "ohlcv"}
    last = MARKET.minute("AAPL", START_MS - MINUTE_MS)[0].bar
    assert found["min"].pop("av") == last.day_volume_micro / 1e6
    assert found["min"] == minute(HISTORY, START_MS - MINUTE_MS, now_ms)
    ((_start_ms, before),) = HISTORY.days("AAPL", MIDNIGHT_MS - 86_400_000, MIDNIGHT_MS - 1, now_ms, ascending=True)
    assert found["prevDay"] == {key: value for key, value in json.loads(before).items() if key not in "tn"}
    assert found["updated"] == now_ms * 1_000_000
    assert found["todaysChange"] == pytest.approx(found["day"]["c"] - found["prevDay"]["c"])
    assert found["todaysChangePerc"] == pytest.approx(100 * found["todaysChange"] / found["prevDay"]["c"], abs=1e-3)


def test_a_snapshot_of_what_did_not_trade_yet_is_zeros_and_the_day_before() -> None:
    found = snapshot("BACpL", MIDNIGHT_MS)
    assert set(found["day"].values()) == set(found["min"].values()) == {0}
    assert found["updated"] == found["todaysChange"] == 0
    assert found["prevDay"]["v"] > 0


def test_the_days_volume_has_the_late_trades_that_a_revision_brought_and_odd_lots() -> None:
    versions = MARKET.minute("AAPL", revised())
    following = MARKET.minute("AAPL", revised() + MINUTE_MS)[0].bar
    before_micro = versions[0].bar.day_volume_micro - versions[0].bar.volume_micro
    late_micro = versions[-1].bar.volume_micro - versions[0].bar.volume_micro
    assert late_micro > 0
    accumulated = following.day_volume_micro - following.volume_micro
    assert accumulated == before_micro + versions[0].bar.volume_micro + late_micro


def test_the_listings_are_the_instruments_in_order() -> None:
    assert [one.ticker for one in HISTORY.listings] == sorted(SYMBOLS)
    kinds = {one.ticker: (one.type, one.exchange) for one in HISTORY.listings}
    assert (kinds["BACpL"], kinds["SPY"]) == (("PFD", "XNYS"), ("ETF", "ARCX"))
