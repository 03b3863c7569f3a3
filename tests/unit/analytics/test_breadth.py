"""Breadth against plain loops over dicts of bars, TA-Lib, and real closes counted another way."""

import csv
import gzip
import math
from collections import Counter

import numpy as np
import pytest
import talib

from src.core.analytics import mcclellan
from src.core.analytics.breadth import AVERAGES, EXTREMES, DailyBreadth, daily_breadth
from src.core.analytics.breadth_intraday import intraday_breadth, levels_of
from src.core.analytics.breadth_reasons import breadth_reasons
from src.core.analytics.panel import Panel
from tests.market_data import data_dir
from tests.unit.analytics.markets import market

CENTS = 1e-7  # far below a tick, far above what is left of floating-point sums
MARKET = market(270, 280)  # more than one block of rows
FOUND = daily_breadth(MARKET)


def bars_of(panel: Panel) -> list[dict[int, tuple[float, float, float, float]]]:
    """Each symbol's (close, high, low, volume) by the number of the day."""
    parts = (panel.close, panel.high, panel.low, panel.volume)
    return [
        {
            day: tuple(float(part[row, day]) for part in parts)
            for day in range(len(panel.dates))
            if panel.close[row, day] > 0
        }
        for row in range(len(panel.symbols))
    ]


def counted_plainly(panel: Panel) -> list[Counter]:
    """By day how many symbols there are of each kind, and what they traded, one symbol and day after the other."""
    days = [Counter() for _ in panel.dates]
    for bars in bars_of(panel):
        closes, highs, lows, _ = zip(*bars.values(), strict=True) if bars else ((), (), (), ())
        for place, (day, bar) in enumerate(bars.items()):
            _count_move(days[day], bar, bars.get(day - 1))
            window = slice(max(0, place - 252), place + 1)
            _count_windows(days[day], closes[window], highs[window], lows[window])
    return days


def _count_move(day: Counter, bar: tuple, before: tuple | None) -> None:
    if before is None:
        return
    change = bar[0] - before[0]
    kind = "up" if change > CENTS else "down" if change < -CENTS else "flat"
    day[kind] += 1
    day[f"{kind} volume"] += bar[3]
    day["change"] += change / before[0]


def _count_windows(day: Counter, closes: tuple, highs: tuple, lows: tuple) -> None:
    for bars in AVERAGES:
        if len(closes) >= bars:
            day[f"with {bars}"] += 1
            day[f"above {bars}"] += closes[-1] > sum(closes[-bars:]) / bars + CENTS
    for bars in EXTREMES:
        if len(closes) > bars:
            day[f"extremes {bars}"] += 1
            day[f"highs {bars}"] += highs[-1] > max(highs[-bars - 1 : -1]) + CENTS
            day[f"lows {bars}"] += lows[-1] < min(lows[-bars - 1 : -1]) - CENTS


def by_name(found: DailyBreadth) -> dict[str, np.ndarray]:
    moves = found.moves
    named = {"up": moves.advancers, "down": moves.decliners, "flat": moves.unchanged}
    named |= {"up volume": moves.up_volume, "down volume": moves.down_volume, "flat volume": moves.unchanged_volume}
    for bars, share in found.above_average.items():
        named |= {f"above {bars}": share.above, f"with {bars}": share.counted}
    for bars, new in found.new_extremes.items():
        named |= {f"highs {bars}": new.highs, f"lows {bars}": new.lows, f"extremes {bars}": new.counted}
    return named


def test_every_count_is_what_plain_loops_over_the_bars_find():
    expected = counted_plainly(MARKET)
    for name, values in by_name(FOUND).items():
        assert values.tolist() == pytest.approx([day[name] for day in expected], rel=1e-12), name
        assert values.sum() > 0, name
    changes = [
        day["change"] / counted if (counted := day["up"] + day["down"] + day["flat"]) else np.nan for day in expected
    ]
    np.testing.assert_allclose(FOUND.moves.mean_change, changes, rtol=1e-9)
    assert FOUND.present.tolist() == (~np.isnan(MARKET.close)).sum(axis=0).tolist()


