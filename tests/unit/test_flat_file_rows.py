"""Rows of flat files: which are bars, which cannot be right, and which files are not used at all."""

import datetime as dt
import gzip
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market.bar import Bar, Tier, check_bar
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.flat_file import MOST_NAMED, bar_of
from src.core.domain.market.history import Timespan
from src.core.domain.market.reconciliation import date_bounds_ms
from src.core.errors import FlatFileError
from src.infrastructure.data_sources.flat_file_rows import BarRows, columns_of, line_groups, outline_of
from tests.bars import MINUTE
from tests.flat_files import HEADER, NS, line, write

COLUMNS = columns_of("a file", HEADER.split(","))
FINAL = Tier.FINAL.value
STAMP = (MINUTE + 86_400_000) * 1000


def minutes(*lines: str, header: str = HEADER) -> tuple[list[Bar], list[str]]:
    """What is made of lines, and what is said of the bad ones; the first has the number 2."""
    rows = BarRows(columns_of("a file", header.split(",")), STAMP)
    return [bar_of(row, STAMP) for row in rows.minutes(2, lines)], rows.named


def test_a_row_becomes_a_final_bar_with_every_digit() -> None:
    bars, bad = minutes(line("BACpL", volume="1234.567891", high="10.523456"), line("BRK.B", 1))
    assert bad == []
    assert bars == [
        Bar("BACpL", MINUTE, 10.0, 10.523456, 9.5, 10.5, 1234.567891, None, 7, FINAL, STAMP),
        Bar("BRK.B", MINUTE + 60_000, 10.0, 11.0, 9.5, 10.5, 100.0, None, 7, FINAL, STAMP),
    ]


def test_columns_are_found_by_their_names() -> None:
    header = "window_start,vwap,low,something,high,open,close,volume,ticker"
    bars, bad = minutes(f"{MINUTE * NS},10.2,9.5,x,11,10,10.5,3.25,IBM", header=header)
    assert bad == []
    assert bars == [Bar("IBM", MINUTE, 10.0, 11.0, 9.5, 10.5, 3.25, 10.2, None, FINAL, STAMP)]
    assert minutes(f"{MINUTE * NS},,9.5,x,11,10,10.5,3.25,IBM", header=header)[0][0].vwap is None


def test_names_of_columns_may_be_written_as_others_write_them() -> None:
    names = ["\ufeffTicker", *HEADER.upper().split(",")[1:-1], " Transactions\r"]
    assert columns_of("a file", names) == COLUMNS


def test_what_a_file_does_not_tell_is_not_told() -> None:
    (bar,), bad = minutes(line(trades=""))
    assert (bar.trade_count, bad) == (None, [])


