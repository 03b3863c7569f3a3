"""The gauge against a plain recomputation from the counts of the days, and what it says when parts are absent."""

import statistics

import numpy as np
import pytest

from src.core.analytics.breadth import daily_breadth
from src.core.analytics.breadth_reasons import sentiment_reasons
from src.core.analytics.panel import Panel
from src.core.analytics.sentiment import sentiment
from tests.unit.analytics.markets import market

BREADTH = daily_breadth(market(60, 330))
FOUND = sentiment(BREADTH)
PARTS = {part.kind.name: part for part in FOUND.parts}


def clipped(score: float) -> float:
    return min(100.0, max(0.0, score))


def test_each_part_is_what_its_words_say():
    moves, year = BREADTH.moves, BREADTH.new_extremes[252]
    advancers, decliners = sum(moves.advancers[-5:]), sum(moves.decliners[-5:])
    up, down = sum(moves.up_volume[-5:]), sum(moves.down_volume[-5:])
    highs, lows = sum(year.highs[-5:]), sum(year.lows[-5:])
    above = [BREADTH.above_average[bars] for bars in (50, 200)]
    over, counted = (sum(getattr(share, side)[-1] for share in above) for side in ("above", "counted"))
    short, long = (statistics.pstdev(moves.mean_change[-days:]) for days in (20, 252))
    expected = {
        "breadth": (advancers, advancers + decliners, (advancers / (advancers + decliners) - 0.35) / 0.003),
        "new_highs": (highs, highs + lows, 100 * highs / (highs + lows)),
        "up_volume": (up, up + down, (up / (up + down) - 0.35) / 0.003),
        "above_average": (over, counted, 100 * over / counted),
        "volatility": (short, long, 50 - 50 * np.log2(short / long)),
    }
    for name, (numerator, denominator, score) in expected.items():
        part = PARTS[name]
        found = (part.numerator[-1], part.denominator[-1], part.score[-1])
        assert found == pytest.approx((numerator, denominator, clipped(score))), name
    assert FOUND.value[-1] == pytest.approx(statistics.mean(part.score[-1] for part in FOUND.parts))
    assert sentiment_reasons(FOUND, BREADTH) == {}


def test_the_weights_make_up_the_whole_and_scores_stay_on_the_scale():
    assert sum(part.kind.weight for part in FOUND.parts) == pytest.approx(1)
    assert FOUND.weight_present[-1] == pytest.approx(1)
    for values in (FOUND.value, *(part.score for part in FOUND.parts)):
        assert 0 <= np.nanmin(values) <= np.nanmax(values) <= 100
    assert PARTS["breadth"].score[np.isfinite(PARTS["breadth"].score)].std() > 1


def test_the_gauge_is_the_mean_of_the_parts_that_are_there_and_absent_below_three():
    short = daily_breadth(market(60, 100))
    found = sentiment(short)
    there = [part.score[-1] for part in found.parts if not np.isnan(part.score[-1])]
    assert len(there) == 3
    assert found.value[-1] == pytest.approx(statistics.mean(there))
    assert found.weight_present[-1] == pytest.approx(0.6)
    assert sentiment_reasons(found, short) == {
        "new_highs": "Needs 257 days; 100 are stored.",
        "above_average": "Needs 200 days; 100 are stored.",
    }
    assert np.isnan(found.value[62])
    assert not np.isnan(found.value[63])


def test_too_few_days_for_three_parts_are_said():
    few = daily_breadth(market(60, 30))
    reasons = sentiment_reasons(sentiment(few), few)
    assert reasons["gauge"] == "Needs 3 of its 5 parts; 2 can be told."
    assert reasons["volatility"] == "Needs 64 days; 30 are stored."
    none = daily_breadth(market(5, 30).until(np.datetime64("2020-01-01").item()))
    assert sentiment_reasons(sentiment(none), none) == {"gauge": "No daily bars are stored."}


def of_changes(rows: list[np.ndarray]) -> Panel:
    close = 100 * np.cumprod(1 + np.array(rows), axis=1)
    symbols = tuple(map(str, range(len(rows))))
    return Panel(symbols, np.datetime64("2025-01-01") + np.arange(close.shape[1]), *[close] * 4, np.ones_like(close))


def test_a_market_that_only_rises_stands_at_the_top_and_one_that_falls_at_the_bottom():
    calm = np.where(np.arange(300) < 280, 0.004 + 0.003 * (-1.0) ** np.arange(300), 0.004)
    wild = np.where(np.arange(300) < 280, -0.001, -0.02 + 0.018 * (-1.0) ** np.arange(300))
    for changes, expected in ((calm, 100), (wild, 0)):
        found = sentiment(daily_breadth(of_changes([changes * factor for factor in (1.0, 1.1)])))
        scores = [part.score[-1] for part in found.parts if part.kind.name != "volatility"]
        assert scores == pytest.approx([expected] * 4)
        assert found.value[-1] == pytest.approx(expected, abs=5)


def test_a_week_without_new_highs_and_lows_has_no_such_part_and_says_so():
    swing = np.tile([0.02, -0.0196078], 200)
    swing[300:] /= 4
    breadth = daily_breadth(of_changes([swing]))
    found = sentiment(breadth)
    assert sentiment_reasons(found, breadth)["new_highs"].startswith(
        "No symbol made a new 52-week high or low in 5 days"
    )
    assert not np.isnan(found.value[-1])
