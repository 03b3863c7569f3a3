"""Which of two accounts of a minute is right, and the stamps that decide it."""

import functools
import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market.bar import Bar, EvidenceClock, Tier, check_bar, merge_evidence
from src.core.errors import BadBarError, BadSymbolError
from tests.bars import MINUTE, bar, evidence, evidence_with_absent_values


@given(evidence() | evidence_with_absent_values(), st.data())
def test_order_and_repetition_of_evidence_do_not_matter(accounts: list[Bar], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(accounts + data.draw(st.lists(st.sampled_from(accounts), max_size=4))))
    assert functools.reduce(merge_evidence, shuffled) == functools.reduce(merge_evidence, accounts)


@given(evidence())
def test_the_right_bar_is_that_of_the_greatest_tier_and_stamp(accounts: list[Bar]) -> None:
    assert functools.reduce(merge_evidence, accounts) == max(
        accounts, key=lambda account: (account.tier, account.observed_at)
    )


def test_a_lower_tier_never_replaces_a_higher_one_however_new() -> None:
    official = bar(tier=Tier.OFFICIAL.value, observed_at=1)
    live = bar(close=999.0, tier=Tier.LIVE.value, observed_at=10**15)
    assert merge_evidence(official, live) == official


def test_an_absent_vwap_is_filled_only_while_the_volume_is_the_same() -> None:
    rest = bar(tier=Tier.OFFICIAL.value, vwap=150.5, trade_count=7, volume=100.0)
    flat = bar(tier=Tier.FINAL.value, vwap=None, volume=100.0)
    revised = bar(tier=Tier.FINAL.value, vwap=None, volume=101.0)
    assert merge_evidence(rest, flat).vwap == 150.5
    assert merge_evidence(flat, rest).trade_count == 7
    assert merge_evidence(rest, revised).vwap is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (bar(timestamp=MINUTE + 1), "whole minute"),
        (bar(timestamp=60_000), "before 2003"),
        (bar(close=math.nan), "not finite"),
        (bar(volume=math.inf), "not finite"),
        (bar(vwap=math.nan), "not finite"),
        (Bar("AAPL", MINUTE, 1.0, 0.5, 0.4, 0.45, 1.0, None, None, 2, 1), "not coherent"),
        (Bar("AAPL", MINUTE, 1.0, 1.5, 1.2, 1.1, 1.0, None, None, 2, 1), "not coherent"),
        (bar(volume=-1.0), "negative"),
        (bar(volume=1.1e15), "a volume above 1e"),
        (bar(trade_count=-1), "negative"),
    ],
)
def test_a_bar_that_cannot_be_right_is_refused_with_the_reason(wrong: Bar, says: str) -> None:
    with pytest.raises(BadBarError, match=says):
        check_bar(wrong)


def test_a_malformed_symbol_is_refused() -> None:
    with pytest.raises(BadSymbolError, match="not a ticker"):
        check_bar(bar(symbol="<script>"))


def test_vwap_outside_the_range_and_negative_prices_are_the_vendors_business() -> None:
    assert check_bar(bar(vwap=999.0)).vwap == 999.0
    assert check_bar(bar(close=-20.0)).close == -20.0


def test_stamps_never_repeat_nor_step_back_when_the_clock_does() -> None:
    times = iter([100, 100, 50, 101, 200])
    clock = EvidenceClock(lambda: next(times), threading.Lock())
    assert [clock.stamp() for _ in range(5)] == [100, 101, 102, 103, 200]


def test_stamps_are_newer_than_those_of_before_the_restart() -> None:
    clock = EvidenceClock(lambda: 100, threading.Lock())
    clock.raise_floor(5000)
    assert clock.stamp() == 5001