def test_a_column_that_is_needed_is_missed() -> None:
    with pytest.raises(FlatFileError, match="does not name window_start, low"):
        columns_of("a.csv.gz", ["ticker", "open", "high", "close", "volume"])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line(minute=1, high="1"), "is not coherent"),
        (line(minute=1, open="1"), "is not coherent"),
        (line(minute=1, open="99"), "is not coherent"),
        (line(minute=1, close="1"), "is not coherent"),
        (line(minute=1, close="99"), "is not coherent"),
        (line(minute=1, low="-inf"), "is not finite"),
        (line(minute=1, high="nan"), "is not finite"),
        (line(minute=1, high="inf"), "is not finite"),
        (line(minute=1, volume="-1"), "negative volume"),
        (line(minute=1, volume="1e16"), "volume above"),
        (line(minute=1, volume="many"), "could not convert"),
        (line(minute=1, volume="1_0"), "'1_0' is no number"),
        (line(minute=1, trades="1_0"), "'1_0' is no whole number"),
        (line(minute=1, trades="-7"), "negative volume or trade count"),
        (line(minute=1, trades="7.5"), "invalid literal"),
        (line(minute=1, trades=str(10**16)), "as many trades"),
        (line(minute=1, trades=str(10**25)), "as many trades"),
        (line(start=str((STAMP // 1000 // 60_000 + 1) * 60_000 * NS)), "is yet to come"),
        (line(start=str(60_000 * NS * 10**15)), "is yet to come"),
        (line(minute=1, volume="٣"), "is no number"),
        (line(start=str((MINUTE + 1) * NS)), "does not begin on a whole minute"),
        (line(start=str(MINUTE * NS + 1)), "is no whole minute"),
        (line(start=str(60_000 * NS)), "before 2003"),
        (line("not a ticker", 1), "is not a ticker"),
        (line("\ufffd", 1), "is not a ticker"),
        (line(minute=1) + ",", "It has 9 columns in the place of 8"),
        ("", "It has 0 columns in the place of 8"),
        (line(), "It tells again what a row before it told"),
    ],
)
def test_a_row_that_cannot_be_right_is_named_and_the_others_are_used(bad: str, reason: str) -> None:
    bars, named = minutes(line(), bad, line(minute=2))
    assert [bar.timestamp for bar in bars] == [MINUTE, MINUTE + 120_000]
    assert len(named) == 1
    assert named[0].startswith("Line 3: ")
    assert reason in named[0]


def test_bad_rows_are_all_counted_and_the_first_are_named() -> None:
    rows = BarRows(COLUMNS, STAMP)
    assert rows.minutes(2, [line(volume="x")] * 50) == []
    assert (rows.bad_rows, len(rows.named)) == (50, MOST_NAMED)


def test_what_the_last_line_before_told_is_not_told_again() -> None:
    rows = BarRows(COLUMNS, STAMP)
    assert len(rows.minutes(2, [line(), line(minute=1)])) == 2
    assert [row[1] for row in rows.minutes(4, [line(minute=1), line(minute=2)])] == [MINUTE + 120_000]
    assert rows.named == ["Line 4: It tells again what a row before it told."]


def test_a_file_in_another_order_is_read_too() -> None:
    lines = [line(ticker, minute) for ticker in ("AAPL", "BACpL", "IBM") for minute in range(5)]
    shuffled = random.Random(7).sample(lines, len(lines))
    assert minutes(*shuffled) == minutes(*lines)


_TEXTS = st.sampled_from(["10", "9.99", "10.01", "-10", "nan", "inf", "-inf", "1e400", "0", "x", "", "1_0", " 10"])


@given(
    st.lists(
        st.tuples(*[_TEXTS] * 5, st.sampled_from(["1", "-1", "0", "", "1.0", "1" + "0" * 20])), min_size=1, max_size=4
    )
)
def test_what_is_taken_at_once_is_what_is_taken_one_by_one(values: list[tuple[str, ...]]) -> None:
    header = "open,high,low,close,volume,transactions,ticker,window_start"
    lines = [",".join([*texts, "A", str((MINUTE + at * 60_000) * NS)]) for at, texts in enumerate(values)]
    bars, bad = minutes(*lines, header=header)
    alone = [minutes(one, header=header) for one in lines]
    # An empty line before makes each row be looked at by itself.
    one_by_one, bad_by_itself = minutes("", *lines, header=header)
    assert bars == one_by_one == [bar for found, _ in alone for bar in found]
    assert len(bad) == len(bad_by_itself) - 1 == sum(len(named) for _, named in alone)
    for bar in bars:
        check_bar(bar)


# -- files -----------------------------------------------------------------------------------------------------------


def test_a_file_is_outlined_and_its_lines_come_in_groups(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv.gz", [line(minute=minute) for minute in range(10)])
    assert outline_of(path)[1:] == (10, Timespan.MINUTE)
    groups = list(line_groups(path, 4))
    assert [(number, len(lines)) for number, lines in groups] == [(1, 4), (5, 4), (9, 3)]
    assert groups[0][1][:2] == [HEADER, line()]


def test_lines_are_whole_wherever_a_piece_of_the_file_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.infrastructure.data_sources.flat_file_rows._CHUNK_BYTES", 7)
    lines = [line(minute=minute, volume="1.25") for minute in range(4)]
    path = write(tmp_path / "a.csv.gz", lines)
    assert [one for _number, some in line_groups(path, 3) for one in some] == [HEADER, *lines]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-4], lambda data: data[: len(data) // 2], lambda _data: b"ticker"]
)
def test_a_file_that_is_not_whole_is_not_used(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "a.csv.gz"
    write(path, [line(minute=minute) for minute in range(100)])
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]  # one of the functions above
    with pytest.raises(FlatFileError, match="has to be a whole gzip file"):
        outline_of(str(path))


def test_a_flipped_bit_is_found_before_anything_is_used(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    write(path, [line(minute=minute) for minute in range(100)])
    data = bytearray(path.read_bytes())
    data[-8] ^= 1  # of the checksum
    path.write_bytes(data)
    with pytest.raises(FlatFileError, match="CRC check failed"):
        outline_of(str(path))


@pytest.mark.parametrize("content", ["", "\n", "ticker\rAAPL\r"])
def test_a_file_without_columns_is_none(tmp_path: Path, content: str) -> None:
    path = write(tmp_path / "a.csv.gz", [], content)
    with pytest.raises(FlatFileError, match="is no flat file of minutes or days"):
        outline_of(path)


def test_what_is_one_line_alone_is_not_kept_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(bytes(2_000_000)))
    with pytest.raises(FlatFileError, match="a line of more than 65,536 bytes"):
        outline_of(str(path))


def test_a_bad_row_does_not_make_a_file_of_days_one_of_minutes(tmp_path: Path) -> None:
    start = str(date_bounds_ms(dt.date(2025, 11, 20))[0] * NS)
    lines = [line("A", start="soon"), line('"A'), *[line(ticker, start=start) for ticker in ("B", "C", "D")]]
    assert outline_of(write(tmp_path / "days.csv.gz", lines))[1:] == (5, Timespan.DAY)


def test_a_file_of_days_is_told_by_its_times(tmp_path: Path) -> None:
    summer, winter = dt.date(2025, 7, 1), dt.date(2025, 11, 20)
    lines = [line("A", start=str(date_bounds_ms(date)[0] * NS)) for date in (summer, winter)]
    path = write(tmp_path / "days.csv.gz", lines)
    assert outline_of(path)[1:] == (2, Timespan.DAY)
    rows = BarRows(COLUMNS, STAMP)
    days = rows.days(2, [*lines, line("A"), lines[0], line("B", volume="-1", start=lines[0].split(",")[6])])
    assert days == [
        DailyBar("A", date, 10.0, 11.0, 9.5, 10.5, 100.0, None, 7, FINAL, STAMP) for date in (summer, winter)
    ]
    assert [named[:7] for named in rows.named] == ["Line 4:", "Line 5:", "Line 6:"]
    assert "does not begin at midnight in New York" in rows.named[0]