def test_a_share_above_an_average_agrees_with_ta_lib():
    whole = market(40, 260, seed=2)
    close = whole.close[~np.isnan(whole.close).any(axis=1)]
    found = daily_breadth(Panel(tuple(map(str, range(len(close)))), whole.dates, *[close] * 5))
    for bars in AVERAGES:
        above = sum((row > talib.SMA(row, bars) + CENTS).astype(int) for row in close)
        share = found.above_average[bars].share
        np.testing.assert_allclose(share[bars - 1 :], above[bars - 1 :] / len(close))
        assert np.isnan(share[: bars - 1]).all()


def test_line_and_trin_are_made_of_the_counts():
    moves, line = FOUND.moves, FOUND.line
    assert math.isnan(line[0])
    assert line[-1] == moves.advancers.sum() - moves.decliners.sum()
    assert line[200] - line[199] == moves.advancers[200] - moves.decliners[200]
    trin = (moves.advancers[9] / moves.decliners[9]) / (moves.up_volume[9] / moves.down_volume[9])
    assert moves.trin[9] == pytest.approx(trin)


def test_the_oscillator_is_made_of_ta_libs_averages_and_the_summation_index_sums_it_up():
    moves = FOUND.moves
    net = 1000 * (moves.advancers - moves.decliners)[1:] / (moves.advancers + moves.decliners)[1:]
    expected = talib.EMA(net, 19) - talib.EMA(net, 39)
    np.testing.assert_allclose(FOUND.oscillator[1:], expected, rtol=1e-9, atol=1e-9)
    assert np.isnan(FOUND.oscillator[:39]).all()
    assert not np.isnan(FOUND.oscillator[39:]).any()
    np.testing.assert_allclose(np.diff(FOUND.summation[39:]), FOUND.oscillator[40:], atol=1e-9)


def test_the_summation_index_does_not_depend_on_the_first_day():
    net = np.random.default_rng(4).normal(50, 300, 900)
    _, whole = mcclellan.oscillator(net)
    _, later = mcclellan.oscillator(net[300:])
    assert later[-1] == pytest.approx(whole[-1], abs=1e-6)


def test_a_day_that_nothing_is_stored_of_is_passed_over():
    close = np.tile([10.0, 11.0, np.nan, 12.0, 13.0], (2, 1))
    dates = np.datetime64("2026-01-05") + np.arange(5)
    found = daily_breadth(Panel(("A", "B"), dates, *[close] * 5))
    assert found.moves.advancers.tolist() == [0, 2, 0, 0, 2]
    assert found.moves.counted.tolist() == [0, 2, 0, 0, 2]
    np.testing.assert_array_equal(found.line, [np.nan, 2, np.nan, np.nan, 4])
    assert breadth_reasons(found)["above_average.10"] == "Needs 10 days; 4 are stored."


def test_the_digits_that_an_adjustment_for_a_split_leaves_are_no_move():
    close = np.array([[0.1 + 0.2, 0.3], [0.3, 0.1 + 0.2]])
    found = daily_breadth(Panel(("A", "B"), np.datetime64("2026-01-05") + np.arange(2), *[close] * 5))
    assert found.moves.unchanged.tolist() == [0, 2]


def read_closes() -> list[dict[str, tuple[float, float]]]:
    """Close and volume of each symbol, by day."""
    days = []
    for file in sorted((data_dir() / "market_closes").glob("*.csv.gz")):
        with gzip.open(file, "rt", newline="") as text:
            days.append({row["symbol"]: (float(row["close"]), float(row["volume"])) for row in csv.DictReader(text)})
    return days


