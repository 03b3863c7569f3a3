"""The spool: bars that wait on disk, whatever happens to the file."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from src.core.domain.market.bar import Bar, Tier, merge_evidence
from src.infrastructure.database.spool import Spool, SpoolLimits
from src.infrastructure.database.spool_record import key_of
from tests.bars import MINUTE, bar
from tests.writers import ROOMY, Losses

DATABASE_ID = "0a1b2c3d-0000-4000-8000-000000000000"
OTHER_ID = "ffffffff-0000-4000-8000-000000000000"
NOW_MS = MINUTE + 3_600_000


@pytest.fixture
def losses() -> Losses:
    return Losses()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def opened(path: Path, losses: Losses) -> Callable[..., Spool]:
    def make(database_id: str = DATABASE_ID, limits: SpoolLimits = ROOMY) -> Spool:
        spool = Spool(path, losses, lambda: NOW_MS, limits)
        spool.open(database_id)
        return spool

    return make


def some_bars(count: int, symbols: int = 7) -> list[Bar]:
    """Bars of several symbols and minutes, by symbol and minute."""
    bars = [bar(f"S{n % symbols}", MINUTE + n // symbols * 60_000, observed_at=1000 + n) for n in range(count)]
    return sorted(bars, key=key_of)


def test_what_was_put_is_there_in_order_after_the_process_is_gone(opened: Callable[..., Spool], path: Path) -> None:
    bars = some_bars(100)
    first = opened()
    assert first.put(random.Random(5).sample(bars, 100)) == 100
    first.close()
    second = opened()
    assert (second.count, second.newest_stamp_us) == (100, 1099)
    assert second.take(1000) == bars
    assert second.take(10) == bars[:10]
    assert second.size_bytes == path.stat().st_size > 0


def test_accounts_of_one_minute_are_merged_whatever_their_order(opened: Callable[..., Spool]) -> None:
    older, newer = bar(close=1.0, observed_at=1), bar(close=2.0, observed_at=2, vwap=None)
    spool = opened()
    spool.put([newer])
    spool.put([older])
    assert spool.take(10) == [merge_evidence(older, newer)]
    assert spool.count == 1


def test_what_was_replaced_meanwhile_is_not_dropped(opened: Callable[..., Spool]) -> None:
    spool = opened()
    spool.put([bar("AAPL", close=1.0), bar("IBM")])
    taken = spool.take(10)
    spool.put([bar("AAPL", close=2.0, observed_at=2)])
    spool.drop(taken)
    assert [(left.symbol, left.close) for left in spool.take(10)] == [("AAPL", 2.0)]


def test_there_is_no_file_where_nothing_waits(opened: Callable[..., Spool], path: Path) -> None:
    spool = opened()
    assert not path.exists()
    spool.put(some_bars(3))
    spool.drop(spool.take(10))
    assert list(path.parent.iterdir()) == []
    assert (spool.count, spool.size_bytes) == (0, 0)
    assert spool.put(some_bars(3)) == 3


def test_a_live_stamp_is_event_time_and_no_floor_for_the_clock(opened: Callable[..., Spool]) -> None:
    spool = opened()
    spool.put([bar("LIVE", tier=Tier.LIVE.value, observed_at=10**17), bar("AAPL", observed_at=5)])
    assert spool.newest_stamp_us == 5


def test_the_newest_minutes_can_be_had_first(opened: Callable[..., Spool]) -> None:
    spool = opened()
    spool.put([bar(timestamp=MINUTE + place * 60_000) for place in range(10)])
    assert [(left.timestamp - MINUTE) // 60_000 for left in spool.newest(180_000)] == [6, 7, 8, 9]


def test_bars_of_another_database_wait_until_that_one_is_used_again(opened: Callable[..., Spool], path: Path) -> None:
    first = opened()
    first.put([bar("AAPL")])
    first.close()
    other = opened(OTHER_ID)
    assert other.count == 0
    other.put([bar("IBM")])
    other.close()
    again = opened()
    assert [left.symbol for left in again.take(10)] == ["AAPL"]
    again.close()
    assert [left.symbol for left in opened(OTHER_ID).take(10)] == ["IBM"]


@pytest.mark.parametrize(
    "limits",
    [SpoolLimits(rows=25, free_bytes=0), SpoolLimits(size_bytes=6250, free_bytes=0)],
    ids=["rows", "bytes"],
)
def test_a_full_spool_takes_no_more_than_fits_and_says_so(opened: Callable[..., Spool], limits: SpoolLimits) -> None:
    spool = opened(limits=limits)
    assert spool.put(some_bars(40)) == 25
    assert (spool.count, spool.put(some_bars(100)[60:])) == (25, 0)
    assert spool.trouble == "There is no room left on disk for bars that wait."
    assert len(spool.take(100)) == 25


def test_the_disk_is_not_filled(opened: Callable[..., Spool], path: Path) -> None:
    spool = opened(limits=SpoolLimits(free_bytes=10**15))
    assert spool.put(some_bars(3)) == 0
    assert not path.exists()


def test_a_spool_that_another_process_holds_is_left_alone_and_used_later(
    opened: Callable[..., Spool], path: Path
) -> None:
    holder = opened()
    holder.put([bar("AAPL")])
    other = opened()
    assert other.put([bar("IBM")]) == 0
    assert "locked" in str(other.trouble)
    assert other.take(10) == []
    holder.close()
    assert [left.symbol for left in other.take(10)] == ["AAPL"]
    assert other.put([bar("IBM")]) == 1
    assert [left.symbol for left in other.take(10)] == ["AAPL", "IBM"]
    assert other.trouble is None


def test_a_folder_that_cannot_be_used_is_trouble_and_no_error(tmp_path: Path, losses: Losses) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool.db", losses, lambda: NOW_MS, ROOMY)
    spool.open(DATABASE_ID)
    assert spool.put([bar()]) == 0
    assert spool.trouble is not None


def test_a_file_that_somebody_removed_is_told(opened: Callable[..., Spool], path: Path, losses: Losses) -> None:
    spool = opened()
    spool.put(some_bars(14))
    spool.close()
    path.unlink()
    assert spool.put([bar("IBM", MINUTE + 600_000)]) == 1
    assert losses.keys == [("*", MINUTE), ("*", MINUTE + 60_000)]
    assert (spool.count, spool.damaged_rows) == (1, 14)


# -- damage --------------------------------------------------------------------------------------------------------


def test_one_flipped_bit_in_a_bar_costs_that_bar_alone(
    opened: Callable[..., Spool], path: Path, losses: Losses
) -> None:
    bars = some_bars(50)
    spool = opened()
    spool.put(bars)
    spool.close()
    content = bytearray(path.read_bytes())
    place = content.index(b'["S3",%d,' % (MINUTE + 60_000)) + 25  # in the middle of its prices
    content[place] ^= 1
    path.write_bytes(content)
    spool = opened()
    assert spool.take(100) == [left for left in bars if key_of(left) != ("S3", MINUTE + 60_000)]
    assert losses.keys == [("S3", MINUTE + 60_000)]
    assert spool.damaged_rows == 1
    assert "49 bars of it are kept" in losses.words[0]
    assert len(list(path.parent.glob("spool-damaged-*.db"))) == 1


def test_a_flipped_name_is_not_taken_for_another_symbol(
    opened: Callable[..., Spool], path: Path, losses: Losses
) -> None:
    spool = opened()
    spool.put(some_bars(14))
    spool.close()
    path.write_bytes(path.read_bytes().replace(b"S3 %d" % MINUTE, b"S9 %d" % MINUTE))
    assert len(opened().take(100)) == 13
    assert losses.keys == [("*", MINUTE), ("*", MINUTE + 60_000)]


@pytest.mark.parametrize("length", [0, 1, 100, 4096, 5000, 12_288, 20_000])
def test_a_torn_file_keeps_what_is_whole(opened: Callable[..., Spool], path: Path, losses: Losses, length: int) -> None:
    bars = some_bars(200)
    spool = opened()
    spool.put(bars)
    spool.close()
    assert path.stat().st_size > 20_000
    path.write_bytes(path.read_bytes()[:length])
    spool = opened()
    left = spool.take(1000)
    assert all(kept in bars for kept in left)
    if length > 16_384:
        assert len(left) > 10
    assert all(losses.covers(key_of(lost)) for lost in bars if lost not in left)
    assert spool.put(bars) == 200
    assert spool.take(1000) == bars


def test_a_file_that_was_cut_to_nothing_is_damage_and_said(
    opened: Callable[..., Spool], path: Path, losses: Losses
) -> None:
    spool = opened()
    spool.put(some_bars(20))
    spool.close()
    path.write_bytes(b"")
    assert opened().count == 0
    assert all(losses.covers(key_of(lost)) for lost in some_bars(20))
    assert "The spool is empty: something has cut its file. 0 bars of it are kept" in losses.words[0]


def test_a_file_whose_making_was_killed_is_no_damage(opened: Callable[..., Spool], path: Path, losses: Losses) -> None:
    for left in (path.with_suffix(".begun"), path.with_name("spool.begun-journal")):
        left.write_bytes(b"begun")
    spool = opened()
    assert spool.put(some_bars(20)) == 20
    spool.close()
    assert opened().count == 20
    assert losses.keys == []
    assert [file.name for file in path.parent.iterdir()] == ["spool.db"]


def test_flipped_bytes_crash_nothing_and_lose_nothing_in_silence(
    opened: Callable[..., Spool], path: Path, losses: Losses
) -> None:
    """The oracle: what is read back is what was put, and each bar that is not is told to be lost."""
    bars = some_bars(120)
    spool = opened()
    spool.put(bars)
    spool.close()
    sound = path.read_bytes()
    rng = random.Random(20)
    for number in range(60):
        content = bytearray(sound)
        for _ in range(rng.choice([1, 1, 3, 40])):
            place = rng.randrange(len(content))
            content[place : place + rng.choice([1, 1, 64, 4096])] = rng.randbytes(1)
        path.write_bytes(content)
        losses.keys.clear()
        spool = opened()
        left = spool.take(1000)
        assert [kept for kept in left if kept not in bars] == [], number
        assert [lost for lost in bars if lost not in left and not losses.covers(key_of(lost))] == [], number
        spool.close()
        for file in path.parent.iterdir():
            file.unlink()


def test_a_salvage_that_was_killed_half_way_is_ended(opened: Callable[..., Spool], path: Path) -> None:
    spool = opened()
    spool.put(some_bars(20))
    spool.close()
    path.rename(path.with_suffix(".new"))  # the damaged file is renamed, the new one not yet
    spool = opened()
    assert spool.count == 20
    spool.close()
    path.with_suffix(".new").write_bytes(b"begun")  # the new one is not complete
    assert opened().count == 20
    assert not path.with_suffix(".new").exists()


def test_a_journal_of_a_damaged_file_is_not_played_back_into_the_new_one(
    opened: Callable[..., Spool], path: Path
) -> None:
    spool = opened()
    spool.put(some_bars(20))
    spool.close()
    path.write_bytes(b"not a database" * 1000)
    journal = path.with_name("spool.db-journal")
    journal.write_bytes(random.Random(1).randbytes(5000))
    spool = opened()
    spool.put(some_bars(20))
    spool.close()
    assert opened().count == 20


def test_a_file_of_a_newer_version_is_set_aside(opened: Callable[..., Spool], path: Path, losses: Losses) -> None:
    spool = opened()
    spool.put(some_bars(5))
    spool.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    assert opened().count == 5
    assert not losses.keys
    assert len(list(path.parent.glob("spool-damaged-*.db"))) == 1


def test_every_field_of_a_bar_survives(opened: Callable[..., Spool]) -> None:
    values: dict[str, Any] = {"volume": 0.1 + 0.2, "vwap": 1e-7, "trade_count": 0, "partial": True, "withdrawn": True}
    odd = msgspec.structs.replace(bar("BRK.B", tier=3, observed_at=2**52), **values)
    spool = opened()
    spool.put([odd])
    assert spool.take(1) == [odd]
