"""The state of a market at one moment, calculated all at once. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from src.core.analytics.breadth import DailyBreadth, daily_breadth
from src.core.analytics.breadth_intraday import IntradayBreadth, intraday_breadth
from src.core.analytics.panel import Floats, Panel
from src.core.analytics.rankings import Rankings, TimeOfDay, rank
from src.core.analytics.sector_rotation import Rotation, by_funds, by_members
from src.core.analytics.sentiment import Sentiment, sentiment
from src.core.analytics.stage_analysis import Stages, stages
from src.core.analytics.weekly import Weekly, weekly
from src.core.domain.market.bar import MINUTE_MS
from src.core.market_ports import Described
from src.core.services.market_book import BENCHMARK, Stand, rows_of


@dataclass(frozen=True, slots=True, eq=False)
class Intraday:
    """Breadth within the last day: `ends_ms` (points,), the end of each five minutes."""

    ends_ms: Sequence[int]
    breadth: IntradayBreadth


@dataclass(frozen=True, slots=True, eq=False)
class MarketState:
    """All figures of some symbols at one moment. Nobody changes it.

    `tag` is another one for each calculation, `calculated_ms` is when it was. `date` is the last day of which anything
    is stored, None when nothing is; `data_ms` the end of the newest minute in it, or the regular close of a whole day.
    With `is_provisional` the day is not over, or `unsettled` of the members have it from minutes and not from the
    vendor. `with_data` members have a bar of that day. `days_with_data` of the panel's days have a bar of any member.
    """

    tag: str
    calculated_ms: int
    symbols: tuple[str, ...]
    described: Described
    date: dt.date | None
    data_ms: int | None
    is_provisional: bool
    unsettled: int
    with_data: int
    days: int
    days_with_data: int
    rankings: Rankings
    breadth: DailyBreadth
    intraday: Intraday | None
    stages: Stages
    by_members: Rotation
    by_funds: Rotation
    sentiment: Sentiment

    def sector(self, symbol: str) -> str | None:
        """A symbol's sector, where one is known."""
        return self.described.sectors.get(symbol)


def calculate(stand: Stand, usual_volume: Floats | None, now_ms: int, tag: str) -> MarketState:
    """The state of the members. `usual_volume` (all symbols, points) is their usual volume by the time of day."""
    whole, count = stand.panel, stand.members
    panel = rows_of(whole, count)
    benchmark = whole.of([BENCHMARK])
    data_ms = _data_ms(stand, now_ms)
    breadth = daily_breadth(panel)
    weeks = weekly(whole)
    day = panel.dates[-1].item() if len(panel.dates) else None
    has_data = ~np.isnan(panel.close)
    return MarketState(
        tag,
        now_ms,
        panel.symbols,
        stand.described,
        day,
        data_ms,
        panel.is_provisional or stand.unsettled > 0,
        stand.unsettled,
        int(np.count_nonzero(has_data[:, -1])) if day else 0,
        len(panel.dates),
        int(np.count_nonzero(has_data.any(axis=0))),
        _ranked(panel, benchmark, _time_of_day(stand, usual_volume, data_ms)),
        breadth,
        _intraday(stand),
        stages(weeks_of(weeks, count)),
        by_members(whole, weeks, _sectors(panel.symbols, stand.described.sectors), BENCHMARK),
        by_funds(whole, weeks, stand.described.funds, BENCHMARK),
        sentiment(breadth),
    )


def weeks_of(weeks: Weekly, count: int) -> Weekly:
    """The first rows, as views."""
    return Weekly(weeks.symbols[:count], weeks.weeks, weeks.close[:count], weeks.volume[:count], weeks.is_provisional)


def _sectors(symbols: Sequence[str], sectors: Mapping[str, str]) -> dict[str, str]:
    return {symbol: sectors[symbol] for symbol in symbols if symbol in sectors}


def _data_ms(stand: Stand, now_ms: int) -> int | None:
    if not len(stand.panel.dates):
        return None
    if stand.newest_ms is not None and stand.panel.is_provisional:
        return min(stand.newest_ms + MINUTE_MS, now_ms)
    return stand.last_close_ms


def _time_of_day(stand: Stand, usual_volume: Floats | None, data_ms: int | None) -> TimeOfDay | None:
    if not stand.panel.is_provisional or data_ms is None:
        return None
    usual = None if usual_volume is None else usual_volume[: stand.members]
    return TimeOfDay((data_ms - stand.day.open_ms) / MINUTE_MS, usual)


def _intraday(stand: Stand) -> Intraday | None:
    if stand.grid is None or stand.levels is None:
        return None
    close, volume = stand.grid.close[: stand.members], stand.grid.volume[: stand.members]
    return Intraday(stand.grid.ends_ms, intraday_breadth(close, volume, stand.levels))


def _ranked(panel: Panel, benchmark: Panel, time_of_day: TimeOfDay | None) -> Rankings:
    """With copies of what reasons are found in later, when the panel has gone on."""
    rankings = rank(panel, benchmark, time_of_day)
    kept = dataclasses.replace(panel, close=panel.close.copy(), volume=panel.volume.copy())
    return dataclasses.replace(rankings, panel=kept)
