"""The vendor's flat file, read: what stands in it, and what is concluded from one that is damaged."""

import gzip
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.reconciliation import date_bounds_ms
from src.core.errors import FlatFileError
from src.infrastructure.data_sources.flat_files import FlatFiles
from src.simulator.flat_files import HEADER, write_flat_file
from src.simulator.habits import FAITHFUL
from src.simulator.hours import always, official_hours
from src.simulator.market import SyntheticMarket
from src.simulator.newyork import MINUTE_MS
from src.simulator.universe import default_universe

DAY = date(2025, 11, 28)  # it closed early
BOUNDS = date_bounds_ms(DAY)
UNIVERSE = [i for i in default_universe() if i.symbol in {"SPY", "BACpL"}]
FILES = FlatFiles()


def row(ticker: str, minute: int, *, volume: str = "100", high: str = "11", start: str | None = None) -> str:
    """A line of the file, `minute` minutes after 09:30."""
    start_ms = BOUNDS[0] + (570 + minute) * MINUTE_MS
    return f"{ticker},{volume},10,10.5,{high},9.5,{start or start_ms * 1_000_000},7\n"


def write(path: Path, rows: Sequence[str], header: str = HEADER) -> str:
    with gzip.open(path, "wt", newline="") as file:
        file.writelines([header, *rows])
    return str(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "day.csv.gz"


def test_the_file_of_a_day_is_read_as_the_vendor_writes_it(path: Path) -> None:
    rows = write_flat_file(path, "minute", DAY, UNIVERSE, seed=7, hours=official_hours(), habits=FAITHFUL)
    assert FILES.tickers(str(path), BOUNDS) == ["BACpL", "SPY"]
    days = {day.symbol: day for day in FILES.days(str(path), {"BACpL", "SPY", "ZZZZ"}, 55)}
    assert sum(len(day.bars) for day in days.values()) == rows
    assert list(days) == ["BACpL", "SPY"]
    market = SyntheticMarket(7, UNIVERSE, hours=official_hours())
    last = days["SPY"].bars[-1]
    official = market.minute("SPY", last.timestamp)[-1].bar
    prices = (official.open, official.high, official.low, official.close)
    volume = official.volume_micro / 1_000_000
    assert last == Bar("SPY", last.timestamp, *prices, volume, None, official.trades, Tier.FINAL.value, 55)


def test_fractional_volumes_are_read(path: Path) -> None:
    (day,) = FILES.days(write(path, [row("AAPL", 0, volume="12.345678")]), {"AAPL"}, 1)
    assert day.bars[0].volume == 12.345678


def test_what_is_not_wanted_is_left_out(path: Path) -> None:
    days = FILES.days(write(path, [row("AAPL", 0), row("IBM", 0), row("IBM", 1)]), {"IBM"}, 1)
    assert [(day.symbol, len(day.bars)) for day in days] == [("IBM", 2)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row("AAPL", 1, high="1"), "Line 3 of the file cannot be right: The bar AAPL"),
        (row("AAPL", 1, volume="many"), "Line 3 of the file cannot be right: could not convert"),
        (row("AAPL", 1, start=str((BOUNDS[0] + 1) * 1_000_000)), "does not begin on a whole minute"),
        (row("AAPL", 1, start=str(BOUNDS[0] * 1_000_000 + 1)), "is no whole minute"),
        (row("AAPL", 0), "Line 3 of the file tells a minute that came before."),
    ],
)
def test_a_row_that_cannot_be_right_makes_its_ticker_doubtful_alone(path: Path, bad: str, reason: str) -> None:
    written = write(path, [row("AAPL", 0), bad, row("IBM", 0)])
    assert FILES.tickers(written, BOUNDS) == ["AAPL", "IBM"]
    doubtful, fine = FILES.days(written, {"AAPL", "IBM"}, 1)
    assert doubtful.bars == []
    assert reason in doubtful.trouble
    assert (len(fine.bars), fine.trouble) == (1, "")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([row("AAPL", 0), row("IBM", 0), row("AAPL", 1)], "line 4: AAPL came before"),
        ([row("AAPL", 0), row("AAPL", -9999)], "line 3: the window_start '.*' is none of that day"),
        ([row("AAPL", 0, start="soon")], "line 2: the window_start 'soon'"),
        ([row("AAPL", 0), "AAPL,1,2\n"], "line 3: there are not 8 columns"),
    ],
)
def test_a_file_that_is_not_sorted_or_of_another_day_is_refused(path: Path, rows: list[str], reason: str) -> None:
    with pytest.raises(FlatFileError, match=reason):
        FILES.tickers(write(path, rows), BOUNDS)


def test_a_file_that_is_cut_off_is_refused(path: Path) -> None:
    write_flat_file(path, "minute", DAY, UNIVERSE, seed=7, hours=always, habits=FAITHFUL)
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(FlatFileError, match="it has to be a whole gzip file"):
            FILES.tickers(str(path), BOUNDS)
    path.write_bytes(whole[: len(whole) // 2] + b"\xff" + whole[len(whole) // 2 + 1 :])
    with pytest.raises(FlatFileError):
        FILES.tickers(str(path), BOUNDS)


def test_what_is_no_flat_file_of_minutes_is_refused(path: Path) -> None:
    with pytest.raises(FlatFileError, match="No such file"):
        FILES.check(str(path))
    path.write_text(HEADER)
    with pytest.raises(FlatFileError, match="whole gzip file"):
        FILES.check(str(path))
    with pytest.raises(FlatFileError, match="its first line is not ticker,volume"):
        FILES.check(write(path, [], "ticker,open\n"))
    FILES.check(write(path, []))
