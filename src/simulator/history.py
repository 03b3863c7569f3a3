"""The synthetic market's past as its REST side tells it: late, unfinished, and not always what the feed said."""

from collections.abc import Iterator, Sequence

from src.simulator.bars import Bar, DayBar, together
from src.simulator.days import DayBars
from src.simulator.habits import FAITHFUL, Fate, Fates, RestHabits
from src.simulator.market import SyntheticMarket
from src.simulator.newyork import MINUTE_MS, day_start, next_day_start
from src.simulator.noise import uniform
from src.simulator.past_days import PastDays
from src.simulator.source import Listing
from src.simulator.wire import LastMinute, rest_bar, rest_day, rest_grouped, rest_snapshot

# A snapshot looks this many days back for one on which a symbol traded: over a long weekend and a quiet day.
_DAYS_BACK = 7
# Days that ended longer ago are told about, since nobody compares them with minutes and a year of them is asked for.
_EXACT_MS = 36 * 3_600_000


class MarketHistory:
    """What the REST side of `market` knows, from its seed, the symbol and the time alone."""

    def __init__(self, market: SyntheticMarket, habits: RestHabits = FAITHFUL) -> None:
        self._market = market
        self._habits = habits
        self._days = DayBars(market)
        self._past = PastDays(market)
        self._lags_ms = {symbol: self._lag_ms(symbol) for symbol in market.symbols}
        self._fates = Fates(market.seed, habits)

    @property
    def listings(self) -> Sequence[Listing]:
        """Every instrument of the market, ascending."""
        instruments = map(self._market.instrument, sorted(self._market.symbols))
        return [Listing(one.symbol, one.name, one.type, one.exchange) for one in instruments]

    def minutes(
        self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool
    ) -> Iterator[tuple[int, str]]:
        """What is known at `now_ms` of each minute that starts in the range, the forming one included."""
        if symbol not in self._lags_ms:
            return
        known_ms = now_ms - self._lags_ms[symbol]
        first = -(-max(from_ms, 0) // MINUTE_MS)
        minutes = range(first, min(to_ms, known_ms) // MINUTE_MS + 1)
        for minute in minutes if ascending else reversed(minutes):
            bar = self._minute(symbol, minute, known_ms)
            if bar is not None:
                yield bar.start_ms, rest_bar(bar)

    def days(self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool) -> Iterator[tuple[int, str]]:
        """What is known at `now_ms` of each New York day from that of `from_ms` to that of `to_ms`."""
        if symbol not in self._lags_ms:
            return
        midnights = _midnights(max(from_ms, 0), min(to_ms, now_ms))
        for midnight in midnights if ascending else reversed(midnights):
            day = self._day(symbol, midnight, now_ms)
            if day is not None:
                yield day.start_ms, rest_day(day)

    def whole_market(self, midnight_ms: int, now_ms: int) -> Iterator[str]:
        """The day that begins at `midnight_ms`, of every symbol that traded."""
        for symbol in sorted(self._market.symbols):
            day = self._day(symbol, midnight_ms // MINUTE_MS, now_ms)
            if day is not None:
                yield rest_grouped(day)

    def snapshot(self, symbols: Sequence[str], now_ms: int) -> Iterator[str]:
        """The day so far, the last minute and the day before, of each of `symbols`."""
        for symbol in symbols:
            known_ms = now_ms - self._lags_ms[symbol]
            today = day_start(known_ms // MINUTE_MS)
            before = next((day for day in self._days_before(symbol, today) if day is not None), None)
            day, minute = self._day_so_far(symbol, known_ms), self._last_minute(symbol, known_ms)
            yield rest_snapshot(symbol, day, minute, before, known_ms if day else 0)

    def _minute(self, symbol: str, minute: int, known_ms: int) -> Bar | None:
        """`minute` as it is known at `known_ms`."""
        sent = [v.bar for v in self._market.minute(symbol, minute * MINUTE_MS) if v.send_at_ms <= known_ms]
        if not sent:
            return self._forming(symbol, minute, known_ms)
        bar, fate = sent[-1], self._fates.of(symbol, minute)
        late_ms = known_ms - bar.end_ms
        if fate.cancelled_after_ms is not None and late_ms >= fate.cancelled_after_ms:
            return None
        if fate.corrected_after_ms is not None and late_ms >= fate.corrected_after_ms:
            return _corrected(bar, fate)
        return bar

    def _forming(self, symbol: str, minute: int, known_ms: int) -> Bar | None:
        """The seconds of `minute` that were sent by `known_ms` together, before its first `AM`."""
        newest = {
            version.bar.start_ms: version.bar
            for version in self._market.seconds(symbol, minute * MINUTE_MS)
            if version.send_at_ms <= known_ms
        }
        return together([newest[start_ms] for start_ms in sorted(newest)]) if newest else None

    def _day(self, symbol: str, midnight: int, now_ms: int) -> DayBar | None:
        """The day that begins at `midnight` (minutes since the epoch): all of it, or as far as it is known."""
        known_ms = now_ms - self._lags_ms[symbol]
        ended_ms = next_day_start(midnight) * MINUTE_MS
        if known_ms >= ended_ms + _EXACT_MS and self._past.has(symbol):
            return self._past.whole(symbol, midnight)
        if known_ms >= ended_ms:
            return self._days.finished(symbol, midnight)
        if known_ms < midnight * MINUTE_MS:
            return None
        day, minute = self._day_so_far(symbol, known_ms), known_ms // MINUTE_MS
        forming = self._forming(symbol, minute, known_ms)
        trades = self._days.trades_so_far(symbol, minute) + (forming.trades if forming else 0)
        return day and day._replace(trades=trades)

    def _day_so_far(self, symbol: str, known_ms: int) -> DayBar | None:
        """The day of `known_ms`, up to the newest second that was sent, without `trades`."""
        minute = known_ms // MINUTE_MS
        forming = self._forming(symbol, minute, known_ms)
        return self._days.so_far(symbol, minute, forming)

    def _days_before(self, symbol: str, midnight: int) -> Iterator[DayBar | None]:
        for _day in range(_DAYS_BACK):
            midnight = day_start(midnight - 1)
            yield self._days.finished(symbol, midnight)

    def _last_minute(self, symbol: str, known_ms: int) -> LastMinute | None:
        """The newest minute of the day of `known_ms` whose `AM` was sent by then."""
        now = known_ms // MINUTE_MS
        for minute in range(now - 1, day_start(now) - 1, -1):
            if self._market.plan(symbol, minute).trades:
                sent = [v.bar for v in self._market.minute(symbol, minute * MINUTE_MS) if v.send_at_ms <= known_ms]
                if sent:
                    return LastMinute(rest_bar(sent[-1]), sent[-1].day_volume_micro)
        return None

    def _lag_ms(self, symbol: str) -> int:
        return int(1000 * self._habits.lag_s * uniform(f"{self._market.seed}/lag/{symbol}".encode(), 0))


def _midnights(from_ms: int, to_ms: int) -> list[int]:
    """The midnights (minutes since the epoch) of the New York days from that of `from_ms` to that of `to_ms`."""
    midnights = []
    midnight = day_start(from_ms // MINUTE_MS)
    while midnight * MINUTE_MS <= to_ms:
        midnights.append(midnight)
        midnight = next_day_start(midnight)
    return midnights


def _corrected(bar: Bar, fate: Fate) -> Bar:
    """`bar` with late trades at its close that no `AM` had, or without a print at its extremes that was taken back."""
    volume_micro, narrower = fate.corrected(bar.volume_micro)
    if narrower:
        high, low = max(bar.open, bar.close), min(bar.open, bar.close)
        return bar._replace(high=high, low=low, volume_micro=volume_micro)
    vwap = round((bar.vwap * bar.volume_micro + bar.close * (volume_micro - bar.volume_micro)) / volume_micro, 4)
    return bar._replace(volume_micro=volume_micro, vwap=vwap, trades=bar.trades + 1)
