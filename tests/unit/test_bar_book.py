"""Bars built from seconds and minutes, in any order."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import count

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.bar_book import BarBook
from src.core.domain.market.gaps import GapReason
from src.core.domain.market.tick import MinuteAggregate, SecondAggregate, TickData
from tests.bars import MINUTE, bar, minute, second


def book() -> BarBook:
    stamps = count(1)
    return BarBook(lambda: next(stamps))


def taken(book: BarBook) -> list[Bar]:
    return sorted(book.take_official() + book.take_live(), key=lambda bar: (bar.symbol, bar.timestamp))


def test_seconds_give_open_of_the_lowest_close_of_the_highest_range_and_sum() -> None:
    bars = book()
    bars.merge([second(2, 11.0, 200.5), second(0, 10.0, 100.25, vwap=None), second(1, 9.0, 0.25)])
    (live,) = bars.take_live()
    assert (live.open, live.high, live.low, live.close, live.volume) == (9.99, 11.02, 8.98, 11.0, 301.0)
    assert (live.tier, live.timestamp, live.vwap) == (Tier.LIVE, MINUTE, None)


def test_vwap_is_the_volume_weighted_mean_of_the_seconds() -> None:
    bars = book()
    bars.merge([second(0, 10.0, 100.0, vwap=10.0), second(1, 12.0, 300.0, vwap=12.0)])
    assert bars.take_live()[0].vwap == 11.5


def test_a_second_sent_again_replaces_the_one_before() -> None:
    bars = book()
    bars.merge([second(0, 10.0, 100.0), second(1, 20.0, 100.0), second(1, 11.0, 50.0)])
    (live,) = bars.take_live()
    assert (live.high, live.close, live.volume) == (11.02, 11.0, 150.0)


def test_fractional_volumes_add_up_exactly() -> None:
    bars = book()
    bars.merge([second(s, volume=0.1) for s in range(60)])
    assert bars.take_live()[0].volume == 6.0  # as floats, sixty times 0.1 is 5.999999999999998


def test_the_official_bar_replaces_the_seconds_and_late_ones_build_nothing() -> None:
    bars = book()
    bars.merge([second(0), minute(0, 12.0, 7000.0), second(1, 99.0)])
    (official,) = taken(bars)
    assert (official.close, official.volume, official.tier, official.partial) == (12.0, 7000.0, Tier.OFFICIAL, False)
    assert bars.late_seconds == 1


def test_a_revised_official_bar_is_handed_out_again_and_a_repeated_one_is_not() -> None:
    bars = book()
    bars.merge([minute(0, 12.0)])
    bars.take_official()
    bars.merge([minute(0, 12.0)])
    assert bars.take_official() == []
    bars.merge([minute(0, 12.5)])
    assert [bar.close for bar in bars.take_official()] == [12.5]


def test_unchanged_seconds_are_handed_out_once() -> None:
    bars = book()
    bars.merge([second(0)])
    assert len(bars.take_live()) == 1
    bars.merge([second(0)])
    assert bars.take_live() == []


def test_live_stamps_are_event_time_and_grow_with_every_change() -> None:
    bars = book()
    stamps = []
    for tick in (second(5), second(3), second(3, 11.0), second(6)):
        bars.merge([tick])
        stamps.append(bars.take_live()[0].observed_at)
    assert stamps == sorted(set(stamps))
    assert stamps[-1] // 1_000_000 == MINUTE // 1000 + 6


def test_sealed_minutes_are_forgotten_but_what_was_not_taken_is_still_handed_out() -> None:
    bars = book()
    bars.merge([second(0), second(30, ticker="BACpL")])
    bars.seal(MINUTE + 4 * 60_000)
    assert bars.open_minutes == 0
    assert [bar.symbol for bar in taken(bars)] == ["AAPL", "BACpL"]
    bars.merge([second(1)])
    assert bars.take_live() == []
    assert bars.late_seconds == 1


def test_a_minute_is_open_until_three_minutes_after_its_end() -> None:
    bars = book()
    bars.merge([second(0)])
    bars.seal(MINUTE + 4 * 60_000 - 1)
    assert bars.open_minutes == 1


def test_a_late_official_bar_is_taken_at_any_age() -> None:
    bars = book()
    bars.seal(MINUTE + 60 * 60_000)
    bars.merge([minute(0, 12.0)])
    assert [bar.close for bar in bars.take_official()] == [12.0]
    assert bars.open_minutes == 0


def test_bars_of_minutes_not_listened_to_throughout_are_partial_until_official() -> None:
    bars = book()
    bars.merge([second(59)])
    (whole,) = bars.take_live()
    bars.interrupt()
    (cut,) = bars.take_live()
    assert cut == msgspec.structs.replace(whole, partial=True, observed_at=whole.observed_at + 1)
    bars.merge([second(59, 11.0), second(61), second(121)])
    live = {bar.timestamp: bar.partial for bar in bars.take_live()}
    assert live == {MINUTE: True, MINUTE + 60_000: True, MINUTE + 120_000: False}
    bars.merge([minute(0)])
    assert not bars.take_official()[0].partial


def test_only_the_symbols_that_were_interrupted_are_partial() -> None:
    bars = book()
    bars.merge([second(58), second(58, ticker="IBM")])
    bars.take_live()
    bars.interrupt({"AAPL", "MSFT"})
    assert [bar.symbol for bar in taken(bars)] == ["AAPL"]
    bars.merge([second(61, ticker="IBM"), second(62, ticker="MSFT"), second(122, ticker="MSFT")])
    live = {(bar.symbol, (bar.timestamp - MINUTE) // 60_000): bar.partial for bar in bars.take_live()}
    assert live == {("IBM", 1): False, ("MSFT", 1): True, ("MSFT", 2): False}
    bars.seal(MINUTE + 60 * 60_000)
    bars.merge([second(3600, ticker="MSFT")])
    assert [bar.partial for bar in bars.take_live()] == [False]


def test_an_official_bar_first_after_the_interruption_does_not_make_the_minute_after_it_whole() -> None:
    bars = book()
    bars.interrupt()
    bars.merge([minute(0), second(90), second(121)])
    assert {bar.timestamp: bar.partial for bar in bars.take_live()} == {MINUTE + 60_000: True, MINUTE + 120_000: False}


def test_a_seeded_minute_is_widened_never_shrunk() -> None:
    bars = book()
    seed = bar(close=150.0, volume=500.0, tier=Tier.LIVE.value, observed_at=(MINUTE + 20_000) * 1000 + 9)
    bars.seed([seed])
    (marked,) = bars.take_live()
    assert marked == msgspec.structs.replace(seed, partial=True, observed_at=seed.observed_at + 1)
    bars.merge([second(20, 150.2, 70.0), second(21, 152.5, 30.0)])
    (live,) = bars.take_live()
    assert (live.open, live.high, live.low, live.close) == (seed.open, 152.52, seed.low, 152.5)
    assert live.volume == 530.0  # second 20 may be in the stored bar already
    assert live.partial
    assert live.observed_at > marked.observed_at


# -- any order ---------------------------------------------------------------------------------------------------

_SYMBOLS = st.sampled_from(["AAPL", "BRK.B"])
_PRICE = st.integers(1, 5).map(float)


@st.composite
def _tick(draw: st.DrawFn) -> TickData:
    make, step = draw(st.sampled_from([(SecondAggregate, 1_000), (MinuteAggregate, 60_000), (SecondAggregate, 1_000)]))
    start_ms = MINUTE + draw(st.integers(0, 130)) % (130_000 // step) * step
    first, last, one, other = draw(st.tuples(_PRICE, _PRICE, _PRICE, _PRICE))
    prices = (first, max(first, last, one, other), min(first, last, one, other), last)
    volume = draw(st.integers(0, 30)) / 10
    return make(draw(_SYMBOLS), start_ms, *prices, volume, None, draw(st.none() | _PRICE))


def _window(tick: TickData) -> tuple[str, str, int]:
    return (tick.ticker, tick.event_type, tick.timestamp)


@st.composite
def _interleavings(draw: st.DrawFn, ticks: Sequence[TickData]) -> list[TickData]:
    """The ticks in an order that keeps the versions of each window in theirs, some sent again right behind."""
    queues: dict[tuple[str, str, int], list[TickData]] = defaultdict(list)
    for tick in ticks:
        queues[_window(tick)].append(tick)
    mixed = []
    while queues:
        window = draw(st.sampled_from(sorted(queues)))
        tick = queues[window].pop(0)
        mixed += [tick] * draw(st.sampled_from([1, 1, 1, 2]))
        if not queues[window]:
            del queues[window]
    return mixed


def _contents(book: BarBook) -> list[tuple[object, ...]]:
    """What the book ends with: live bars whole; of official ones all but the stamp, which is the time of receipt."""
    ends = {(bar.symbol, bar.timestamp): bar for bar in taken(book)}
    return [(*key, *bar.values, bar.observed_at if bar.tier == Tier.LIVE else None) for key, bar in ends.items()]


@given(st.lists(_tick(), max_size=25), st.data())
def test_any_order_that_keeps_versions_ends_in_the_same_book(ticks: list[TickData], data: st.DataObject) -> None:
    straight, mixed = book(), book()
    straight.merge(ticks)
    mixed.merge(data.draw(_interleavings(ticks)))
    assert _contents(mixed) == _contents(straight)


def told_day(offset_min: int, volume: float, day_volume: float | None, ticker: str = "AAPL") -> MinuteAggregate:
    """A minute that tells the day's volume."""
    exact = None if day_volume is None else f"{day_volume:f}"
    return msgspec.structs.replace(minute(offset_min, volume=volume, ticker=ticker), decimal_day_volume=exact)


