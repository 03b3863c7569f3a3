"""The present day by parts is what all its minutes come to, however they came: late, revised, withdrawn."""

import datetime as dt
import itertools
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from src.core.analytics.day_book import DayBook
from src.core.analytics.panel import Floats
from src.core.domain.market.bar import MINUTE_MS, Bar
from src.core.domain.market.session import usual_day
from tests.bars import bar

DAY = usual_day(dt.date(2025, 11, 20))
SYMBOLS = ("AAPL", "MSFT", "IBM")
POINT_MS = 5 * MINUTE_MS
_observed = itertools.count(1)

Stored = dict[tuple[str, int], Bar]


class Change(NamedTuple):
    """What is drawn of a changed minute; `ago` in minutes before the newest one."""

    symbol: str
    on: int
    ago: int
    prices: list[int]
    volume: float
    withdrawn: bool


_changes = st.builds(
    Change,
    st.sampled_from((*SYMBOLS, "OTHER")),
    st.integers(0, 25),
    st.one_of(st.just(0), st.integers(0, 60)),
    st.lists(st.integers(100, 900), min_size=4, max_size=4),
    st.sampled_from([0.0, 0.1, 0.2, 100.0, 1234.567891, 1e6]),
    st.booleans(),
)


def bar_of(change: Change, minute: int) -> Bar:
    opened, close, *others = (price / 100 for price in change.prices)
    high, low = max(opened, close, *others), min(opened, close, *others)
    return Bar(
        change.symbol,
        DAY.open_ms + minute * MINUTE_MS,
        *(opened, high, low, close, change.volume),
        None,
        None,
        2,
        next(_observed),
        False,
        change.withdrawn,
    )


def minutes_of(symbols: list[str], stored: Stored) -> Floats:
    """As the store reads them: (5, symbols, 390)."""
    values = np.full((5, len(symbols), 390), np.nan)
    for row, symbol in enumerate(symbols):
        for one in of_session(symbol, stored):
            minute = (one.timestamp - DAY.open_ms) // MINUTE_MS
            values[:, row, minute] = (one.open, one.high, one.low, one.close, one.volume)
    return values


def of_session(symbol: str, stored: Stored) -> list[Bar]:
    """A symbol's minutes that count, by time."""
    found = [one for (name, _at), one in stored.items() if name == symbol and not one.withdrawn]
    return sorted((one for one in found if DAY.open_ms <= one.timestamp < DAY.close_ms), key=lambda one: one.timestamp)


def assert_as_recomputed(book: DayBook, stored: Stored) -> None:
    bars, grid = book.bars(), book.grid()
    for row, symbol in enumerate(SYMBOLS):
        minutes = of_session(symbol, stored)
        expected = [np.nan] * 5
        if minutes:
            high, low = max(one.high for one in minutes), min(one.low for one in minutes)
            expected = [minutes[0].open, high, low, minutes[-1].close, shares(minutes)]
        np.testing.assert_array_equal([values[row] for values in bars], expected)
        before = [[one for one in minutes if one.timestamp < end_ms] for end_ms in grid.ends_ms]
        within = [[one for one in minutes if end_ms - POINT_MS <= one.timestamp < end_ms] for end_ms in grid.ends_ms]
        np.testing.assert_array_equal(grid.close[row], [ones[-1].close if ones else np.nan for ones in before])
        np.testing.assert_array_equal(grid.volume[row], [shares(ones) for ones in within])


def shares(minutes: list[Bar]) -> float:
    return sum(round(one.volume * 1_000_000) for one in minutes) / 1_000_000


@given(st.lists(st.lists(_changes, min_size=1, max_size=6), min_size=1, max_size=12))
@settings(deadline=None, max_examples=60)
def test_changes_in_any_order_come_to_what_all_minutes_come_to(batches: list[list[Change]]) -> None:
    book, stored, newest = DayBook(SYMBOLS, DAY), Stored(), 0
    for batch in batches:
        bars = {}
        for change in batch:
            newest = min(newest + change.on, 389)
            one = bar_of(change, max(newest - change.ago, -5))  # before the open, too
            bars[one.symbol, one.timestamp] = one
        stored.update(bars)
        book.take(bars.values())
        if stale := book.stale:
            book.load(stale, minutes_of(stale, stored))
        assert book.stale == []
        assert_as_recomputed(book, stored)
    whole = DayBook(SYMBOLS, DAY)
    whole.load(SYMBOLS, minutes_of(list(SYMBOLS), stored))
    assert_as_recomputed(whole, stored)


def test_a_day_without_a_minute_has_no_figures() -> None:
    book = DayBook(SYMBOLS, DAY)
    assert (book.newest_ms, book.stale) == (None, [])
    assert np.isnan(book.bars()).all()
    assert book.grid().close.shape == (3, 0)
    book.load(SYMBOLS, np.full((5, 3, 390), np.nan))
    assert np.isnan(book.bars().volume).all()


def test_a_settled_minute_that_changes_asks_for_its_symbol_and_leaves_the_others() -> None:
    book = DayBook(SYMBOLS, DAY)
    early, late = bar("IBM", DAY.open_ms, volume=5.0), bar("AAPL", DAY.open_ms + 100 * MINUTE_MS, volume=7.0)
    book.take([early])
    book.take([late])
    assert book.newest_ms == late.timestamp
    book.take([bar("IBM", DAY.open_ms, volume=6.0)])
    assert book.stale == ["IBM"]
    assert book.bars().volume.tolist()[::2] == [7.0, 5.0]  # IBM as it was, until it is loaded
