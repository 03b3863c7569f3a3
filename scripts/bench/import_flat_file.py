"""How fast flat files are imported, and with how much memory: `python -m scripts.bench.import_flat_file`.

The simulator writes two days of minutes in the vendor's format (kept in the folder that `--folder` names, for the next
run; to write 10,000 symbols takes some minutes). `flask history import` then imports, into an SQLite file and into a
durable PostgreSQL of its own, the first day, the second day over it, and the second day again. Each time is set against
the bare loop: one process that reads the first file by gzip and csv and inserts its rows into an empty SQLite table of
the same schema, 5,000 a transaction, with nothing checked and nothing merged.

Memory is that of all processes of the import together (PSS: pages that several share are counted once), without the
database's server. It ends by itself.
"""

import argparse
import contextlib
import csv
import datetime as dt
import gzip
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from src.config.settings import PROJECT_ROOT, parse_settings
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import sqlite_file
from src.simulator.flat_files import write_flat_file
from src.simulator.habits import FAITHFUL
from src.simulator.hours import official_hours
from src.simulator.universe import Instrument, default_universe, invented_universe
from tests.postgres import PostgresServer

_DAYS = (dt.date(2025, 11, 19), dt.date(2025, 11, 20))
_LEAST_TRADES = 3_000  # a day: nearly every minute of the regular session, and some hundred before and after it
_SAMPLED_EVERY_S = 0.1
_INSERT = (
    "INSERT INTO ohlcv_1min (symbol, timestamp, open, high, low, close, volume, vwap, trade_count, tier, observed_at,"
    " partial, withdrawn, revision) VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, 3, 1, 0, 0, 1)"
)


class Taken(NamedTuple):
    """What an import took; `cpu_s` is that of its processes, `peak_bytes` their memory."""

    rows: int
    seconds: float
    cpu_s: float
    peak_bytes: int

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


def main() -> None:
    """Measures and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=10_000, help="symbols of the market (10000)")
    parser.add_argument("--databases", default="sqlite,postgresql", help="into which (sqlite,postgresql)")
    parser.add_argument("--folder", type=Path, help="keeps the days' files there (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        files = _files(options.folder or Path(temporary), options.symbols)
        print(f"{options.symbols} symbols, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(f"{'':32}{'rows':>10} {'s':>8} {'rows/s':>9} {'CPU s':>7} {'of bare loop':>13} {'peak MB':>8}")
        bare = _bare_loop(files[0], Path(temporary))
        _tell("bare loop", bare, bare)
        for name in options.databases.split(","):
            with _database(name, Path(temporary)) as url:
                again = files[1]
                for title, path in zip(("first day", "second day", "second day again"), (*files, again), strict=True):
                    _tell(f"{name}, {title}", _import(url, path, Path(temporary)), bare)


def _tell(title: str, taken: Taken, bare: Taken) -> None:
    print(
        f"{title:32}{taken.rows:>10,} {taken.seconds:>8.1f} {taken.rate:>9,.0f} {taken.cpu_s:>7.1f}"
        f" {taken.rate / bare.rate:>13.2f} {taken.peak_bytes / 1e6:>8.0f}",
        flush=True,
    )


def _files(folder: Path, symbols: int) -> list[Path]:
    """The days' files, written where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{date}-{symbols}.csv.gz" for date in _DAYS]
    for date, path in zip(_DAYS, paths, strict=True):
        if not path.exists():
            print(f"Writing {path} ...", flush=True)
            unfinished = path.with_suffix(".part")
            write_flat_file(
                unfinished,
                "minute",
                date,
                _market(symbols),
                seed=7,
                hours=official_hours(),
                habits=FAITHFUL,
                processes=os.cpu_count() or 1,
            )
            unfinished.rename(path)
    return paths


def _market(symbols: int) -> list[Instrument]:
    """Symbols that trade in 390 to 960 minutes of a day."""
    known = default_universe()
    all_ = (known + invented_universe(max(0, symbols - len(known))))[:symbols]
    return [one._replace(daily_volume=max(one.daily_volume, round(_LEAST_TRADES * one.average_trade))) for one in all_]


@contextlib.contextmanager
def _database(name: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if name == "sqlite":
        url = f"sqlite:///{folder / 'bench.db'}"
        migrate.upgrade(url)
        yield url
        return
    with PostgresServer(durable=True) as server:
        server.create_database("bench")
        url = parse_settings({"DATABASE_URL": server.url("bench")}).database_url
        migrate.upgrade(url)
        yield url


def _import(url: str, path: Path, folder: Path) -> Taken:
    """`flask history import`, as it is used."""
    given = parse_settings({"DATABASE_URL": url}).database_url
    environment = {**os.environ, "DATABASE_URL": given, "DATA_DIR": str(folder), "USE_MASSIVE_API": "false"}
    command = [sys.executable, "-m", "flask", "history", "import", str(path)]
    before, begun_s = os.times(), time.monotonic()
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    with _watched(process.pid) as peak:
        output, _ = process.communicate()
    seconds, after = time.monotonic() - begun_s, os.times()
    if process.returncode:
        raise SystemExit(f"The import failed: {output}")
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Taken(_rows_of(path), seconds, cpu_s, peak[0])


def _rows_of(path: Path) -> int:
    with gzip.open(path, "rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b"")) - 1


# -- the bare loop -----------------------------------------------------------------------------------------------------


def _bare_loop(path: Path, folder: Path) -> Taken:
    url = f"sqlite:///{folder / 'bare.db'}"
    migrate.upgrade(url)
    before, begun_s = os.times(), time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; from scripts.bench.import_flat_file import insert; insert(*sys.argv[1:])",
         str(sqlite_file(url)), str(path)],
        cwd=PROJECT_ROOT,
    )  # fmt: skip
    with _watched(process.pid) as peak:
        if process.wait():
            raise SystemExit("The bare loop failed.")
    seconds, after = time.monotonic() - begun_s, os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Taken(_rows_of(path), seconds, cpu_s, peak[0])


def insert(database: str, path: str) -> None:
    """The least that could store a file."""
    connection = sqlite3.connect(database, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    with gzip.open(path, "rt", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        while some := list(islice(rows, 5_000)):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, map(_values, some))
            connection.execute("COMMIT")
    connection.close()


def _values(row: Sequence[str]) -> tuple[object, ...]:
    ticker, volume, open_, close, high, low, start, trades = row
    prices = (float(open_), float(high), float(low), float(close))
    return (ticker, int(start) // 1_000_000, *prices, float(volume), int(trades))


# -- memory ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[list[int]]:
    """A list of one number: the most bytes that a process and its children had together."""
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(_SAMPLED_EVERY_S):
            peak[0] = max(peak[0], sum(map(_pss, _family(pid))))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _family(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *(member for child in children for member in _family(int(child)))]
    return []


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
