"""What a complete answer of the vendor says about the stored bars."""

from collections.abc import Iterable, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from src.core.domain.market.bar import MINUTE_MS, Bar, Tier, merge_evidence
from src.core.domain.market.comparison import Span, compare
from tests.bars import MINUTE, bar

_SETTLED = Span(MINUTE, MINUTE + 9 * MINUTE_MS, MINUTE + 60 * MINUTE_MS, stamp=100)
_EARLY = _SETTLED._replace(asked_ms=MINUTE + 11 * MINUTE_MS)
_FINAL = _SETTLED._replace(asked_ms=MINUTE + 2 * 86_400_000)


def at(place: int, **values: object) -> Bar:
    return bar(timestamp=MINUTE + place * MINUTE_MS, **values)  # type: ignore[arg-type]  # as given


def stored(*bars: Bar) -> dict[int, Bar]:
    return {one.timestamp: one for one in bars}


def test_what_was_not_stored_is_added_and_what_differs_is_told_apart_from_what_is_confirmed() -> None:
    known = stored(at(0), at(1, close=9.0), at(2, tier=Tier.LIVE.value), at(3))
    answer = [at(place, observed_at=100) for place in range(5)]
    found = compare(known, answer, _SETTLED)
    assert found.added == [answer[4]]
    assert found.differed == [answer[1]]
    assert found.confirmed == [answer[2]]
    assert found.withdrawn == []
    assert len(found.repaired_ms) == 2


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


def test_a_final_answer_makes_a_withdrawn_minute_finally_withdrawn() -> None:
    found = compare(stored(at(0, withdrawn=True)), [], _FINAL)
    assert [(one.withdrawn, one.tier) for one in found.confirmed] == [(True, Tier.FINAL)]
    assert found.repaired_ms == []


def test_a_withdrawn_minute_that_comes_again_differs() -> None:
    answer = [at(0, observed_at=100)]
    assert compare(stored(at(0, withdrawn=True)), answer, _SETTLED).differed == answer


def test_what_the_feed_never_tells_is_filled_and_no_difference() -> None:
    answer = [at(0, trade_count=7, observed_at=100), at(1, vwap=151.0, observed_at=100)]
    found = compare(stored(at(0), at(1, vwap=None)), answer, _SETTLED)
    assert found.confirmed == answer
    assert found.repaired_ms == []


def test_an_older_answer_fills_what_a_newer_bar_lacks() -> None:
    answer = [at(0, observed_at=100, tier=Tier.OFFICIAL.value)]
    found = compare(stored(at(0, vwap=None, tier=Tier.FINAL.value, observed_at=200)), answer, _SETTLED)
    assert found.evidence == answer


# -- any stored bars, any answer -------------------------------------------------------------------------------------

_MINUTES = st.dictionaries(st.integers(0, 5), st.tuples(st.integers(1, 3), st.integers(1, 3), st.booleans()))


@st.composite
def _accounts(draw: st.DrawFn, tier: st.SearchStrategy[int], stamps: st.SearchStrategy[int]) -> dict[int, Bar]:
    """Bars of some of six minutes by their start; those of one volume agree on VWAP and trade count, if they tell."""
    return {
        start_ms: bar(
            timestamp=start_ms,
            close=float(close),
            volume=float(volume),
            vwap=volume + 0.5 if told else None,
            trade_count=volume * 3 if draw(st.booleans()) else None,
            tier=draw(tier),
            observed_at=draw(stamps),
        )
        for start_ms, (close, volume, told) in (
            (MINUTE + place * MINUTE_MS, values) for place, values in draw(_MINUTES).items()
        )
    }


# Stamps of different evidence differ: those of stored bars are even, those of answers odd.
@st.composite
def _stored(draw: st.DrawFn) -> dict[int, Bar]:
    known = draw(
        _accounts(st.sampled_from([tier.value for tier in Tier]), st.integers(1, 75).map(lambda stamp: 2 * stamp))
    )
    flags = {start_ms: (draw(st.booleans()), draw(st.booleans())) for start_ms in known}
    return {
        start_ms: structs.replace(
            one, partial=one.tier == Tier.LIVE and flags[start_ms][0], withdrawn=flags[start_ms][1]
        )
        for start_ms, one in known.items()
    }


def merged(known: Mapping[int, Bar], evidence: Iterable[Bar]) -> dict[int, Bar]:
    result = dict(known)
    for one in evidence:
        result[one.timestamp] = merge_evidence(result[one.timestamp], one) if one.timestamp in result else one
    return result


def seen(bars: Mapping[int, Bar]) -> dict[int, tuple[object, ...]]:
    """What readers see, who are not shown the withdrawn."""
    return {start_ms: one.values for start_ms, one in bars.items() if not one.withdrawn}


@settings(max_examples=60)
@given(_stored(), _accounts(st.just(Tier.FINAL.value), st.just(200)))
def test_what_is_stored_and_the_evidence_are_the_final_answer(known: dict[int, Bar], final: dict[int, Bar]) -> None:
    span = _FINAL._replace(stamp=200)
    result = merged(known, compare(known, list(final.values()), span).evidence)
    told = {start_ms: merge_evidence(known.get(start_ms, one), one).values for start_ms, one in final.items()}
    assert seen(result) == told
    assert all(told[start_ms][:5] == one.values[:5] for start_ms, one in final.items())
    assert compare(result, list(final.values()), span._replace(stamp=300)).evidence == []


@settings(max_examples=60)
@given(
    _stored(),
    _accounts(
        st.sampled_from([Tier.OFFICIAL.value, Tier.FINAL.value]), st.integers(1, 75).map(lambda stamp: 2 * stamp - 1)
    ),
)
def test_the_evidence_is_all_of_an_answer_that_changes_something(known: dict[int, Bar], answer: dict[int, Bar]) -> None:
    found = compare(known, list(answer.values()), _SETTLED)
    kept = merged(known, [one for one in found.evidence if one.timestamp in answer])
    everything = merged(known, answer.values())
    assert {at_ms: one.values for at_ms, one in kept.items()} == {
        at_ms: one.values for at_ms, one in everything.items()
    }
    before = {at_ms: one.values for at_ms, one in known.items()}
    result = merged(known, found.evidence)
    assert all(result[one.timestamp].values != before.get(one.timestamp) for one in found.evidence)
