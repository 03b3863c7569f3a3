"""Gaps as they open, grow and end."""

import itertools

import pytest

from src.core.domain.market import gap_book
from src.core.domain.market.gap_book import Clip, GapBook, Opening
from src.core.domain.market.gaps import Gap, GapReason
from tests.bars import MINUTE

_STEP = 60_000
_DROP = Opening(GapReason.DROP, "connection_1", "It was cut.", MINUTE)


def at(minute: float) -> int:
    """So many minutes after MINUTE."""
    return MINUTE + round(minute * _STEP)


def make_book(clip: Clip = lambda from_ms, to_ms: (from_ms, to_ms)) -> GapBook:
    numbers = itertools.count(1)
    return GapBook(lambda: f"gap {next(numbers)}", clip)


@pytest.fixture
def book() -> GapBook:
    return make_book()


def told(
    book: GapBook, now_ms: int = at(99), now_s: float = 0.0
) -> set[tuple[tuple[str, ...] | None, int, int | None]]:
    """The symbols and minutes of the gaps that changed since the last time, as minutes after MINUTE."""
    gaps = book.take(now_ms, now_s)
    book.kept(gaps)
    return {(gap.symbols, minute(gap.from_ms), None if gap.to_ms is None else minute(gap.to_ms)) for gap in gaps}


def minute(ms: int) -> int:
    assert ms % _STEP == 0
    return (ms - MINUTE) // _STEP


def suspect(symbol: str, reason: GapReason = GapReason.UNOFFICIAL) -> Opening:
    return Opening(reason, symbol, "It seems.", MINUTE)


def test_a_gap_grows_until_its_symbols_are_heard_again(book: GapBook) -> None:
    book.interrupt(("IBM", "AAPL"), at(0.5), _DROP)
    (growing,) = book.take(at(1), 0.0)
    assert growing == Gap("gap 1", "connection_1", ("AAPL", "IBM"), at(0), None, GapReason.DROP, "It was cut.", MINUTE)
    book.kept([growing])
    assert book.take(at(2), 0.0) == []
    book.resume(("AAPL", "IBM", "MSFT"), at(3.9), 10.0)
    (ended,) = book.take(at(4), 10.0)
    assert ended == growing._replace(to_ms=at(3))
    assert book.missing == set()


def test_what_is_not_written_is_told_again(book: GapBook) -> None:
    book.interrupt(("IBM",), at(0), _DROP)
    first = book.take(at(1), 0.0)
    assert (book.take(at(1), 0.0), book.unwritten) == (first, 1)
    book.resume(("IBM",), at(1), 0.0)
    second = book.take(at(1), 0.0)
    book.kept(first)  # the one that changed meanwhile stays
    assert (book.take(at(1), 0.0), book.unwritten) == (second, 1)
    book.kept(second)
    assert (book.take(at(1), 0.0), book.unwritten) == ([], 0)


def test_symbols_that_come_back_one_by_one_share_a_gap_if_they_end_alike(book: GapBook) -> None:
    book.interrupt(("A", "B", "C"), at(0), _DROP)
    assert told(book) == {(("A", "B", "C"), 0, None)}
    book.resume(("A",), at(1), 10.0)
    book.resume(("B",), at(1.5), 11.0)
    assert told(book, now_s=11.0) == set()
    book.resume(("C",), at(1.9), 11.5)
    assert told(book, now_s=11.5) == {(("A", "B", "C"), 0, 1)}


def test_who_stays_away_grows_on_alone(book: GapBook) -> None:
    book.interrupt(("A", "B", "C"), at(0), _DROP)
    told(book)
    book.resume(("A",), at(1), 10.0)
    book.resume(("B",), at(2), 10.5)
    assert told(book, now_s=12.4) == set()
    assert told(book, now_s=12.5) == {(("A",), 0, 1), (("B",), 0, 2), (("C",), 0, None)}
    assert book.missing == {"C"}
    book.resume(("C",), at(9), 90.0)
    assert told(book, now_s=90.0) == {(("C",), 0, 9)}


def test_what_is_missing_already_opens_no_second_gap(book: GapBook) -> None:
    book.interrupt(("A", "B"), at(0), _DROP)
    book.interrupt(("B", "C"), at(5), _DROP)
    assert told(book) == {(("A", "B"), 0, None), (("C",), 5, None)}
    book.interrupt(("C",), at(6), _DROP)
    assert told(book) == set()


def test_a_symbol_that_came_back_can_be_lost_again(book: GapBook) -> None:
    book.interrupt(("A", "B"), at(0), _DROP)
    book.resume(("A",), at(1), 1.0)
    book.interrupt(("A",), at(2), _DROP)
    book.resume(("*",), at(3), 2.0)
    assert told(book, now_s=2.0) == {(("A",), 0, 1), (("B",), 0, 3), (("A",), 2, 3)}


def test_the_whole_market_is_all_there_is(book: GapBook) -> None:
    book.interrupt(("*", "A"), at(0), _DROP)
    book.interrupt(("B",), at(1), _DROP)
    assert told(book) == {(None, 0, None)}
    book.resume(("A",), at(2), 1.0)
    assert told(book, now_s=9.0) == {(("A",), 0, 2), (None, 0, None)}
    book.resume(("*",), at(3), 10.0)
    assert told(book, now_s=10.0) == {(None, 0, 3)}


def test_a_gap_of_an_earlier_life_grows_on(book: GapBook) -> None:
    old = Gap("old", "connection_2", ("A", "B"), at(0), None, GapReason.DROP, "Before.", MINUTE)
    book.go_on(old, ("A", "B"))
    assert told(book) == set()
    book.interrupt(("A", "B", "C"), at(4), _DROP)
    assert told(book) == {(("C",), 4, None)}
    book.resume(("A", "B", "C"), at(5), 1.0)
    assert {(gap.id, gap.to_ms) for gap in book.take(at(5), 1.0)} == {("old", at(5)), ("gap 1", at(5))}


