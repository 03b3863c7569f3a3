"""A database that takes no bars: what waits, where, for how long, and that all of it is stored in the end."""

import contextlib
import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from src.app import build_runtime
from src.config.settings import parse_settings
from src.core.domain.market.bar import Bar, Tier
from src.core.errors import DatabaseUnavailableError
from src.infrastructure.clock import SystemClock
from src.infrastructure.database import bar_writer, engines, migrate
from src.infrastructure.database.engines import sqlite_file, write_engine
from src.infrastructure.database.spool import Spool, SpoolLimits
from src.infrastructure.database.spool_record import key_of
from src.infrastructure.database.tickstock_db import Merged, TickStockDatabase
from tests.bars import MINUTE, bar, reader_of, stored_bars
from tests.conftest import as_settings_give_it
from tests.ports import free_port
from tests.postgres import PostgresServer
from tests.waiting import wait_for
from tests.writers import ROOMY, Losses, WriterRig, locked, numbered

MakeRig = Callable[..., WriterRig]


@pytest.fixture(autouse=True)
def short_lock_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock is waited for some tens of milliseconds, not a second."""
    monkeypatch.setattr(engines, "_WRITER_BUSY_TIMEOUT_S", 0.05)
    session = tuple("lock_timeout = '50ms'" if "lock_timeout" in each else each for each in engines._WRITER_SESSION)
    monkeypatch.setattr(engines, "_WRITER_SESSION", session)


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[MakeRig]:
    rigs: list[WriterRig] = []

    def make(url: str, **changes: object) -> WriterRig:
        rigs.append(WriterRig(url, tmp_path, **changes))  # type: ignore[arg-type]  # of the names that it has
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.stop()


def by_key(bars: list[Bar]) -> list[Bar]:
    return sorted(bars, key=key_of)


def test_official_and_sealed_bars_go_to_disk_and_forming_ones_stay_in_memory(
    make_rig: MakeRig, database_url: str
) -> None:
    rig = make_rig(database_url)
    forming = bar("LIVE", MINUTE + 600_000, tier=Tier.LIVE.value)
    sealed = bar("LIVE", MINUTE + 360_000, tier=Tier.LIVE.value)
    with locked(database_url):
        rig.official([bar("AAPL")])
        wait_for(lambda: rig.storage["since"])
        rig.live([forming, sealed])
        wait_for(lambda: rig.storage["spooled_bars"] == 2)
        assert rig.storage["memory_bars"] == 1
        assert by_key(rig.spool.take(10)) == by_key([bar("AAPL"), sealed])
    wait_for(lambda: rig.storage["since"] is None and rig.storage["spooled_bars"] == 0)
    assert stored_bars(database_url) == by_key([bar("AAPL"), forming, sealed])
    assert rig.spool.size_bytes == 0


def test_a_short_hesitation_of_the_database_writes_nothing_to_disk(
    make_rig: MakeRig, database_url: str, tmp_path: Path
) -> None:
    rig = make_rig(database_url, clock=SystemClock())
    with locked(database_url):
        rig.official([bar("AAPL")])
        wait_for(lambda: rig.storage["since"])
    wait_for(lambda: stored_bars(database_url))
    assert not (tmp_path / "spool.db").exists()


def test_the_newest_of_what_came_meanwhile_is_stored_and_nothing_twice(make_rig: MakeRig, database_url: str) -> None:
    rig = make_rig(database_url)
    with locked(database_url):
        rig.official(numbered(50))
        wait_for(lambda: rig.storage["spooled_bars"] == 50)
        rig.official([bar("S0", close=7.0, observed_at=999)])
        rig.official(numbered(20, start=50))
        wait_for(lambda: rig.storage["spooled_bars"] == 70)
    wait_for(lambda: rig.storage["spooled_bars"] == 0 and rig.storage["since"] is None)
    stored = stored_bars(database_url)
    assert len(stored) == 70
    assert stored[0].close == 7.0


def test_who_submits_bars_is_answered_once_they_are_on_disk(make_rig: MakeRig, database_url: str) -> None:
    rig = make_rig(database_url)
    with locked(database_url):
        assert rig.writer.submit(numbered(30))
        assert rig.storage["spooled_bars"] == 30


def test_what_waits_over_a_restart_is_stored_and_raises_the_clock_of_evidence(
    make_rig: MakeRig, database_url: str
) -> None:
    future_us = (time.time_ns() // 1000) + 3_600_000_000
    rig = make_rig(database_url)
    with locked(database_url):
        rig.official([bar("AAPL", observed_at=future_us), *numbered(20)])
        wait_for(lambda: rig.storage["spooled_bars"] == 21)
        rig.stop()
    after = make_rig(database_url)
    assert after.database.clock.stamp() > future_us
    wait_for(lambda: after.storage["spooled_bars"] == 0)
    assert len(stored_bars(database_url)) == 21


def test_a_stop_puts_everything_on_disk_within_two_seconds_forming_bars_too(
    make_rig: MakeRig, database_url: str
) -> None:
    rig = make_rig(database_url)
    with locked(database_url):
        rig.official([bar("AAPL"), bar("IBM")])
        rig.live([bar("LIVE", tier=Tier.LIVE.value)])
        started_s = time.monotonic()
        rig.stop()
        assert time.monotonic() - started_s < 30  # while the lock is held: without a limit it takes for ever
    # Ready to seed open minutes: what a start prepares is stored before it asks for them.
    after = make_rig(database_url)
    assert [left.symbol for left in stored_bars(database_url)] == ["AAPL", "IBM", "LIVE"]
    assert after.storage["lost_bars"] == 0


def test_a_stop_while_the_database_hangs_in_a_commit_puts_everything_on_disk(
    make_rig: MakeRig, sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.infrastructure.database.bar_writer._STOP_DEADLINE_S", 0.3)
    rig = make_rig(sqlite_database_url)
    hanging, let_go = threading.Event(), threading.Event()
    merge = rig.database.merge

    def hang(bars: list[Bar]) -> object:
        hanging.set()
        let_go.wait(120)
        return merge(bars)

    monkeypatch.setattr(rig.database, "merge", hang)
    rig.official([bar("AAPL")])
    assert hanging.wait(60)
    rig.official([bar("IBM")])
    wait_for(lambda: rig.storage["since"])
    assert "not answered" in str(rig.storage["reason"])
    rig.writer.stop()
    assert by_key(rig.spool.take(10)) == [bar("AAPL"), bar("IBM")]
    let_go.set()
    monkeypatch.setattr("src.infrastructure.database.bar_writer._STOP_DEADLINE_S", 60.0)
    rig.writer.stop()


def test_live_data_go_on_while_what_waited_is_stored(make_rig: MakeRig, database_url: str) -> None:
    rig = make_rig(database_url)
    with locked(database_url):
        rig.official(numbered(12_000))
        wait_for(lambda: rig.storage["spooled_bars"] == 12_000)
    wait_for(lambda: rig.storage["since"] is None)
    rig.official([bar("LATE", observed_at=10**6)])
    wait_for(lambda: any(stored.symbol == "LATE" for stored in stored_bars(database_url)))
    wait_for(lambda: rig.storage["spooled_bars"] == 0)
    assert len(stored_bars(database_url)) == 12_001


def test_one_poisoned_row_in_5000_is_told_and_the_others_are_stored(
    make_rig: MakeRig, postgresql_database_url: str
) -> None:
    rig = make_rig(postgresql_database_url)
    engine = write_engine(postgresql_database_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.symbol = 'S3' AND"
                " NEW.close = 2003 THEN RAISE 'on purpose'; END IF; RETURN NEW; END $$"
            )
        )
        connection.execute(
            text("CREATE TRIGGER poison BEFORE INSERT ON ohlcv_1min FOR EACH ROW EXECUTE FUNCTION poison()")
        )
    engine.dispose()
    with locked(postgresql_database_url):
        rig.official(numbered(5_000))
        wait_for(lambda: rig.storage["spooled_bars"] == 5_000)
    wait_for(lambda: rig.storage["spooled_bars"] == 0)
    assert len(stored_bars(postgresql_database_url)) == 4_999
    assert rig.losses.keys == [("S3", MINUTE + 190 * 60_000)]
    assert "on purpose" in rig.losses.words[0]


def test_up_to_when_was_heard_is_stored_after_all_bars_that_waited_in_memory(
    make_rig: MakeRig, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bar_writer, "MAX_ROWS_A_TRANSACTION", 10)
    rig = make_rig(database_url, limits=SpoolLimits(rows=0))
    merge, groups, dies = rig.database.merge, itertools.count(1), threading.Event()
    dies.set()

    def merge_one_group(bars: list[Bar]) -> Merged:
        if dies.is_set() and next(groups) > 1:
            raise DatabaseUnavailableError("It is gone again.")
        return merge(bars)

    monkeypatch.setattr(rig.database, "merge", merge_one_group)
    rig.writer.post_state("heard", {"event_ms": 1})
    rig.writer.post_state("status", {"number": 1})
    rig.official(numbered(25))
    wait_for(lambda: rig.storage["since"])
    database = rig.database
    assert database.state("status") == {"number": 1}
    assert (len(stored_bars(database_url)), database.state("heard")) == (10, None)
    dies.clear()
    wait_for(lambda: database.state("heard"))
    assert len(stored_bars(database_url)) == 25


def test_a_full_spool_and_a_full_memory_let_the_oldest_go_and_tell_each(make_rig: MakeRig, database_url: str) -> None:
    limits = SpoolLimits(rows=100, free_bytes=0)
    rig = make_rig(database_url, limits=limits, memory_limit=200)
    live = [bar(f"L{n}", MINUTE + 86_400_000, tier=Tier.LIVE.value) for n in range(10)]
    with locked(database_url):
        rig.official(numbered(100))
        wait_for(lambda: rig.storage["spooled_bars"] == 100)
        rig.live(live)
        rig.official(numbered(200, start=100))
        wait_for(lambda: rig.losses.keys)
        assert rig.storage["lost_bars"] == 12
        assert "no room left on disk" in str(rig.storage["reason"])
        assert rig.storage["memory_bars"] == 198
    assert sorted(rig.losses.keys) == sorted([key_of(each) for each in live] + [key_of(b) for b in numbered(2, 100)])
    wait_for(lambda: rig.storage["spooled_bars"] == 0 and rig.storage["memory_bars"] == 0)
    assert len(stored_bars(database_url)) == 298


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a file system of its own")
def test_a_full_disk_keeps_bars_in_memory_until_there_is_room(tmp_path: Path, migrated_file: Path) -> None:
    """Database and spool on a file system of 3 MB that is filled to its last byte."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small], check=True)
    try:
        url = f"sqlite:///{small}/bars.db"
        shutil.copy(migrated_file, small / "bars.db")
        rig = WriterRig(url, small)
        with (small / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(b"x" * 4096)
        rig.official(numbered(5_000))
        wait_for(lambda: "full" in str(rig.storage["reason"]) and rig.spool.trouble)
        assert rig.storage["memory_bars"] == 5_000
        (small / "ballast").unlink()
        wait_for(lambda: rig.storage["memory_bars"] == 0)
        wait_for(lambda: rig.storage["spooled_bars"] == 0)
        assert len(stored_bars(url)) == 5_000
        assert not rig.losses.keys
        rig.stop()
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)  # a test that failed still has files open


