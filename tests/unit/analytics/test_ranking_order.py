"""Rankings sorted, filtered and paged."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.analytics.panel import Panel
from src.core.analytics.ranking_order import page_of
from src.core.analytics.rankings import Rankings, rank
from tests.panels import seeded_panel

# Case matters: BACpL is a preferred share, and capitals come before small letters.
SYMBOLS = ("MSFT", "BACpL", "A", "BAC", "ZM", "BACPL", "AA")
PRICES = st.lists(st.sampled_from([1.0, 2.0, 3.0, math.nan]), min_size=len(SYMBOLS), max_size=len(SYMBOLS))


def rankings_of(prices: list[float]) -> Rankings:
    values = np.array(prices).reshape(-1, 1)
    panel = Panel(SYMBOLS, np.array(["2026-01-02"], dtype="datetime64[D]"), *[values] * 5)
    return rank(panel, panel.of([]))


@given(prices=PRICES, is_descending=st.booleans())
def test_absent_ones_come_last_and_equal_ones_by_symbol(prices, is_descending):
    page = page_of(rankings_of(prices), "price", is_descending=is_descending, offset=0, limit=50)
    there = [row for row in range(len(SYMBOLS)) if not math.isnan(prices[row])]
    expected = sorted(there, key=lambda row: (-prices[row] if is_descending else prices[row], SYMBOLS[row]))
    absent = sorted(set(range(len(SYMBOLS))) - set(there), key=lambda row: SYMBOLS[row])
    assert page.rows.tolist() == expected + absent
    assert (page.total, page.with_figure) == (len(SYMBOLS), len(there))


def test_by_symbol_in_both_directions():
    rankings = rankings_of([math.nan] * len(SYMBOLS))
    up, down = (
        [SYMBOLS[row] for row in page_of(rankings, "symbol", is_descending=way, offset=0, limit=50).rows]
        for way in (False, True)
    )
    assert up == sorted(SYMBOLS)
    assert down == sorted(SYMBOLS, reverse=True)


def test_pages_of_a_sector_hold_each_of_its_symbols_once():
    panel = seeded_panel(101, 30)
    rankings = rank(panel, panel.of([]))
    sectors = ["Energy" if row % 3 == 0 else "Utilities" if row % 3 == 1 else None for row in range(101)]
    found = [
        page_of(rankings, "change_5d", is_descending=True, offset=start, limit=7, sector="Energy", sectors=sectors)
        for start in range(0, 42, 7)
    ]
    rows = [row for page in found for row in page.rows.tolist()]
    assert {page.total for page in found} == {34}
    assert sorted(rows) == list(range(0, 101, 3))
    assert (np.diff(rankings.figures["change_5d"][rows]) <= 0).all()


def test_a_figure_that_there_is_not_is_named():
    with pytest.raises(ValueError, match="There is no figure rsi; there are symbol, price, volume, change_1d"):
        page_of(rankings_of([1.0] * len(SYMBOLS)), "rsi", is_descending=True, offset=0, limit=1)