def test_a_gap_ends_no_earlier_than_it_began(book: GapBook) -> None:
    book.interrupt(("A",), at(5), _DROP)
    told(book)
    book.resume(("A",), at(1), 1.0)
    assert told(book) == {(("A",), 5, 5)}


def test_what_is_heard_before_anything_can_be_missing_is_no_gap(book: GapBook) -> None:
    book.interrupt(("A", "B"), at(5), _DROP)
    assert told(book, at(4.9)) == set()
    book.resume(("A",), at(4.9), 1.0)
    book.resume(("B",), at(5), 1.0)
    assert told(book) == {(("B",), 5, 5)}


def in_session(first: int, last: int) -> Clip:
    """Trading hours of some minutes after MINUTE."""

    def clip(from_ms: int, to_ms: int) -> tuple[int, int] | None:
        from_ms, to_ms = max(from_ms, at(first)), min(to_ms, at(last))
        return (from_ms, to_ms) if from_ms <= to_ms else None

    return clip


def test_a_drop_at_night_is_no_gap() -> None:
    book = make_book(in_session(10, 20))
    book.interrupt(("A",), at(1), _DROP)
    assert told(book, at(5)) == set()
    book.resume(("A",), at(6), 1.0)
    assert told(book, at(6)) == set()


def test_a_drop_over_the_opening_begins_with_it() -> None:
    book = make_book(in_session(10, 20))
    book.interrupt(("A",), at(1), _DROP)
    assert told(book, at(9)) == set()
    assert told(book, at(10)) == {(("A",), 10, None)}
    book.resume(("A",), at(12), 1.0)
    assert told(book, at(12)) == {(("A",), 10, 12)}


def test_a_drop_over_the_close_ends_with_it() -> None:
    book = make_book(in_session(10, 20))
    book.interrupt(("A", "B"), at(19), _DROP)
    assert told(book, at(19)) == {(("A", "B"), 19, None)}
    book.resume(("A",), at(19), 1.0)
    book.resume(("B",), at(40), 1.0)
    assert told(book, at(40)) == {(("A",), 19, 19), (("B",), 19, 20)}


def test_a_single_symbols_gap_takes_in_what_is_near(book: GapBook) -> None:
    book.open(("A",), at(5), at(5), suspect("A"))
    book.open(("A",), at(5), at(5), suspect("A"))
    book.open(("A",), at(3), at(3), suspect("A"))
    book.open(("B",), at(3), at(3), suspect("B"))
    book.open(("A",), at(3), at(3), suspect("A", GapReason.LATE))
    assert {(gap.symbols, gap.reason, minute(gap.from_ms), minute(gap.to_ms or 0)) for gap in book.take(0, 0)} == {
        (("A",), GapReason.UNOFFICIAL, 3, 5), (("B",), GapReason.UNOFFICIAL, 3, 3), (("A",), GapReason.LATE, 3, 3),
    }  # fmt: skip
    told(book)
    book.open(("A",), at(32), at(32), suspect("A"))
    book.open(("A",), at(33), at(33), suspect("A"))
    assert told(book) == {(("A",), 3, 32), (("A",), 33, 33)}


def test_frames_that_are_lost_one_after_the_other_are_one_gap(book: GapBook) -> None:
    for number in range(5):
        book.open(("A", "B"), at(number), at(number + 1), _DROP._replace(reason=GapReason.FRAME))
    assert told(book) == {(("A", "B"), 0, 5)}


def test_a_hint_at_what_is_known_to_be_missing_is_none(book: GapBook) -> None:
    book.interrupt(("A", "B"), at(5), _DROP)
    told(book)
    book.open(("A",), at(6), at(6), suspect("A"))
    book.open(("A",), at(1), at(9), suspect("A", GapReason.SUSPECT))
    assert told(book) == set()
    book.open(("A",), at(4), at(4), suspect("A"))
    book.open(("C",), at(6), at(6), suspect("C"))
    assert told(book) == {(("A",), 4, 4), (("C",), 6, 6)}
    book.resume(("A",), at(7), 1.0)
    book.open(("A",), at(7), at(7), suspect("A"))
    book.resume(("B",), at(8), 1.0)
    assert told(book) == {(("A",), 5, 7), (("B",), 5, 8)}
    book.open(("A",), at(7), at(7), suspect("A"))
    book.open(("B",), at(9), at(9), suspect("B"))
    assert told(book) == {(("B",), 9, 9)}


def test_a_volume_that_grew_over_a_gap_is_a_hint_for_what_follows_it(book: GapBook) -> None:
    book.interrupt(("A", "B"), at(5), _DROP)
    book.resume(("A", "B"), at(7), 1.0)
    assert told(book) == {(("A", "B"), 5, 7)}
    book.open(("A",), at(4), at(7), suspect("A", GapReason.SUSPECT))
    assert told(book) == set()
    book.open(("A",), at(4), at(9), suspect("A", GapReason.SUSPECT))
    book.open(("B",), at(1), at(4), suspect("B", GapReason.SUSPECT))
    assert told(book) == {(("A",), 8, 9), (("B",), 1, 4)}


def test_what_cannot_be_written_for_long_is_joined(book: GapBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gap_book, "MOST_CHANGED", 3)
    book.interrupt(("X",), at(0), _DROP)
    for number, symbol in enumerate("ABCD"):
        book.open((symbol,), at(number), at(number + 1), suspect(symbol))
    assert told(book) == {(("A", "B", "C", "D"), 0, 4), (("X",), 0, None)}
