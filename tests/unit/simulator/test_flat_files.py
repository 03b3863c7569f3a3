"""Flat files have the vendor's columns, what REST says in the end, and the same bytes for the same arguments."""

import csv
import gzip
import json
from datetime import date
from pathlib import Path

import pytest

from src.simulator.flat_files import write_flat_file
from src.simulator.habits import FAITHFUL, RestHabits
from src.simulator.history import MarketHistory
from src.simulator.hours import always, official_hours
from src.simulator.market import SyntheticMarket
from src.simulator.newyork import date_bounds_ms
from src.simulator.universe import MOST_INVENTED, Instrument, default_universe, invented_universe

DAY = date(2025, 11, 20)
START_MS, END_MS = date_bounds_ms(DAY)
LATER_MS = END_MS + 86_400_000
UNIVERSE = [i for i in default_universe() if i.symbol in {"SPY", "KO", "BACpL", "GRC"}]
HABITS = RestHabits(contradict=0.1, cancel=0.05)
HEADER = ["ticker", "volume", "open", "close", "high", "low", "window_start", "transactions"]


def write(
    path: Path, kind: str, *, seed: int = 7, habits: RestHabits = FAITHFUL, universe: list[Instrument] = UNIVERSE
) -> list[list[str]]:
    """The rows that were written, without the header."""
    rows = write_flat_file(path, kind, DAY, universe, seed=seed, hours=always, habits=habits)
    with gzip.open(path, "rt", newline="") as file:
        header, *found = csv.reader(file)
    assert header == HEADER
    assert len(found) == rows
    return found


@pytest.mark.parametrize("habits", [FAITHFUL, HABITS])
def test_a_minute_file_is_what_rest_says_in_the_end(tmp_path: Path, habits: RestHabits) -> None:
    history = MarketHistory(SyntheticMarket(7, UNIVERSE), habits)
    expected = []
    for symbol in ("BACpL", "GRC", "KO", "SPY"):
        for _t, element in history.minutes(symbol, START_MS, END_MS - 1, LATER_MS, ascending=True):
            bar = json.loads(element)
            prices = [bar[key] for key in "vochl"]
            expected.append([symbol, *prices, bar["t"] * 1_000_000, bar["n"]])
    found = [
        [symbol, *map(float, numbers), int(start_ns), int(transactions)]
        for symbol, *numbers, start_ns, transactions in write(tmp_path / "minutes.csv.gz", "minute", habits=habits)
    ]
    assert found == expected
    assert any(volume % 1 for _symbol, volume, *_rest in found)


def test_a_day_file_is_the_grouped_day_but_begins_it(tmp_path: Path) -> None:
    history = MarketHistory(SyntheticMarket(7, UNIVERSE))
    grouped = [json.loads(element) for element in history.whole_market(START_MS, LATER_MS)]
    found = write(tmp_path / "days.csv.gz", "day")
    assert [row[0] for row in found] == [bar["T"] for bar in grouped]
    for row, bar in zip(found, grouped, strict=True):
        assert [float(text) for text in row[1:6]] == [bar[key] for key in "vochl"]
        assert [int(text) for text in row[6:]] == [START_MS * 1_000_000, bar["n"]]


def test_the_same_arguments_write_the_same_bytes(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in ("first.gz", "again.gz", "other.gz"))
    write(first, "minute")
    write(again, "minute", universe=UNIVERSE[::-1])
    write(other, "minute", seed=8)
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()
    # RFC 1952 has the time of writing there; within a second the bytes would be the same by luck.
    assert first.read_bytes()[4:8] == bytes(4)


def test_two_processes_write_the_bytes_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.simulator.flat_files._AT_A_TIME", 2)
    paths = [tmp_path / "one.gz", tmp_path / "two.gz"]
    rows = [
        write_flat_file(path, "day", DAY, UNIVERSE, seed=7, hours=always, habits=HABITS, processes=processes)
        for processes, path in enumerate(paths, 1)
    ]
    assert rows == [4, 4]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_more_instruments_than_fit_at_a_time_are_the_same_as_alone(tmp_path: Path) -> None:
    many = write(tmp_path / "many.gz", "day", universe=UNIVERSE + invented_universe(220))
    assert len({row[0] for row in many}) > 220
    alone = write(tmp_path / "alone.gz", "day", universe=invented_universe(211)[-1:])
    assert alone[0] in many


def test_a_day_without_trading_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Nothing trades on 2025-11-27"):
        write_flat_file(
            tmp_path / "x.gz", "day", date(2025, 11, 27), UNIVERSE, seed=7, hours=official_hours(), habits=FAITHFUL
        )
    assert not list(tmp_path.iterdir())


def test_invented_instruments_are_plausible_and_collide_with_nothing() -> None:
    invented = invented_universe(MOST_INVENTED)
    symbols = {one.symbol for one in invented}
    assert len(symbols) == MOST_INVENTED
    assert not symbols & {one.symbol for one in default_universe()}
    assert invented_universe(3) == invented[:3]
    assert all(2 <= one.price < 1000 and one.daily_volume >= 100 and 0 < one.volatility < 0.1 for one in invented)
    liquid = sum(one.daily_volume > 1_000_000 for one in invented) / MOST_INVENTED
    assert 0.1 < liquid < 0.3
