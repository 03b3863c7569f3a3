"""A few minutes of a real session as a script for the simulator, and what can be done to it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

from src.simulator.bars import SHARE_MICRO, Bar
from src.simulator.newyork import MINUTE_MS, date_bounds_ms, day_start
from src.simulator.script import Line
from tests.market_data import Row, Session, rows

SECOND, MINUTE = "A", "AM"
_SECOND_LATE_MS, _MINUTE_LATE_MS = 100, 1_000
# What REST knows of before the first minute that is sent.
_PAST_MINUTES = 30


class Market(NamedTuple):
    """What happens from `start_ms` to `end_ms` (epoch ms); `lines` are of these minutes and of the past before them."""

    lines: tuple[Line, ...]
    symbols: tuple[str, ...]
    start_ms: int
    end_ms: int

    def minute(self, index: int) -> int:
        """The start of the minute of that index, epoch ms."""
        return self.start_ms + index * MINUTE_MS

    def altered(self, change: Callable[[Line], Iterable[Line]]) -> "Market":
        """With what `change` makes of each line of these minutes; the past stays."""
        lines = [new for line in self.lines for new in ([line] if self.is_past(line) else change(line))]
        return self._replace(lines=tuple(lines))

    def without_past(self) -> "Market":
        """With nothing before these minutes."""
        return self._replace(lines=tuple(line for line in self.lines if not self.is_past(line)))

    def is_past(self, line: Line) -> bool:
        """Whether the line is of before what is sent."""
        return line.start_ms < self.start_ms


def market(session: Session, symbols: Sequence[str], first: str, minutes: int) -> Market:
    """The session's `minutes` minutes from `first` on (New York, `15:56`), of `symbols`."""
    start_ms = _instant_ms(session.day, first)
    end_ms = start_ms + minutes * MINUTE_MS
    lines: list[Line] = []
    for place, symbol in enumerate(symbols):
        lines += _of_symbol(session, symbol, start_ms, end_ms, _MINUTE_LATE_MS + 300 * place)
    return Market(tuple(lines), tuple(symbols), start_ms, end_ms)


def _of_symbol(session: Session, symbol: str, start_ms: int, end_ms: int, late_ms: int) -> list[Line]:
    past_ms = start_ms - _PAST_MINUTES * MINUTE_MS
    volume_micro, before = 0, {}
    lines = []
    for row in _rows(session.folder / "minute" / f"{symbol}_{session.day}.csv.gz"):
        if past_ms <= row.start_ms < end_ms:
            before[row.start_ms] = volume_micro
            bar = _bar(symbol, row, MINUTE_MS, volume_micro)
            volume_micro = bar.day_volume_micro
            is_sent = bar.end_ms >= start_ms  # the AM of the minute before comes in the first one
            lines.append(Line(bar.end_ms + late_ms, MINUTE, symbol, bar.start_ms, bar, is_sent))
    for row in _rows(session.folder / "second" / f"{symbol}_{session.day}.csv.gz"):
        if start_ms <= row.start_ms < end_ms:
            minute_ms = row.start_ms // MINUTE_MS * MINUTE_MS
            bar = _bar(symbol, row, 1_000, before.get(minute_ms, 0))
            before[minute_ms] = bar.day_volume_micro
            lines.append(Line(bar.end_ms + _SECOND_LATE_MS, SECOND, symbol, bar.start_ms, bar))
    return lines


@cache
def _rows(path: Path) -> list[Row]:
    return rows(path)


def _bar(symbol: str, row: Row, window_ms: int, before_micro: int) -> Bar:
    """A row as the simulator tells it; recordings have no VWAP and no count of trades, so these are made up."""
    prices = float(row.open), float(row.high), float(row.low), float(row.close)
    vwap = round(sum(prices) / 4, 4)
    micro = round(float(row.volume) * SHARE_MICRO)
    trades = max(1, micro // SHARE_MICRO // 100)
    end_ms = row.start_ms + window_ms
    return Bar(symbol, row.start_ms, end_ms, *prices, micro, vwap, trades, before_micro + micro, vwap, None)


def moved(market: Market, day: str, past_day: str, at: str = "") -> Market:
    """The same minutes on another day, from the hour `at` on if that is given (New York, `04:00`), and the past on the
    day before it (both YYYY-MM-DD), at the same hours."""
    midnight_ms = _midnight_ms(market.start_ms)
    start_ms = _instant_ms(day, at) if at else _instant_ms(day, "00:00") + market.start_ms - midnight_ms
    by_ms, past_by_ms = start_ms - market.start_ms, _instant_ms(past_day, "00:00") - midnight_ms
    lines = [_moved(line, past_by_ms if market.is_past(line) else by_ms) for line in market.lines]
    return Market(tuple(lines), market.symbols, market.start_ms + by_ms, market.end_ms + by_ms)


def torn(market: Market, after_minutes: int, day: str, at: str) -> Market:
    """With all but the first `after_minutes` minutes on a later day, from the hour `at` on; volumes begin anew."""
    from_ms, by_ms = market.minute(after_minutes), _instant_ms(day, at) - market.minute(after_minutes)
    before: dict[str, int] = defaultdict(int)
    for line in market.lines:
        if line.bar is not None and line.start_ms < from_ms:
            before[line.symbol] = max(before[line.symbol], line.bar.day_volume_micro)
    lines = [
        _begun_anew(_moved(line, by_ms), before[line.symbol]) if line.start_ms >= from_ms else line
        for line in market.lines
    ]
    return market._replace(lines=tuple(lines), end_ms=market.end_ms + by_ms)


def _begun_anew(line: Line, before_micro: int) -> Line:
    assert line.bar is not None
    return line._replace(bar=line.bar._replace(day_volume_micro=line.bar.day_volume_micro - before_micro))


def _instant_ms(day: str, hour: str) -> int:
    hours, minutes = map(int, hour.split(":"))
    return date_bounds_ms(date.fromisoformat(day))[0] + (60 * hours + minutes) * MINUTE_MS


def _midnight_ms(at_ms: int) -> int:
    return day_start(at_ms // MINUTE_MS) * MINUTE_MS


def _moved(line: Line, by_ms: int) -> Line:
    bar = line.bar and line.bar._replace(start_ms=line.bar.start_ms + by_ms, end_ms=line.bar.end_ms + by_ms)
    return line._replace(at_ms=line.at_ms + by_ms, start_ms=line.start_ms + by_ms, bar=bar)


def revised(bar: Bar, shares: int = 100) -> Bar:
    """The bar with so many shares more, of one trade at a new high."""
    high = round(bar.high + 0.01, 2)
    more_micro = shares * SHARE_MICRO
    return bar._replace(
        high=high,
        close=high,
        volume_micro=bar.volume_micro + more_micro,
        day_volume_micro=bar.day_volume_micro + more_micro,
        trades=bar.trades + 1,
    )


def by_minute(lines: Iterable[Line], channel: str) -> dict[tuple[str, int], list[Line]]:
    """The lines of a channel by symbol and the start of their minute."""
    found: dict[tuple[str, int], list[Line]] = defaultdict(list)
    for line in lines:
        if line.channel == channel:
            found[line.symbol, line.start_ms // MINUTE_MS * MINUTE_MS].append(line)
    return found
