"""The synthetic market: any second and minute of any symbol, from nothing but the seed, the symbol and the time.

History and live events therefore always agree, and a restart goes on with the same prices without any state.
What it imitates, beside prices and volumes: the sum of a minute's seconds is not the minute (odd lots, auctions,
late trades), a window may be sent again with corrections, a VWAP may lie outside the window's prices, and a
volume may be fractional.
"""

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter, mul
from typing import NamedTuple

from src.simulator import seconds as second_columns
from src.simulator.bars import SHARE_MICRO, Bar, Version
from src.simulator.hours import Hours, TradingDay, always, date_of
from src.simulator.newyork import MINUTE_MS, REGULAR_OPENS, day_start, minute_of_day
from src.simulator.noise import digest
from src.simulator.prices import PricePaths, walk, wick_table
from src.simulator.seconds import Seconds
from src.simulator.tape import MinutePlan, Tape
from src.simulator.universe import Instrument, default_universe

SECOND_MS = 1000
# An `A` leaves this long after its second ended.
_SECOND_DELAY_MS = 100
# An `AM` leaves 1 to 4 s after its minute: a delay that all symbols share, then one of up to 375 ms by symbol.
_MINUTE_DELAY_MS, _MINUTE_DELAY_STEP_MS = 1000, 10
_SPREAD_STEP_MS, _SPREAD_STEPS = 25, 16
# Auctions (up to 4 cents) and late trades (up to 2) may lie beyond where the seconds' prices can.
_BEYOND_PATH = 6
# A revised `AM` leaves 5 s to 15 min after its minute ended, early more often than late.
LONGEST_DELAY_MS = 900_000
_REVISION_DELAY_MS = [round(5_000 * 180 ** (b / 255)) for b in range(256)]


class _Day(NamedTuple):
    """What a minute's bars say of the New York day before them; the volume is in millionths of a share."""

    volume_micro: int
    vwap: float
    open: float | None


class Extent(NamedTuple):
    """Prices of a minute in cents."""

    open: int
    high: int
    low: int
    close: int

    def wider(self, cents: int) -> "Extent":
        """Up (above 0) or down by `cents` at its extreme."""
        return self._replace(high=self.high + max(0, cents), low=self.low + min(0, cents))


