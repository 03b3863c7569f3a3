"""The synthetic market: the same for the same seed, continuous like a stock, and irregular where the real feed is."""

import functools
import statistics
from datetime import date
from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.simulator.bars import SHARE_MICRO, Bar, Version
from src.simulator.market import SyntheticMarket
from src.simulator.newyork import MINUTE_MS, date_bounds_ms
from src.simulator.universe import default_universe, select

DAY = date(2025, 11, 20)
DAY_START_MS, DAY_END_MS = date_bounds_ms(DAY)
DAY_MINUTES_MS = range(DAY_START_MS, DAY_END_MS, MINUTE_MS)
OPENING_MS = DAY_START_MS + 570 * MINUTE_MS
CLOSING_MS = DAY_START_MS + 960 * MINUTE_MS
SESSION_MINUTES_MS = range(OPENING_MS, CLOSING_MS, MINUTE_MS)

KNOWN_OPENING = (214.38, 214.45, 214.19, 214.21, 1_014_427 * SHARE_MICRO)

MARKET = SyntheticMarket(seed=7)
DAILY_VOLUMES = {i.symbol: i.daily_volume for i in default_universe() if i.daily_volume >= 35_000_000}
SYMBOLS = st.sampled_from(MARKET.symbols)
MINUTES_MS = st.integers(0, 2_000_000_000 // 60).map(lambda minute: minute * MINUTE_MS)


def minutes_of(symbol: str, minutes_ms: range) -> list[list[Version]]:
    return [versions for minute_ms in minutes_ms if (versions := MARKET.minute(symbol, minute_ms))]


def newest_seconds(symbol: str, minute_ms: int) -> list[Bar]:
    newest = {version.bar.start_ms: version.bar for version in MARKET.seconds(symbol, minute_ms)}
    return [newest[start_ms] for start_ms in sorted(newest)]


@pytest.fixture(scope="module")
def aapl_day() -> list[list[Version]]:
    return minutes_of("AAPL", DAY_MINUTES_MS)


@settings(max_examples=15, deadline=None)
@given(asked=st.lists(st.tuples(SYMBOLS, MINUTES_MS), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_any_moment_is_the_same_in_whatever_order_it_is_asked_for(asked: list[tuple[str, int]], seed: int) -> None:
    some = select(sorted({symbol for symbol, _minute_ms in asked}))
    forwards, backwards = SyntheticMarket(seed, some), SyntheticMarket(seed, some)
    first = [(forwards.seconds(*place), forwards.minute(*place)) for place in asked]
    second = [(backwards.minute(*place), backwards.seconds(*place)) for place in reversed(asked)]
    assert first == [(seconds, minute) for minute, seconds in reversed(second)]


def test_another_seed_is_another_market() -> None:
    assert SyntheticMarket(8).minute("AAPL", OPENING_MS) != MARKET.minute("AAPL", OPENING_MS)


def test_a_known_bar_stays_what_it_was() -> None:
    # Whoever keeps a database of simulated bars would otherwise see its history contradicted after an upgrade.
    bar = MARKET.minute("AAPL", OPENING_MS)[-1].bar
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume_micro) == KNOWN_OPENING


@settings(max_examples=150, deadline=None)
@given(symbol=SYMBOLS, minute_ms=MINUTES_MS)
def test_every_bar_is_well_formed(symbol: str, minute_ms: int) -> None:
    seconds, minutes = MARKET.seconds(symbol, minute_ms), MARKET.minute(symbol, minute_ms)
    assert bool(seconds) == bool(minutes)
    for window_ms, versions in ((1000, seconds), (MINUTE_MS, minutes)):
        assert [version.send_at_ms for version in versions] == sorted(version.send_at_ms for version in versions)
        for send_at_ms, bar in versions:
            assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert all(price == round(price, 2) for price in (bar.open, bar.high, bar.low, bar.close))
            assert bar.end_ms - bar.start_ms == window_ms
            assert bar.start_ms % window_ms == 0
            assert minute_ms <= bar.start_ms < bar.end_ms <= minute_ms + MINUTE_MS
            assert bar.end_ms < send_at_ms
            assert bar.volume_micro >= SHARE_MICRO
            assert bar.trades >= 1
            assert bar.day_volume_micro >= bar.volume_micro


@settings(max_examples=60, deadline=None)
@given(symbol=st.sampled_from(["AAPL", "SPY", "TSLA", "JPM"]), minute_ms=MINUTES_MS)
def test_prices_are_continuous_over_minutes(symbol: str, minute_ms: int) -> None:
    bars = newest_seconds(symbol, minute_ms) + newest_seconds(symbol, minute_ms + MINUTE_MS)
    for before, after in pairwise(bars):
        # 0.03 of a session's movement, or a cent or two, is some five standard deviations of a few seconds.
        assert abs(after.open - before.close) <= max(0.02, 0.0012 * before.close)


def test_a_minute_without_a_start_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 60000"):
        MARKET.minute("AAPL", OPENING_MS + 1)


@pytest.mark.parametrize("symbol", ["AAPL", "MSFT", "SPY", "XLF"])
def test_large_names_move_by_one_to_three_percent_a_day(symbol: str) -> None:
    ranges = []
    for day in range(12):
        start_ms = OPENING_MS + day * 1440 * MINUTE_MS
        bars = [v[-1].bar for v in minutes_of(symbol, range(start_ms, start_ms + 390 * MINUTE_MS, 5 * MINUTE_MS))]
        ranges.append(max(bar.high for bar in bars) / min(bar.low for bar in bars) - 1)
    assert 0.008 < mean(ranges) < 0.035


def test_volume_smiles_over_the_day_and_never_sleeps() -> None:
    def mean_volume(first: int, last: int) -> float:
        """Of some minutes of the day, each symbol counting alike: hours are busier or calmer by chance."""
        some_ms = range(DAY_START_MS + first * MINUTE_MS, DAY_START_MS + last * MINUTE_MS, 4 * MINUTE_MS)
        return mean(
            versions[-1].bar.volume_micro / volume
            for symbol, volume in DAILY_VOLUMES.items()
            for versions in minutes_of(symbol, some_ms)
        )

    midday = mean_volume(720, 800)
    assert mean_volume(571, 600) > 2 * midday
    assert mean_volume(930, 960) > 1.7 * midday
    assert 0.3 * midday < mean_volume(60, 360) < 0.7 * midday


def test_it_is_alive_in_the_night_of_a_sunday() -> None:
    sunday_ms, _end_ms = date_bounds_ms(date(2025, 11, 23))
    moving = [symbol for symbol in MARKET.symbols if MARKET.seconds(symbol, sunday_ms + 180 * MINUTE_MS)]
    assert len(moving) > 40


def test_the_minute_is_not_the_sum_of_its_seconds() -> None:
    closes = volumes = prices = 0
    for minute_ms in SESSION_MINUTES_MS:
        seconds, bar = newest_seconds("AAPL", minute_ms), MARKET.minute("AAPL", minute_ms)[-1].bar
        closes += seconds[-1].close == bar.close
        volumes += sum(second.volume_micro for second in seconds) != bar.volume_micro
        prices += (max(s.high for s in seconds), min(s.low for s in seconds)) == (bar.high, bar.low)
        assert sum(second.volume_micro for second in seconds) <= bar.volume_micro
    assert closes == 390
    assert 0.04 * 390 <= volumes <= 0.40 * 390
    assert prices >= 0.9 * 390


@pytest.mark.parametrize("minute_ms", [OPENING_MS, CLOSING_MS])
def test_an_auction_is_in_its_minute_and_in_none_of_its_seconds(minute_ms: int) -> None:
    opens_differ = 0
    for symbol in ("AAPL", "SPY", "TSLA", "JPM", "XOM"):
        seconds, bar = newest_seconds(symbol, minute_ms), MARKET.minute(symbol, minute_ms)[-1].bar
        assert bar.volume_micro >= 2 * sum(second.volume_micro for second in seconds)
        opens_differ += seconds[0].open != bar.open
    assert opens_differ


def test_the_official_open_is_absent_before_the_opening_and_the_auction_after() -> None:
    assert MARKET.minute("AAPL", OPENING_MS - MINUTE_MS)[0].bar.day_open is None
    opening = MARKET.minute("AAPL", OPENING_MS)[0].bar
    assert opening.day_open == opening.open
    assert MARKET.minute("AAPL", CLOSING_MS)[0].bar.day_open == opening.open


def test_some_minutes_are_revised_and_only_grow(aapl_day: list[list[Version]]) -> None:
    revised = [versions for versions in aapl_day if len(versions) > 1]
    assert 0.01 < len(revised) / len(aapl_day) < 0.06
    assert any(len(versions) == 3 for versions in revised)
    for versions in revised:
        for before, after in pairwise(versions):
            assert after.bar.volume_micro > before.bar.volume_micro
            assert after.bar.high >= before.bar.high
            assert after.bar.low <= before.bar.low
            assert 5_000 <= after.send_at_ms - after.bar.end_ms <= 900_000


def test_a_minute_is_sent_one_to_four_seconds_after_it_and_the_market_within_half_a_second() -> None:
    for minute_ms in range(OPENING_MS, OPENING_MS + 60 * MINUTE_MS, MINUTE_MS):
        sent = [
            MARKET.minute(symbol, minute_ms)[0].send_at_ms - minute_ms - MINUTE_MS for symbol in ("AAPL", "SPY", "KO")
        ]
        assert min(sent) >= 1000
        assert max(sent) <= 4000
        assert max(sent) - min(sent) <= 400


def test_some_seconds_are_corrected_a_few_seconds_later() -> None:
    corrected = 0
    for minute_ms in SESSION_MINUTES_MS:
        first_sent: dict[int, Version] = {}
        for version in MARKET.seconds("AAPL", minute_ms):
            first = first_sent.setdefault(version.bar.start_ms, version)
            if first is not version:
                corrected += 1
                assert 1000 <= version.send_at_ms - first.send_at_ms <= 5000
                assert version.bar.volume_micro > first.bar.volume_micro
    assert 10 < corrected < 390


def test_thin_names_have_minutes_and_seconds_without_trades() -> None:
    assert 10 < len(minutes_of("BACpL", DAY_MINUTES_MS)) < 300
    assert 1 < len(minutes_of("SEB", DAY_MINUTES_MS)) < 120
    assert 20 < len(newest_seconds("KO", OPENING_MS + 200 * MINUTE_MS)) < 60


def test_a_vwap_may_lie_outside_the_prices_and_a_volume_may_be_fractional() -> None:
    bars = [versions[-1].bar for symbol in ("GRC", "DJCO") for versions in minutes_of(symbol, DAY_MINUTES_MS)]
    outside = [bar for bar in bars if not bar.low <= bar.vwap <= bar.high]
    assert 0 < len(outside) < len(bars) / 2
    assert all(bar.low - 0.05 < bar.vwap < bar.high + 0.05 for bar in bars)
    fractional = [bar for bar in bars if bar.volume_micro % SHARE_MICRO]
    assert 0 < len(fractional) < len(bars) / 5


@pytest.mark.parametrize("symbol", ["AAPL", "KO"])
def test_the_day_volume_is_the_sum_of_the_days_newest_minutes(symbol: str) -> None:
    total_micro = 0
    for versions in minutes_of(symbol, DAY_MINUTES_MS):
        first = versions[0].bar
        assert first.day_volume_micro == total_micro + first.volume_micro
        total_micro += versions[-1].bar.volume_micro
        assert versions[-1].bar.day_volume_micro == total_micro


def test_the_day_volume_begins_anew_at_new_york_midnight_and_needs_no_history() -> None:
    late = SyntheticMarket(7).minute("AAPL", DAY_END_MS - MINUTE_MS)[0].bar
    assert late == MARKET.minute("AAPL", DAY_END_MS - MINUTE_MS)[0].bar
    early = MARKET.minute("AAPL", DAY_END_MS)[0].bar
    assert early.day_volume_micro == early.volume_micro < late.day_volume_micro / 100


def test_within_a_minute_the_day_volume_grows_with_every_second() -> None:
    seconds = newest_seconds("AAPL", OPENING_MS + 5 * MINUTE_MS)
    for before, after in pairwise(seconds):
        assert after.day_volume_micro == before.day_volume_micro + after.volume_micro
    before = MARKET.minute("AAPL", OPENING_MS + 4 * MINUTE_MS)[-1].bar
    assert seconds[0].day_volume_micro >= before.day_volume_micro + seconds[0].volume_micro


def test_odd_lots_of_a_thin_name_can_grow_the_day_volume_without_a_bar() -> None:
    day = minutes_of("BACpL", range(DAY_START_MS, DAY_END_MS, MINUTE_MS))
    in_bars_micro = sum(versions[-1].bar.volume_micro for versions in day)
    assert day[-1][-1].bar.day_volume_micro > in_bars_micro


@functools.cache
def quarters(symbol: str) -> list[list[Version]]:
    """The first minute of each quarter of an hour in a week."""
    return [MARKET.minute(symbol, q) for q in range(OPENING_MS, OPENING_MS + 7 * 96 * 900_000, 900_000)]


def correlation(first: str, second: str) -> float:
    """Of the changes over a quarter of an hour in a week, where both traded."""
    bars = zip(quarters(first), quarters(second), strict=True)
    closes = [(a[-1].bar.close, b[-1].bar.close) for a, b in bars if a and b]
    changes = [(a[1] / a[0] - 1, b[1] / b[0] - 1) for a, b in (zip(*pair, strict=True) for pair in pairwise(closes))]
    return statistics.correlation(*zip(*changes, strict=True))


def test_a_stock_follows_its_sector_and_sectors_follow_the_market() -> None:
    assert correlation("AAPL", "XLK") > 0.4
    assert correlation("XLK", "SPY") > 0.4
    assert correlation("XLK", "XLU") < correlation("XLK", "XLC")