def test_the_status_is_told_by_a_file_until_the_database_takes_it_again(
    make_rig: MakeRig, database_url: str, tmp_path: Path
) -> None:
    rig = make_rig(database_url)
    written = itertools.count(1)

    def beat() -> object:
        rig.writer.post_state("status", {"written_at": next(written), "writer": rig.writer.snapshot()})
        return rig.status_file.read()

    with locked(database_url):
        wait_for(beat)
        assert (tmp_path / "status.json").stat().st_mode & 0o777 == 0o600
        before = rig.status_file.read()
        wait_for(lambda: beat() != before)
    reader = reader_of(database_url)
    wait_for(lambda: beat() and (reader.state("status") or {"written_at": 0})["written_at"] > before["written_at"])
    reader.close()


def test_what_a_damaged_spool_lost_is_a_gap_after_the_next_start(tmp_path: Path, migrated_file: Path) -> None:
    """The whole service: what is readable is stored, and what is not is listed as a gap."""
    shutil.copy(migrated_file, tmp_path / "simulated.db")
    settings = parse_settings({"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": "1", "BACKFILL_DAYS": "0"})
    database = TickStockDatabase(write_engine(settings.database_url), SystemClock().now_us)
    database.load_clock()
    spool = Spool(tmp_path / "spool.db", Losses(), SystemClock().now_ms, ROOMY)
    spool.open(database.database_id)
    spool.put(numbered(20))
    spool.close()
    database.close()
    path = tmp_path / "spool.db"
    path.write_bytes(path.read_bytes().replace(b'["S3",%d' % MINUTE, b'["S3",%d' % (MINUTE + 1)))
    service = build_runtime(settings)
    assert service is not None
    service.start()
    try:
        wait_for(lambda: len(stored_bars(settings.database_url)) == 19)
        with closing(sqlite3.connect(sqlite_file(settings.database_url))) as other:
            query = "SELECT scope, from_ms, to_ms FROM data_gaps WHERE reason = 'failed_write'"
            wait_for(lambda: other.execute(query).fetchall() == [("S3", MINUTE, MINUTE)])
    finally:
        service.stop()