@pytest.mark.skipif(
    not (data_dir() / "market_closes").is_dir(), reason="there are no real closes of a market: set TEST_DATA_DIR"
)
def test_a_real_market_of_seven_thousand_symbols_counted_another_way():
    days = read_closes()
    symbols = tuple(sorted(set().union(*days)))
    close, volume = (
        np.array([[day.get(symbol, (np.nan, np.nan))[part] for day in days] for symbol in symbols]) for part in (0, 1)
    )
    dates = np.datetime64("2014-03-24") + np.arange(len(days))
    moves = daily_breadth(Panel(symbols, dates, close, close, close, close, volume)).moves
    for place in range(1, len(days)):
        before, now = days[place - 1], days[place]
        pairs = [(now[symbol], before[symbol][0]) for symbol in now if symbol in before]
        assert moves.advancers[place] == sum(price > earlier for (price, _), earlier in pairs)
        assert moves.decliners[place] == sum(price < earlier for (price, _), earlier in pairs)
        assert moves.unchanged[place] == sum(price == earlier for (price, _), earlier in pairs)
        assert moves.up_volume[place] == sum(shares for (price, shares), earlier in pairs if price > earlier)
    assert moves.counted[1:].min() > 6_900


def test_reasons_name_what_is_needed_and_what_is_stored():
    reasons = breadth_reasons(daily_breadth(market(20, 30)))
    assert reasons["above_average.50"] == "Needs 50 days; 30 are stored."
    assert reasons["new_extremes.252"] == "Needs 253 days; 30 are stored."
    assert reasons["oscillator"] == "Needs 39 days on which prices moved; 29 are stored."
    assert not {"advancers", "trin", "above_average.20", "new_extremes.20"} & set(reasons)
    assert breadth_reasons(FOUND) == {}
    nobody = market(20, 30).of([])
    assert "No symbol has a bar" in breadth_reasons(daily_breadth(nobody))["decliners"]


# -- within a day --------------------------------------------------------------------------------------------------


def test_the_last_point_of_a_day_is_that_days_breadth():
    """A day whose highs, lows and closes all stand on the grid: three points, the last one the close."""
    last = len(MARKET.dates) - 1
    finished = MARKET.until(MARKET.dates[last - 1].item())
    grid = np.stack([part[:, last] for part in (MARKET.high, MARKET.low, MARKET.close)], axis=1)
    volumes = MARKET.volume[:, last, None] * [0.25, 0.25, 0.5]
    found = intraday_breadth(grid, volumes, levels_of(finished))
    for kind in ("advancers", "decliners", "unchanged", "up_volume", "down_volume", "trin", "mean_change"):
        within, of_day = (getattr(moves, kind)[-1] for moves in (found.moves, FOUND.moves))
        assert within == pytest.approx(of_day), kind
    for bars in AVERAGES:
        share, of_day = found.above_average[bars], FOUND.above_average[bars]
        assert (share.above[-1], share.counted[-1]) == (of_day.above[-1], of_day.counted[-1]), bars
    for bars in EXTREMES:
        new, of_day = found.new_extremes[bars], FOUND.new_extremes[bars]
        assert (new.highs[-1], new.lows[-1], new.counted[-1]) == (of_day.highs[-1], of_day.lows[-1], of_day.counted[-1])
    assert found.moves.advancers[0] > found.moves.advancers[1]  # the first point is everybody's high


def test_a_symbol_counts_from_its_first_trade_of_the_day_on():
    before = np.array([[10.0], [10.0], [np.nan]])
    finished = Panel(("A", "B", "NEW"), np.array(["2026-01-05"], "datetime64[D]"), *[before] * 5)
    closes = np.array([[11.0, 11.0, 9.0], [np.nan, 12.0, 12.0], [5.0, 5.0, 5.0]])
    volumes = np.array([[100.0, 0.0, 50.0], [0.0, 30.0, 10.0], [7.0, 7.0, 7.0]])
    found = intraday_breadth(closes, volumes, levels_of(finished))
    assert found.moves.advancers.tolist() == [1, 2, 1]
    assert found.moves.counted.tolist() == [1, 2, 2]
    assert found.moves.up_volume.tolist() == [100.0, 130.0, 40.0]
    assert found.moves.down_volume.tolist() == [0.0, 0.0, 150.0]
    assert found.above_average[10].counted.tolist() == [0, 0, 0]