def doubts(book: BarBook) -> list[tuple[str, int, int, GapReason]]:
    """With minutes after MINUTE."""
    return [
        (symbol, (from_ms - MINUTE) // 60_000, (to_ms - MINUTE) // 60_000, reason)
        for symbol, from_ms, to_ms, reason in book.take_doubts()
    ]


def test_seconds_without_an_official_bar_are_doubted_once_their_minute_is_sealed() -> None:
    bars = book()
    bars.merge([second(0), second(60), minute(1), second(120, ticker="IBM"), second(360)])
    bars.seal(MINUTE + 239_999)
    assert doubts(bars) == []
    bars.seal(MINUTE + 360_000)
    assert doubts(bars) == [("AAPL", 0, 0, GapReason.UNOFFICIAL), ("IBM", 2, 2, GapReason.UNOFFICIAL)]
    assert doubts(bars) == []


def test_without_minute_aggregates_none_are_expected() -> None:
    bars = BarBook(lambda: 1, expects_minutes=False)
    bars.merge([second(0), second(360)])
    bars.seal(MINUTE + 360_000)
    assert doubts(bars) == []


def test_a_second_of_a_sealed_minute_is_doubted() -> None:
    bars = book()
    bars.merge([minute(0), minute(2), second(600)])
    bars.seal(MINUTE + 600_000)
    bars.merge([second(1), second(121)])
    assert doubts(bars) == [("AAPL", 0, 2, GapReason.LATE)]


def test_a_days_volume_that_grew_by_more_than_came_is_doubted() -> None:
    bars = book()
    bars.merge([told_day(0, 100, 1_000), told_day(1, 50, 1_050), told_day(3, 50, 1_100)])
    assert doubts(bars) == []
    bars.merge([told_day(6, 50, 1_150.5), told_day(7, 10, 9_999)])  # of minutes side by side nothing can be missing
    assert doubts(bars) == [("AAPL", 4, 5, GapReason.SUSPECT)]


def test_an_older_minute_that_is_sent_again_raises_no_doubt() -> None:
    bars = book()
    bars.merge([told_day(0, 100, 1_000), told_day(5, 50, 1_050), told_day(0, 100, 900), told_day(5, 60, 1_060)])
    assert doubts(bars) == []
    bars.merge([told_day(9, 10, 1_070), told_day(19, 10, None), told_day(29, 10, 1_080)])
    assert doubts(bars) == []


def test_another_day_begins_with_a_volume_of_its_own() -> None:
    bars = book()
    bars.merge([told_day(0, 100, 1_000), told_day(1440, 100, 5_000)])
    assert doubts(bars) == []


def test_the_days_volume_of_symbols_that_came_no_more() -> None:
    bars = book()
    bars.merge(
        [told_day(0, 100, 1_000), told_day(5, 100, 7_000, "IBM"), told_day(-1440, 5, 5, "OLD"), minute(0, ticker="X")]
    )
    assert bars.day_volumes(MINUTE + 300_000) == {"AAPL": 1_000}
    assert bars.day_volumes(MINUTE + 360_000) == {"AAPL": 1_000, "IBM": 7_000}