# -- PostgreSQL that dies ------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


def test_a_server_that_is_killed_and_comes_back_on_another_port(server: PostgresServer, make_rig: MakeRig) -> None:
    """The URL names both addresses: libpq tries one after the other."""
    server.create_database("market")
    migrate.upgrade(as_settings_give_it(server.url("market")))
    other = free_port()
    hosts = f"/market?host=127.0.0.1:{server.port}&host=127.0.0.1:{other}"
    rig = make_rig(as_settings_give_it(server.url("market")).replace(f"127.0.0.1:{server.port}/market", hosts))
    rng = random.Random(3)
    sent = 0
    for kill in range(4):
        for _ in range(rng.randrange(3, 8)):
            rig.official(numbered(500, sent))
            sent += 500
            time.sleep(rng.random() / 50)
        server.kill()
        rig.official(numbered(500, sent))
        sent += 500
        wait_for(lambda: rig.storage["since"])
        server.start(other if kill == 2 else server.port)
        wait_for(lambda: rig.storage["since"] is None)
    wait_for(lambda: rig.storage["spooled_bars"] == 0 and rig.storage["memory_bars"] == 0)
    assert stored_bars(as_settings_give_it(server.url("market"))) == by_key(numbered(sent))
    assert not rig.losses.keys


# -- kill -9 of the writer -----------------------------------------------------------------------------------------

