"""What a complete answer of the vendor says about the stored bars."""

from src.core.domain.market.bar import MINUTE_MS, Tier
from src.core.domain.market.comparison import Span, compare
from tests.bars import MINUTE, bar

_SETTLED = Span(MINUTE, MINUTE + 9 * MINUTE_MS, MINUTE + 60 * MINUTE_MS, stamp=100)
_EARLY = _SETTLED._replace(asked_ms=MINUTE + 11 * MINUTE_MS)
_FINAL = _SETTLED._replace(asked_ms=MINUTE + 2 * 86_400_000)


def at(place: int, **values: object) -> object:
    return bar(timestamp=MINUTE + place * MINUTE_MS, **values)  # type: ignore[arg-type]  # as given


def stored(*bars: object) -> dict[int, object]:
    return {one.timestamp: one for one in bars}  # type: ignore[attr-defined]  # bars


def test_what_was_not_stored_is_added_and_what_differs_is_told_apart_from_what_is_confirmed() -> None:
    known = stored(at(0), at(1, close=9.0), at(2, tier=Tier.LIVE.value), at(3))
    answer = [at(place, observed_at=100) for place in range(5)]
    found = compare(known, answer, _SETTLED)
    assert found.added == [answer[4]]
    assert found.differed == [answer[1]]
    assert found.confirmed == [answer[2]]
    assert found.withdrawn == []
    assert found.repaired == 2


def test_an_answer_that_is_older_than_what_is_stored_changes_nothing() -> None:
    assert compare(stored(at(0, observed_at=200)), [at(0, close=9.0, observed_at=100)], _SETTLED).evidence == []


def test_a_vwap_that_the_answer_does_not_tell_does_not_differ() -> None:
    answer = [at(0, vwap=None, observed_at=100)]
    assert compare(stored(at(0, trade_count=7)), answer, _SETTLED).evidence == []


def test_a_minute_that_a_settled_answer_lacks_is_withdrawn() -> None:
    known = stored(at(0), at(1), at(2))
    found = compare(known, [at(0, observed_at=100), at(2, observed_at=100)], _SETTLED)
    assert [(one.timestamp, one.withdrawn, one.rank) for one in found.withdrawn] == [
        (MINUTE + MINUTE_MS, True, (Tier.OFFICIAL, 100))
    ]


def test_the_newest_minutes_are_not_withdrawn_while_the_vendor_may_lag() -> None:
    known = stored(at(0), at(1))
    answer = [at(0, observed_at=100)]
    assert compare(known, answer, _SETTLED).withdrawn == []
    assert len(compare(known, answer, _FINAL).withdrawn) == 1
    assert len(compare(known, [], _FINAL).withdrawn) == 2


def test_an_answer_that_is_not_settled_withdraws_nothing() -> None:
    known = stored(at(0), at(1), at(2))
    assert compare(known, [at(0, observed_at=100), at(2, observed_at=100)], _EARLY).withdrawn == []


def test_newer_evidence_and_other_minutes_are_not_withdrawn() -> None:
    known = stored(at(1, observed_at=200), at(12), at(2, withdrawn=True))
    assert compare(known, [at(0, observed_at=100), at(15, observed_at=100)], _SETTLED).withdrawn == []


def test_a_withdrawn_minute_that_comes_again_differs() -> None:
    answer = [at(0, observed_at=100)]
    assert compare(stored(at(0, withdrawn=True)), answer, _SETTLED).differed == answer
