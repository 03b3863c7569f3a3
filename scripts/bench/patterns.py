"""What the search for patterns costs: the tick handler, and a thread that looks at a market's minutes.

    PYTHONPATH=. python scripts/bench/patterns.py [--symbols 500] [--minutes 15]

Of the handler the time of one call is told, with the search and without; of the thread the processor's time for a
minute of all symbols, on an SQLite file with a history of a session behind it.
"""

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator

from src.app import build_runtime
from src.config.settings import parse_settings
from src.core.domain.market.bar import MINUTE_MS, Bar, Tier
from src.core.domain.market.session import usual_day
from src.core.domain.market.tick import MinuteAggregate, SecondAggregate
from src.core.services.fallback_pattern_detector import FallbackPatternDetector
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import read_engine, write_engine
from src.infrastructure.database.pattern_store import DatabasePatterns
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE
from tests.reconciling import StoppedClock

_HISTORY = 320  # minutes before those that are measured
_CALLS = 100_000
_STRETCH = 5_000


def main() -> None:
    """Prints both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--minutes", type=int, default=15)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _measure_handler(folder)
        _measure_thread(folder, asked.symbols, asked.minutes)


# -- the handler ---------------------------------------------------------------------------------------------------


def _measure_handler(folder: str) -> None:
    settings = parse_settings({"DATA_DIR": folder, "MASSIVE_API_KEY": "KEY"})
    for kind in (SecondAggregate, MinuteAggregate):
        for with_search in (False, True):
            service = build_runtime(settings)
            assert service is not None  # noqa: S101  the role ingests
            if not with_search:
                service._add_market_tick = lambda *_values: None
            took = list(_timed(service._handle_tick_data, kind))
            stretches = [sorted(took[start : start + _STRETCH]) for start in range(0, _CALLS, _STRETCH)]
            p50, p99 = (min(one[int(_STRETCH * share)] for one in stretches) / 1000 for share in (0.5, 0.99))
            words = "with the search" if with_search else "without it"
            print(f"{kind.__name__}, {words}: {p50:.2f} us, p99 {p99:.2f} us of the least disturbed {_STRETCH:,} calls")
    queue = FallbackPatternDetector(None, None, None, None)  # type: ignore[arg-type]  # only its queue is filled
    symbols = [f"S{number}" for number in range(500)]
    began = time.thread_time_ns()
    for place in range(_CALLS):
        queue.add_market_tick(symbols[place % 500], 100.0, 100.0, MINUTE)
    print(f"add_market_tick alone: {(time.thread_time_ns() - began) / _CALLS / 1000:.2f} us")


def _timed(handle: Callable[..., None], kind: type[SecondAggregate] | type[MinuteAggregate]) -> Iterator[int]:
    """The processor's nanoseconds of each call, for ticks of 500 symbols one minute after the other."""
    for number in range(_CALLS):
        minute_ms = MINUTE + number // 500 * MINUTE_MS
        tick = kind(f"S{number % 500}", minute_ms, 100.0, 100.5, 99.5, 100.2, 100.0, None, 100.1)
        began = time.thread_time_ns()
        handle(tick)
        yield time.thread_time_ns() - began


# -- the thread ----------------------------------------------------------------------------------------------------


def _measure_thread(folder: str, symbols: int, minutes: int) -> None:
    url = parse_settings({"DATABASE_URL": f"sqlite:///{folder}/bars.db"}).database_url
    migrate.upgrade(url)
    clock = StoppedClock(MINUTE)
    database = TickStockDatabase(write_engine(url), clock.now_us)
    detector = FallbackPatternDetector(DatabasePatterns(read_engine(url), database), clock, lambda: 0, usual_day)
    prices = {f"S{number}": 100.0 for number in range(symbols)}
    rng = random.Random(1)  # noqa: S311  prices
    for place in range(_HISTORY):
        database.merge(_bars(prices, place, rng))
    clock.ms = MINUTE + _HISTORY * MINUTE_MS
    detector.begin()
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    while detector.turn() == 0.0 or detector.snapshot()["waiting_symbols"]:
        pass
    after_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"a first look at {symbols} symbols: {detector.snapshot()}; {(after_kb - before_kb) // 1024} MB more")
    for place in range(_HISTORY, _HISTORY + minutes):
        bars = _bars(prices, place, rng)
        database.merge(bars)
        clock.ms = MINUTE + (place + 1) * MINUTE_MS
        for bar in bars:
            detector.add_market_tick(bar.symbol, bar.close, bar.volume, bar.timestamp)
        found, began_s = detector.snapshot()["found"], time.process_time()
        while detector.turn() == 0.0:
            pass
        took_s = time.process_time() - began_s
        print(f"minute {place}: {took_s:.3f} s of the processor, {detector.snapshot()['found'] - found} events")
    print(detector.snapshot())


def _bars(prices: dict[str, float], place: int, rng: random.Random) -> list[Bar]:
    bars = []
    for symbol, opening in prices.items():
        close = round(opening + rng.gauss(0, 0.08), 2)
        high = round(max(opening, close) + abs(rng.gauss(0, 0.04)), 2)
        low = round(min(opening, close) - abs(rng.gauss(0, 0.04)), 2)
        volume = round(rng.lognormvariate(7, 0.8))
        bars.append(
            Bar(symbol, MINUTE + place * MINUTE_MS, opening, high, low, close, volume, None, None, Tier.OFFICIAL, 1)
        )
        prices[symbol] = close
    return bars


if __name__ == "__main__":
    main()