_CHILD = """
import sys, itertools
from pathlib import Path
from tests.writers import WriterRig, numbered
rig = WriterRig(sys.argv[1], Path(sys.argv[2]))
for number in itertools.count(int(sys.argv[3])):
    assert rig.writer.submit(numbered(100, number * 100))
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9_at_any_moment(
    database_url: str, tmp_path: Path, make_rig: MakeRig
) -> None:
    rng = random.Random(11)
    acknowledged = -1
    for _ in range(2):
        command = [sys.executable, "-c", _CHILD, database_url, str(tmp_path), str(acknowledged + 1)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            acknowledged = int(child.stdout.readline())
            with locked(database_url) if rng.random() < 0.7 else contextlib.nullcontext():
                deadline_s = time.monotonic() + rng.random() / 2
                while time.monotonic() < deadline_s:
                    acknowledged = int(child.stdout.readline())
                child.send_signal(signal.SIGKILL)
                acknowledged = max([acknowledged, *map(int, child.stdout.read().split())])
    rig = make_rig(database_url)
    wait_for(lambda: rig.storage["spooled_bars"] == 0)
    stored = {key_of(each): each for each in stored_bars(database_url)}
    wanted = numbered((acknowledged + 1) * 100)
    assert [each for each in wanted if stored.get(key_of(each)) != each] == []
    assert not rig.losses.keys


def test_a_locked_file_that_somebody_copies_is_no_reason_to_lose_bars(
    make_rig: MakeRig, sqlite_database_url: str
) -> None:
    """A reader's long transaction on the same file does not stop the writer."""
    rig = make_rig(sqlite_database_url)
    with closing(sqlite3.connect(sqlite_file(sqlite_database_url), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ohlcv_1min").fetchone()
        rig.official(numbered(100))
        wait_for(lambda: len(stored_bars(sqlite_database_url)) == 100)
    assert rig.storage["since"] is None