class SyntheticMarket:
    """Bars of `universe` by `seed`; any moment may be asked for, from any thread, in any order."""

    def __init__(self, seed: int = 7, universe: Sequence[Instrument] | None = None, *, hours: Hours = always) -> None:
        instruments = list(default_universe() if universe is None else universe)
        self.seed = seed
        self._hours = hours
        self._instruments = {i.symbol: i for i in instruments}
        self._keys = {i.symbol: f"{seed}/minute/{i.symbol}/".encode() for i in instruments}
        self._wicks = {i.symbol: wick_table(i) for i in instruments}
        self._paths = PricePaths(seed, instruments)
        self._tape = Tape(seed, len(instruments), hours)
        # The minute of each symbol that was asked for last: its seconds and its minute are mostly asked for together.
        self._recent: dict[str, tuple[int, Seconds, bytes]] = {}
        self._batch_key = f"{seed}/batch/".encode()
        self._auction_price = lru_cache(maxsize=4 * len(instruments))(self._compute_auction_price)
        self._notional_before = lru_cache(maxsize=48 * len(instruments))(self._compute_notional_before)

    @property
    def symbols(self) -> list[str]:
        """The tickers of this market."""
        return list(self._instruments)

    def seconds(self, symbol: str, minute_start_ms: int) -> list[Version]:
        """Every version of every second with trades of one minute, by the time it is sent.

        `minute_start_ms`: epoch milliseconds, a multiple of 60,000. KeyError for a symbol not of this market.
        """
        instrument, minute = self._instruments[symbol], _minute_number(minute_start_ms)
        plan = self._tape.plan(instrument, minute)
        if plan.trades == 0:
            return []
        columns, _data = self._columns(instrument, minute, plan)
        return self._second_versions(instrument, minute, plan, columns)

    def minute(self, symbol: str, minute_start_ms: int) -> list[Version]:
        """The versions of one minute by the time they are sent: one, or more when it is revised, or none.

        `minute_start_ms`: epoch milliseconds, a multiple of 60,000. KeyError for a symbol not of this market.
        """
        instrument, minute = self._instruments[symbol], _minute_number(minute_start_ms)
        plan = self._tape.plan(instrument, minute)
        if plan.trades == 0:
            return []
        columns, data = self._columns(instrument, minute, plan)
        return self._minute_versions(instrument, minute, plan, columns, data)

    def instrument(self, symbol: str) -> Instrument:
        """What is known of a ticker. KeyError for one not of this market."""
        return self._instruments[symbol]

    def trading_day(self, midnight: int) -> TradingDay | None:
        """The hours of the day that begins at `midnight` (minutes since the epoch); None where nothing trades."""
        return self._hours(date_of(midnight))

    def hour_plans(self, symbol: str, hour: int) -> list[MinutePlan]:
        """What trades in each minute of `hour` (hours since the epoch)."""
        return self._tape.plan_hour(self._instruments[symbol], hour)

    def prices(self, symbol: str, first: int, count: int) -> list[float]:
        """Dollars, unrounded, at the start of each of `count` minutes from `first` (minutes since the epoch) on."""
        return self._paths.over(self._instruments[symbol], first, count)

    def price(self, symbol: str, minute: int) -> float:
        """Dollars, unrounded, at the start of `minute` (minutes since the epoch)."""
        return self._paths.at(self._instruments[symbol], minute)

    def expected_trades(self, symbol: str, hours: range) -> float:
        """How many trades may be expected in some hours (since the epoch), by how lively each of them is."""
        return sum(self._tape.expected_trades(self._instruments[symbol], hour) for hour in hours)

    def plan(self, symbol: str, minute: int) -> MinutePlan:
        """What trades in `minute` (minutes since the epoch); the last few hours are kept."""
        return self._tape.plan(self._instruments[symbol], minute)

    def stray(self, symbol: str, plan: MinutePlan) -> int:
        """Cents by which a price of a minute of this plan may lie beyond the minute's path."""
        return self._wicks[symbol][-1] + (_BEYOND_PATH if plan.auction_micro or plan.late_parts else 0)

    def bounds(self, symbol: str, minute: int, start: float, end: float) -> tuple[int, int]:
        """Lowest and highest cents of a minute's path from `start` to `end` dollars, at a tenth of `extent`'s cost."""
        path = walk(self._instruments[symbol], start, end, digest(self._keys[symbol], minute, second_columns.STEPS))
        return min(path), max(path)

    def extent(self, symbol: str, minute: int, plan: MinutePlan, start: float, end: float) -> Extent:
        """Prices in cents that a minute with trades had in the end: what its last `AM` says.

        `plan` is what trades in it; it runs from `start` to `end` dollars, which are the paths' prices.
        """
        instrument = self._instruments[symbol]
        data = digest(self._keys[symbol], minute, second_columns.random_bytes(plan))
        path = walk(instrument, start, end, data[: second_columns.STEPS])
        extent = Extent(*second_columns.extent(path, self._wicks[symbol], data))
        extent = self._with_auction(extent, instrument, minute, plan)
        return extent.wider(_widening(data)) if plan.late_parts else extent

    def auction(self, symbol: str, minute: int) -> float:
        """The price in dollars of the auction in `minute`, where its plan has one."""
        return self._auction_price(self._instruments[symbol], minute) / 100

    def day_before(self, symbol: str, minute: int) -> tuple[int, float]:
        """Volume (millionths of a share) and VWAP, about, from New York midnight to the start of `minute`."""
        instrument = self._instruments[symbol]
        return self._day(instrument, minute, self._paths.at(instrument, minute))[:2]

    def _columns(self, instrument: Instrument, minute: int, plan: MinutePlan) -> tuple[Seconds, bytes]:
        recent = self._recent.get(instrument.symbol)
        if recent is not None and recent[0] == minute:
            return recent[1], recent[2]
        data = digest(self._keys[instrument.symbol], minute, second_columns.random_bytes(plan))
        path = self._paths.within_minute(instrument, minute, data[: second_columns.STEPS])
        columns = second_columns.build(plan, path, self._wicks[instrument.symbol], data)
        self._recent[instrument.symbol] = (minute, columns, data)
        return columns, data

    def _second_versions(
        self, instrument: Instrument, minute: int, plan: MinutePlan, columns: Seconds
    ) -> list[Version]:
        day = self._day(instrument, minute, columns.open[0] / 100)
        # The feed counts a minute's odd lots and auction in the day's volume, at its start, but in no second's.
        traded_micro = day.volume_micro + plan.odd_micro + plan.auction_micro
        prints = sum(columns.prints)
        versions = []
        for i, second in enumerate(columns.second):
            traded_micro += columns.volume[i]
            start_ms = minute * MINUTE_MS + second * SECOND_MS
            bar = Bar(
                instrument.symbol,
                start_ms,
                start_ms + SECOND_MS,
                columns.open[i] / 100,
                columns.high[i] / 100,
                columns.low[i] / 100,
                columns.close[i] / 100,
                columns.volume[i],
                columns.double_vwap[i] / 200,
                max(1, columns.prints[i] * plan.trades // prints),
                traded_micro,
                day.vwap,
                day.open,
            )
            versions += _sent_second(bar, columns.correction_ms.get(second))
        return sorted(versions, key=itemgetter(0))

    def _minute_versions(
        self, instrument: Instrument, minute: int, plan: MinutePlan, columns: Seconds, data: bytes
    ) -> list[Version]:
        end_ms = (minute + 1) * MINUTE_MS
        first = self._first_minute_bar(instrument, minute, plan, columns, data[1])
        versions = [Version(end_ms + self._minute_delay_ms(minute, data[0]), first)]
        if plan.late_parts == 2:
            half_micro = plan.late_micro // SHARE_MICRO // 2 * SHARE_MICRO
            versions.append(Version(end_ms + _REVISION_DELAY_MS[data[2] // 2], _with_late(first, half_micro, 0)))
        if plan.late_parts:
            last = _with_late(first, plan.late_micro, _widening(data))
            # The second half of the table when another revision has the first one.
            delay = data[4] if plan.late_parts == 1 else 128 + data[4] // 2
            versions.append(Version(end_ms + _REVISION_DELAY_MS[delay], last))
        return versions

    def _first_minute_bar(
        self, instrument: Instrument, minute: int, plan: MinutePlan, columns: Seconds, choice: int
    ) -> Bar:
        of_seconds = Extent(columns.open[0], max(columns.high), min(columns.low), columns.close[-1])
        extent = self._with_auction(of_seconds, instrument, minute, plan)
        notional = sum(map(mul, columns.volume, columns.double_vwap)) / 2
        if plan.odd_micro:
            notional += plan.odd_micro * (of_seconds.high + 2 if choice % 2 else of_seconds.low - 2)
        if plan.auction_micro:
            notional += plan.auction_micro * extent.open
        volume_micro = plan.total_micro - plan.late_micro
        day = self._day(instrument, minute, columns.open[0] / 100)
        return Bar(
            instrument.symbol,
            minute * MINUTE_MS,
            (minute + 1) * MINUTE_MS,
            extent.open / 100,
            extent.high / 100,
            extent.low / 100,
            extent.close / 100,
            volume_micro,
            round(notional / volume_micro / 100, 4),
            plan.trades + plan.odd_trades + (plan.auction_micro > 0),
            day.volume_micro + volume_micro,
            day.vwap,
            day.open,
        )

    def _with_auction(self, extent: Extent, instrument: Instrument, minute: int, plan: MinutePlan) -> Extent:
        if not plan.auction_micro:
            return extent
        price = self._auction_price(instrument, minute)
        return extent._replace(open=price, high=max(extent.high, price), low=min(extent.low, price))

    def _minute_delay_ms(self, minute: int, choice: int) -> int:
        shared_ms = digest(self._batch_key, minute, 1)[0] * _MINUTE_DELAY_STEP_MS
        return _MINUTE_DELAY_MS + shared_ms + choice % _SPREAD_STEPS * _SPREAD_STEP_MS

    def _day(self, instrument: Instrument, minute: int, price: float) -> _Day:
        hour = minute // 60
        before = self._tape.volume_before(instrument, minute)
        # Whole hours count at their middle price and this one at its present price: near enough, and cheap.
        this_hour = before - self._tape.volume_before(instrument, hour * 60)
        vwap = (self._notional_before(instrument, hour) + this_hour * price) / before if before else price
        opening = day_start(minute) + REGULAR_OPENS
        open_ = self._auction_price(instrument, opening) / 100 if self._opened(instrument, minute) else None
        return _Day(before, round(vwap, 4), open_)

    def _opened(self, instrument: Instrument, minute: int) -> bool:
        """Whether `minute` is not before the opening auction of its day, and there was one."""
        if minute_of_day(minute) < REGULAR_OPENS:
            return False
        return self._tape.plan(instrument, day_start(minute) + REGULAR_OPENS).auction_micro > 0

    def _compute_auction_price(self, instrument: Instrument, minute: int) -> int:
        """Cents: some cents from where the seconds of `minute` begin."""
        offset = digest(self._keys[instrument.symbol] + b"auction", minute, 1)[0] % 9 - 4
        return round(100 * self._paths.at(instrument, minute)) + offset

    def _compute_notional_before(self, instrument: Instrument, hour: int) -> float:
        """Dollars times millionths of a share traded from New York midnight to the start of `hour`, about."""
        if hour * 60 == day_start(hour * 60):
            return 0.0
        last = hour - 1
        volume = self._tape.volume_before(instrument, hour * 60) - self._tape.volume_before(instrument, last * 60)
        return self._notional_before(instrument, last) + volume * self._paths.at(instrument, last * 60 + 30)


def _minute_number(minute_start_ms: int) -> int:
    minute, rest = divmod(minute_start_ms, MINUTE_MS)
    if rest:
        raise ValueError(f"A minute starts at a multiple of {MINUTE_MS} ms since the epoch, not at {minute_start_ms}.")
    return minute


def _sent_second(bar: Bar, correction_ms: int | None) -> list[Version]:
    """The versions of one second: itself, or half of its trades first and itself a few seconds later."""
    send_at_ms = bar.end_ms + _SECOND_DELAY_MS
    if correction_ms is None or bar.volume_micro < 2 * SHARE_MICRO:
        return [Version(send_at_ms, bar)]
    early_micro = bar.volume_micro // SHARE_MICRO // 2 * SHARE_MICRO
    early = bar._replace(
        high=max(bar.open, bar.close),
        low=min(bar.open, bar.close),
        volume_micro=early_micro,
        trades=max(1, bar.trades // 2),
        day_volume_micro=bar.day_volume_micro - bar.volume_micro + early_micro,
    )
    return [Version(send_at_ms, early), Version(send_at_ms + correction_ms, bar)]


def _widening(data: bytes) -> int:
    """By how many cents late trades widen a minute: upwards above 0, downwards below."""
    return data[3] % 5 - 2


def _with_late(bar: Bar, late_micro: int, wider_cents: int) -> Bar:
    """`bar` once late trades came in: at its close, and up (above 0) or down by `wider_cents` at its extreme."""
    volume_micro = bar.volume_micro + late_micro
    return bar._replace(
        high=round(bar.high + max(0, wider_cents) / 100, 2),
        low=round(bar.low + min(0, wider_cents) / 100, 2),
        volume_micro=volume_micro,
        vwap=round((bar.vwap * bar.volume_micro + bar.close * late_micro) / volume_micro, 4),
        trades=bar.trades + 1,
        day_volume_micro=bar.day_volume_micro + late_micro,
    )
