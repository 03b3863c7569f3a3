"""Loads a year of days of a universe from the simulator's REST side, kills the load in the middle, and goes on.

    PYTHONPATH=. python scripts/bench/load_history.py [--universe sp500] [--days 365] [--timespan day]

Shows how long it takes, and that nothing that was answered is asked for again.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from src.infrastructure.cache.relationship_cache import RelationshipCache
from src.infrastructure.database.engines import read_engine
from src.simulator.server import SimulatorServer
from tests.past_market import PastMarket

_ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """The exit status is 1 when something was asked for twice, or is missing."""
    asked = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bars.db"
        keys = {"DATA_DIR": folder, "DATABASE_URL": url, "MASSIVE_API_KEY": "KEY", "MASSIVE_REST_RATE": "100/second"}
        environment = {**os.environ, **keys, "USE_MASSIVE_API": "true"}
        _flask(environment, "migrate").wait()
        symbols = RelationshipCache(read_engine(url)).resolve(asked.universe).symbols
        first = datetime.now(UTC).date() - timedelta(days=asked.days)
        market = PastMarket(dict.fromkeys(symbols, first))
        with SimulatorServer(market) as server:
            environment["MASSIVE_REST_URL"] = server.rest_url
            load = ("history", "load", "--universe", asked.universe, "--from", str(first), "--timespan", asked.timespan)
            return _show(environment, load, market, url, len(symbols))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--universe", default="sp500")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--timespan", choices=("day", "minute"), default="day")
    return parser.parse_args()


def _show(environment: dict[str, str], load: tuple[str, ...], market: PastMarket, url: str, count: int) -> int:
    half = threading.Event()
    symbols = sorted(listing.ticker for listing in market.listings)
    middle = symbols[count // 2]
    market.at_page = lambda _count: half.set() if market.asked[-1][0] == middle else None
    begun_s = time.monotonic()
    process = _flask(environment, *load)
    half.wait()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before, killed_s = len(market.asked), time.monotonic() - begun_s
    print(f"Killed after {killed_s:.1f} s, {before:,} pages and {_rows(url):,} rows.")
    begun_s = time.monotonic()
    status = _flask(environment, *load).wait()
    print(
        f"Went on for {time.monotonic() - begun_s:.1f} s, {len(market.asked) - before:,} pages; exit status {status}."
    )
    twice = {page: times for page, times in Counter(market.asked).items() if times > 1}
    of_killed = {page for page in twice if page[0] == market.asked[before - 1][0]}
    print(f"{len(market.asked):,} pages in all; {_rows(url):,} rows of {count:,} symbols.")
    print(f"Asked for twice: {len(twice):,} pages, of which {len(of_killed):,} of the request that the kill cut off.")
    again = len(market.asked)
    _flask(environment, *load).wait()
    print(f"The same once more asked for {len(market.asked) - again:,} pages.")
    return int(status != 0 or set(twice) != of_killed or len(market.asked) != again)


def _rows(url: str) -> int:
    with read_engine(url).connect() as connection:
        tables = ("ohlcv_daily", "ohlcv_1min")
        return sum(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() for table in tables)  # noqa: S608  of constants


def _flask(environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "flask", *arguments]
    return subprocess.Popen(command, cwd=_ROOT, env={**environment, "FLASK_APP": "src.app:create_app"})


if __name__ == "__main__":
    sys.exit(main())
