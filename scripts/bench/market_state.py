"""How long it takes to calculate all figures of market state: `python -m scripts.bench.market_state`.

Days and minutes are made up (three of a hundred bars are missing), in the middle of a session. Nothing is read from a
database. A calculation is what the service makes when a bar has changed: the present day taken out of its minutes,
rankings, breadth by day and within the day, weeks, stages, both rotations of sectors, sentiment. The median of several
is told, in elapsed time and in processor time, and what each part takes of it.
"""

import argparse
import datetime as dt
import resource
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from src.core.analytics.breadth import daily_breadth
from src.core.analytics.breadth_intraday import Levels, intraday_breadth, levels_of
from src.core.analytics.day_book import DayBook
from src.core.analytics.panel import Panel
from src.core.analytics.rankings import rank
from src.core.analytics.sector_rotation import by_funds, by_members
from src.core.analytics.sentiment import sentiment
from src.core.analytics.stage_analysis import stages
from src.core.analytics.weekly import weekly
from src.core.domain.market.bar import MINUTE_MS
from src.core.domain.market.session import usual_day
from src.core.market_ports import Described
from src.core.services.market_book import BENCHMARK, Stand, rows_of
from src.core.services.market_state import calculate

_DAY = usual_day(dt.date(2025, 11, 20))
_MINUTES = 200  # of the session that are over
_MISSING = 0.03
_SECTORS = 11
_CALCULATIONS = 7


class Market(NamedTuple):
    """Made-up days, the book of the present one, and what is said of the symbols."""

    finished: Panel
    book: DayBook
    described: Described
    members: int


def main() -> None:
    """Measures and prints one table for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, nargs="+", default=[500, 11_000])
    parser.add_argument("--days", type=int, default=260)
    asked = parser.parse_args()
    for count in asked.symbols:
        _measure(count, asked.days)


def _measure(count: int, days: int) -> None:
    market = made_up(count, days)
    levels = levels_of(rows_of(market.finished, count))
    usual = np.full((len(market.finished.symbols), 78), 1e5)

    def once() -> None:
        panel = _with_today(market)
        stand = Stand(
            count, panel, _DAY, market.book.grid(), levels, _newest_ms(), _DAY.close_ms, count, market.described
        )
        calculate(stand, usual, _newest_ms() + MINUTE_MS, "1")

    elapsed_s, cpu_s = _median(once)
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count} symbols by {days} days: {elapsed_s * 1000:.0f} ms ({cpu_s * 1000:.0f} ms of a core), at most", end=" "
    )
    print(f"{memory_mb:.0f} MB in this process")
    for name, part in _parts(market, levels).items():
        print(f"  {name:24} {_median(part)[0] * 1000:8.1f} ms")


def made_up(count: int, days: int) -> Market:
    """A market of so many symbols, the benchmark and the sectors' funds."""
    rng = np.random.default_rng(count)
    sectors = [f"Sector {number}" for number in range(_SECTORS)]
    members = [f"S{number}" for number in range(count)]
    symbols = (*members, BENCHMARK, *(f"F{number}" for number in range(_SECTORS)))
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (len(symbols), days)), axis=1))
    parts = np.stack([close, close * 1.01, close * 0.99, close * 1.001, np.full_like(close, 1e6)])
    parts[:, rng.random(close.shape) < _MISSING] = np.nan
    dates = np.array([_DAY.date - dt.timedelta(days=back) for back in range(days, 0, -1)], "datetime64[D]")
    of_sector = {symbol: sectors[place % _SECTORS] for place, symbol in enumerate(members)}
    funds = {sector: f"F{number}" for number, sector in enumerate(sectors)}
    op, high, low, close, volume = parts
    finished = Panel(symbols, dates, op, high, low, close, volume)
    return Market(finished, _book(symbols, rng), Described({}, of_sector, funds), count)


def _book(symbols: tuple[str, ...], rng: np.random.Generator) -> DayBook:
    book = DayBook(symbols, _DAY)
    close = 100 + rng.normal(0, 1, (len(symbols), 390))
    minutes = np.stack([close, close + 1, close - 1, close, close * 10])
    minutes[:, :, _MINUTES:] = np.nan
    book.load(symbols, minutes)
    return book


def _with_today(market: Market) -> Panel:
    days, today = market.finished, market.book.bars()
    dates = np.append(days.dates, np.datetime64(_DAY.date, "D"))
    names = ("open", "high", "low", "close", "volume")
    op, high, low, close, volume = (
        np.concatenate((getattr(days, name), getattr(today, name)[:, np.newaxis]), axis=1) for name in names
    )
    return Panel(days.symbols, dates, op, high, low, close, volume, is_provisional=True)


def _newest_ms() -> int:
    return _DAY.open_ms + (_MINUTES - 1) * MINUTE_MS


def _parts(market: Market, levels: Levels) -> dict[str, Callable[[], object]]:
    panel = _with_today(market)
    weeks, breadth, grid = weekly(panel), daily_breadth(panel), market.book.grid()
    count, described = market.members, market.described
    return {
        "present day": lambda: (_with_today(market), market.book.grid()),
        "rankings": lambda: rank(panel, panel.of([BENCHMARK]), None),
        "breadth by day": lambda: daily_breadth(panel),
        "breadth within the day": lambda: intraday_breadth(grid.close[:count], grid.volume[:count], levels),
        "weeks": lambda: weekly(panel),
        "stages": lambda: stages(weeks),
        "sectors by members": lambda: by_members(panel, weeks, described.sectors, BENCHMARK),
        "sectors by funds": lambda: by_funds(panel, weeks, described.funds, BENCHMARK),
        "sentiment": lambda: sentiment(breadth),
    }


def _median(act: Callable[[], object]) -> tuple[float, float]:
    """Elapsed time and processor time, seconds."""
    act()
    taken = []
    for _ in range(_CALCULATIONS):
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        act()
        taken.append((time.perf_counter() - begun_s, time.process_time() - begun_cpu_s))
    return statistics.median(one for one, _ in taken), statistics.median(cpu for _, cpu in taken)


if __name__ == "__main__":
    main()
