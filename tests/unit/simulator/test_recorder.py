"""A written session has the format of recorded data, the same bytes for the same seed, and the market's bars."""

import gzip
from datetime import date
from pathlib import Path

import pytest

from src.simulator import recordings
from src.simulator.market import SyntheticMarket
from src.simulator.newyork import MINUTE_MS, date_bounds_ms
from src.simulator.recorder import write_session

DAY = date(2025, 11, 20)
DAY_START_MS, _DAY_END_MS = date_bounds_ms(DAY)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("session")
    write_session(folder, ["AAPL", "GRC"], DAY, seed=11)
    return folder


def test_the_files_are_named_and_begin_as_recorded_data_does(session: Path) -> None:
    names = sorted(str(path.relative_to(session)) for path in session.rglob("*.gz"))
    assert names == [
        "minute/AAPL_20251120.csv.gz", "minute/GRC_20251120.csv.gz",
        "second/AAPL_20251120.csv.gz", "second/GRC_20251120.csv.gz",
    ]  # fmt: skip
    text = gzip.decompress((session / "minute/AAPL_20251120.csv.gz").read_bytes()).decode()
    assert text.startswith("window_start_ms,open,high,low,close,volume\n")
    assert text.endswith("\n")


@pytest.mark.parametrize("kind", ["second", "minute"])
def test_a_session_is_from_four_to_twenty_o_clock_in_order(session: Path, kind: str) -> None:
    starts_ms = [bar.start_ms for bar in recordings.read(session / kind / "AAPL_20251120.csv.gz")]
    assert starts_ms == sorted(set(starts_ms))
    assert DAY_START_MS + 240 * MINUTE_MS <= starts_ms[0] < DAY_START_MS + 241 * MINUTE_MS
    assert DAY_START_MS + 1199 * MINUTE_MS <= starts_ms[-1] < DAY_START_MS + 1200 * MINUTE_MS


def test_a_minute_is_its_newest_version(session: Path) -> None:
    market = SyntheticMarket(11)
    for bar in recordings.read(session / "minute" / "AAPL_20251120.csv.gz"):
        newest = market.minute("AAPL", bar.start_ms)[-1].bar
        assert (float(bar.open), float(bar.high), float(bar.low), float(bar.close)) == newest[3:7]
        assert float(bar.volume) == newest.volume_micro / 1e6


def test_the_same_seed_writes_the_same_bytes(session: Path, tmp_path: Path) -> None:
    (_second, minute) = write_session(tmp_path, ["GRC"], DAY, seed=11)
    assert minute.read_bytes() == (session / "minute" / "GRC_20251120.csv.gz").read_bytes()
    # RFC 1952 has the time of writing there; within a second the bytes would be the same by luck.
    assert minute.read_bytes()[4:8] == bytes(4)
    write_session(tmp_path, ["GRC"], DAY, seed=12)
    assert minute.read_bytes() != (session / "minute" / "GRC_20251120.csv.gz").read_bytes()


def test_an_unknown_symbol_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no ZZZZ"):
        write_session(tmp_path, ["AAPL", "ZZZZ"], DAY)
    assert not list(tmp_path.iterdir())
