"""A day of the synthetic market as one of the vendor's flat files: every ticker's minutes, or every ticker's day."""

import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path

from src.simulator.days import DayBars
from src.simulator.habits import Fates, RestHabits
from src.simulator.hours import Hours
from src.simulator.market import Extent, SyntheticMarket
from src.simulator.newyork import MINUTE_MS, date_bounds_ms
from src.simulator.tape import MinutePlan, totals
from src.simulator.universe import Instrument
from src.simulator.wire import number, shares

# The vendor's columns in the vendor's order.
HEADER = "ticker,volume,open,close,high,low,window_start,transactions\n"
KINDS = ("minute", "day")
_NS_PER_MS = 1_000_000
# So many instruments make a market at a time: a symbol's bars do not depend on what else is traded.
_AT_A_TIME = 200


def write_flat_file(
    path: Path,
    kind: str,
    day: date,
    instruments: Sequence[Instrument],
    *,
    seed: int,
    hours: Hours,
    habits: RestHabits,
    processes: int = 1,
) -> int:
    """Write the `minute` or `day` file of `day` to `path` as gzip; how many rows it has.

    It holds what the REST side says in the end, after every correction, ticker after ticker. The same arguments give
    the same bytes, by however many processes. ValueError where nothing trades on that day; OSError where `path` cannot
    be written.
    """
    if hours(day) is None:
        raise ValueError(f"Nothing trades on {day}: it is a Saturday, a Sunday or a holiday of the exchange.")
    midnight, following = (bound_ms // MINUTE_MS for bound_ms in date_bounds_ms(day))
    make = partial(_lines, kind, range(midnight, following), seed, hours, habits)
    rows = 0
    # Without a name and a time of writing in its head, the same day is the same file.
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
        _made_by(processes, make, _batches(sorted(instruments))) as made,
    ):
        packed.write(HEADER.encode())
        for lines in made:
            rows += lines.count(b"\n")
            packed.write(lines)
    return rows


@contextmanager
def _made_by(
    processes: int, make: Callable[[list[Instrument]], bytes], batches: Iterator[list[Instrument]]
) -> Iterator[Iterable[bytes]]:
    """What `make` makes of each batch, in their order."""
    if processes == 1:
        yield map(make, batches)
        return
    # Processes that begin anew: a copy of this one would have its locks, without the threads that hold them.
    with get_context("spawn").Pool(processes) as pool:
        yield pool.imap(make, batches)


def _lines(
    kind: str, minutes: range, seed: int, hours: Hours, habits: RestHabits, instruments: list[Instrument]
) -> bytes:
    """The lines of one ticker after the other."""
    fates, market = Fates(seed, habits), SyntheticMarket(seed, instruments, hours=hours)
    days = DayBars(market)
    lines = (
        _day_line(days, instrument.symbol, minutes.start)
        if kind == "day"
        else list(_minute_lines(market, fates, instrument.symbol, minutes))
        for instrument in instruments
    )
    return "".join(chain.from_iterable(lines)).encode()


def _batches(instruments: Iterable[Instrument]) -> Iterator[list[Instrument]]:
    remaining = iter(instruments)
    while some := list(islice(remaining, _AT_A_TIME)):
        yield some


def _day_line(days: DayBars, symbol: str, midnight: int) -> list[str]:
    day = days.whole(symbol, midnight)
    if day is None:
        return []
    prices = ",".join(map(number, (day.open, day.close, day.high, day.low)))
    return [f"{symbol},{shares(day.volume_micro)},{prices},{day.start_ms * _NS_PER_MS},{day.trades}\n"]


def _minute_lines(market: SyntheticMarket, fates: Fates, symbol: str, minutes: range) -> Iterator[str]:
    hours = range(minutes.start // 60, minutes.stop // 60)
    plans = chain.from_iterable(market.hour_plans(symbol, hour) for hour in hours)
    traded = [(minute, plan) for minute, plan in zip(minutes, plans, strict=True) if plan.trades]
    if not traded:
        return
    first, last = traded[0][0], traded[-1][0]
    path = market.prices(symbol, first, last - first + 2)
    for minute, plan in traded:
        fate = fates.of(symbol, minute)
        if fate.cancelled_after_ms is not None:
            continue
        extent = market.extent(symbol, minute, plan, *path[minute - first : minute - first + 2])
        volume_micro, trades = _counts(plan)
        if fate.corrected_after_ms is not None:
            volume_micro, narrower = fate.corrected(volume_micro)
            extent, trades = (_narrower(extent), trades) if narrower else (extent, trades + 1)
        prices = ",".join(number(cents / 100) for cents in (extent.open, extent.close, extent.high, extent.low))
        yield f"{symbol},{shares(volume_micro)},{prices},{minute * MINUTE_MS * _NS_PER_MS},{trades}\n"


def _counts(plan: MinutePlan) -> tuple[int, int]:
    """Volume and trades that the minute's last `AM` has: late trades are counted as one."""
    volume_micro, trades = totals([plan])
    return volume_micro, trades + (plan.late_parts > 0)


def _narrower(extent: Extent) -> Extent:
    return extent._replace(high=max(extent.open, extent.close), low=min(extent.open, extent.close))
