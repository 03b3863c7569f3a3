"""What a universe's key stands for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market.universe import union

GROUPS = {
    "SPY": ["AAPL", "MSFT", "BRK.B"],
    "nasdaq100": ["MSFT", "AAPL", "ASML"],
    "market_leaders:top_100": ["NVDA", "AAPL"],
    "market_leaders": ["TSLA"],
    "a:b:c": ["ABC"],
    "empty": [],
}


@pytest.mark.parametrize(
    ("key", "symbols", "unknown"),
    [
        ("SPY", ["AAPL", "MSFT", "BRK.B"], []),
        ("SPY:nasdaq100", ["AAPL", "MSFT", "BRK.B", "ASML"], []),
        ("nasdaq100:SPY", ["MSFT", "AAPL", "ASML", "BRK.B"], []),
        ("market_leaders:top_100", ["NVDA", "AAPL"], []),
        ("market_leaders:SPY", ["TSLA", "AAPL", "MSFT", "BRK.B"], []),
        ("SPY:market_leaders:top_100", ["AAPL", "MSFT", "BRK.B", "NVDA"], []),
        ("market_leaders:top_100:SPY", ["NVDA", "AAPL", "MSFT", "BRK.B"], []),
        ("a:b:c:a:b:c", ["ABC"], []),
        ("a:b:SPY", ["AAPL", "MSFT", "BRK.B"], ["a", "b"]),
        ("SPY:nope:nasdaq100:nope", ["AAPL", "MSFT", "BRK.B", "ASML"], ["nope"]),
        ("spy", [], ["spy"]),
        ("empty", [], []),
        ("SPY:", ["AAPL", "MSFT", "BRK.B"], [""]),
        ("", [], [""]),
    ],
)
def test_a_key_is_a_name_or_a_union_of_names(key: str, symbols: list[str], unknown: list[str]) -> None:
    universe = union(key, GROUPS, GROUPS.__getitem__)
    assert (list(universe.symbols), list(universe.unknown)) == (symbols, unknown)


def test_where_nothing_exists_every_part_is_unknown() -> None:
    assert union("SPY:QQQ", (), list).unknown == ("SPY", "QQQ")


@given(st.lists(st.sampled_from(["SPY", "nasdaq100", "market_leaders:top_100", "a:b:c"]), min_size=1))
def test_any_union_of_known_names_is_each_of_their_symbols_once(names: list[str]) -> None:
    universe = union(":".join(names), GROUPS, GROUPS.__getitem__)
    assert universe.unknown == ()
    assert universe.symbols == tuple(dict.fromkeys(symbol for name in names for symbol in GROUPS[name]))
