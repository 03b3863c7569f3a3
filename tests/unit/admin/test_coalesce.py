"""What browsers are told of bars that change: whatever comes in whatever order, of each symbol the newest alone."""

from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market.bar import MINUTE_MS, Bar
from src.presentation.admin.coalesce import TickCoalescer
from tests.bars import MINUTE, bar

MOST = 3
SYMBOLS = [f"S{number}" for number in range(7)]

_bars = st.builds(
    lambda symbol, minute, close: bar(symbol, MINUTE + minute * MINUTE_MS, close=float(close)),
    st.sampled_from(SYMBOLS),
    st.integers(0, 3),
    st.integers(1, 3),
)
# What happens to it: bars that were read, or a list that is taken.
_happenings = st.lists(st.one_of(st.lists(_bars, max_size=8), st.none()), max_size=30)


def drained(coalescer: TickCoalescer) -> list[list[Bar]]:
    """All lists that are still to be told."""
    return list(iter(coalescer.take, []))


@given(_happenings)
def test_the_newest_of_every_symbol_comes_in_the_end(happenings: list[list[Bar] | None]) -> None:
    coalescer = TickCoalescer(MOST)
    newest: dict[str, Bar] = {}
    shown: dict[str, Bar] = {}
    for bars in happenings:
        if bars is None:
            shown.update({tick.symbol: tick for tick in coalescer.take()})
            continue
        coalescer.add(bars)
        for added in bars:
            if added.symbol not in newest or added.timestamp >= newest[added.symbol].timestamp:
                newest[added.symbol] = added
    for taken in drained(coalescer):
        shown.update({tick.symbol: tick for tick in taken})
    assert shown == newest
    assert {known.symbol: known for known in coalescer.newest()} == newest


@given(_happenings)
def test_lists_are_bounded_hold_a_symbol_once_and_never_go_back(happenings: list[list[Bar] | None]) -> None:
    coalescer = TickCoalescer(MOST)
    lists = []
    for bars in happenings:
        if bars is None:
            lists.append(coalescer.take())
        else:
            coalescer.add(bars)
    told_ms: dict[str, int] = {}
    for taken in lists + drained(coalescer):
        assert len(taken) <= MOST
        assert len({tick.symbol for tick in taken}) == len(taken)
        assert all(tick.timestamp >= told_ms.get(tick.symbol, 0) for tick in taken)
        told_ms.update({tick.symbol: tick.timestamp for tick in taken})


@given(st.lists(st.integers(0, 6), min_size=7, max_size=40))
def test_every_symbol_has_its_turn_however_busy_the_others_are(busy: list[int]) -> None:
    coalescer = TickCoalescer(1)
    coalescer.add(bar(symbol) for symbol in SYMBOLS)
    taken = []
    for close, number in enumerate(busy):
        coalescer.add([bar(SYMBOLS[number], close=200.0 + close)])
        taken += [tick.symbol for tick in coalescer.take()]
    assert set(taken[:7]) == set(SYMBOLS)


def test_what_a_reader_would_see_again_is_not_told_again() -> None:
    coalescer = TickCoalescer(MOST)
    coalescer.add([bar(tier=0)])
    assert len(coalescer.take()) == 1
    coalescer.add([bar(tier=2, observed_at=9)])  # confirmed, with the same price and volume
    assert coalescer.take() == []
    coalescer.add([bar(volume=101.0)])
    assert [tick.volume for tick in coalescer.take()] == [101.0]


def test_symbols_that_nobody_carries_any_more_are_forgotten() -> None:
    coalescer = TickCoalescer(MOST)
    coalescer.add([bar("AAPL"), bar("MSFT")])
    coalescer.take()
    coalescer.add([bar("AAPL", close=1.0), bar("MSFT", close=1.0)])
    coalescer.keep({"AAPL"})
    assert [known.symbol for known in coalescer.newest()] == ["AAPL"]
    assert [tick.symbol for tick in coalescer.take()] == ["AAPL"]
