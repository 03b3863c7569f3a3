"""Splits and cash dividends, applied to bars as they are read. Pure; what is stored stays as it traded.

A split that makes `split_to` shares of `split_from` and takes effect on a date: prices of earlier days are multiplied
by split_from / split_to, volumes by split_to / split_from. That is what the vendor calls adjusted.

A dividend of A dollars for each share whose ex-date is D: prices of earlier days are multiplied by 1 - A / C, where C
is the close of the last day before D, in shares of D. It is the multiplier of CRSP and of Yahoo's "adjusted close"
(help.yahoo.com, "What is the adjusted close?": with 0.08 paid and a close of 24.96, 1 - 0.08 / 24.96). Volumes stay.

Products are exact; each number is rounded once, half to even, to 10^-6 dollars or shares.
"""

import bisect
import datetime as dt
import enum
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from src.core.domain.market.aggregation import MICRO, PeriodBar

_CONTEXT = Context(prec=50, rounding=ROUND_HALF_EVEN)
_MICRO = Decimal("0.000001")
_CURRENCY = "USD"
_IN_DOUBLES = 2.0**51  # whole numbers up to here have halves among doubles
_DOUBT = 2.0**-50


class ActionKind(enum.StrEnum):
    """What happened to a share."""

    SPLIT = "split"
    DIVIDEND = "dividend"


class ActionSource(enum.StrEnum):
    """Who said it: what a file says of a symbol's day counts in the place of what REST says."""

    REST = "rest"
    CSV = "csv"


class CorporateAction(NamedTuple):
    """A split (`split_from` shares become `split_to`) or a cash dividend (`amount` for each share, in `currency`) of a
    symbol; `date` is the first day that trades on the new terms."""

    id: str
    symbol: str
    date: dt.date
    kind: ActionKind
    split_from: float | None
    split_to: float | None
    amount: float | None
    currency: str | None
    source: ActionSource


class Adjusted(enum.StrEnum):
    """What bars are adjusted for."""

    NO = "false"
    SPLITS = "true"
    ALL = "all"


class NotApplied(msgspec.Struct, frozen=True):
    """A dividend that bars could not be adjusted for, with the reason, a sentence."""

    date: dt.date
    kind: str
    reason: str


class Close(NamedTuple):
    """The last close before a date, in dollars, and of which day it is."""

    date: dt.date
    close: float


class _Multiplier:
    """Multiplies numbers by an exact factor and rounds once, half to even, to 10^-6.

    Of doubles the product in millionths is off by less than three of 2^53 parts: only where that leaves open to which
    side it is rounded, decimals have to say, which take ten times as long.
    """

    def __init__(self, factor: Fraction) -> None:
        self._factor = factor
        self._is_one = factor == 1
        self._millions = float(factor * MICRO)

    @property
    def factor(self) -> float:
        """The factor, about."""
        return float(self._factor)

    def times(self, number: float) -> float:
        """The number in today's terms."""
        if self._is_one:
            return number
        micro = number * self._millions
        if not abs(micro) < _IN_DOUBLES:
            return _times(number, self._factor)
        whole = round(micro)
        if 0.5 - abs(micro - whole) > abs(micro) * _DOUBT:
            return whole / MICRO
        return _times(number, self._factor)


class Factor(NamedTuple):
    """What prices and volumes of a day are multiplied by."""

    price: Fraction
    volume: Fraction


class Adjustment:
    """The factors of one symbol; made by `adjustment_of`."""

    def __init__(self, steps: Iterable[tuple[dt.date, Factor]], not_applied: Sequence[NotApplied] = ()) -> None:
        """Each step is a date, and what days before it are multiplied by."""
        self.not_applied = tuple(not_applied)
        ordered = sorted(steps, key=lambda step: step[0])
        self._dates = [date for date, _factor in ordered]
        products = _products([factor for _date, factor in ordered])
        self._multipliers = [(_Multiplier(price), _Multiplier(volume)) for price, volume in products]

    def numbers(self, date: dt.date, prices: Sequence[float], volume: float) -> list[float]:
        """Prices of a date, and its volume behind them, in today's terms."""
        multipliers = self._multipliers_at(date)
        if multipliers is None:
            return [*prices, volume]
        return [*map(multipliers[0].times, prices), multipliers[1].times(volume)]

    def volume_factor(self, date: dt.date) -> float:
        """What a volume of a date is multiplied by, about."""
        multipliers = self._multipliers_at(date)
        return 1.0 if multipliers is None else multipliers[1].factor

    def _multipliers_at(self, date: dt.date) -> tuple[_Multiplier, _Multiplier] | None:
        """Those of prices and of volumes; None where nothing changes."""
        place = bisect.bisect_right(self._dates, date)
        return None if place == len(self._dates) else self._multipliers[place]

    def apply(self, bar: PeriodBar) -> PeriodBar:
        """The bar in today's terms."""
        multipliers = self._multipliers_at(bar.date)
        if multipliers is None:
            return bar
        price, volume = multipliers
        return msgspec.structs.replace(
            bar,
            open=price.times(bar.open),
            high=price.times(bar.high),
            low=price.times(bar.low),
            close=price.times(bar.close),
            volume=volume.times(bar.volume),
            vwap=None if bar.vwap is None else price.times(bar.vwap),
        )


def adjustment_of(
    actions: Iterable[CorporateAction], adjusted: Adjusted, today: dt.date, closes: Mapping[dt.date, Close]
) -> Adjustment:
    """The adjustment for what took effect up to `today`; what is announced for later is not applied yet.

    `closes` gives, for the ex-date of a dividend, the last close before it.
    """
    if adjusted is Adjusted.NO:
        return Adjustment(())
    due = [action for action in _that_count(actions) if action.date <= today]
    # Told twice, under two ids, it is one: no share is split twice on a day in the same way.
    splits = list(dict.fromkeys((action.date, _ratio(action)) for action in due if action.kind is ActionKind.SPLIT))
    steps = [(date, Factor(1 / ratio, ratio)) for date, ratio in splits]
    not_applied: list[NotApplied] = []
    if adjusted is Adjusted.ALL:
        for date, dividends in _by_date(action for action in due if action.kind is ActionKind.DIVIDEND):
            factor = _dividend_factor(dividends, closes.get(date), splits)
            if isinstance(factor, str):
                not_applied.append(NotApplied(date, ActionKind.DIVIDEND.value, factor))
            else:
                steps.append((date, Factor(factor, Fraction(1))))
    return Adjustment(steps, not_applied)


def ex_dates(actions: Iterable[CorporateAction], today: dt.date) -> list[dt.date]:
    """The dates whose closes `adjustment_of` wants."""
    return sorted({one.date for one in actions if one.kind is ActionKind.DIVIDEND and one.date <= today})


def _that_count(actions: Iterable[CorporateAction]) -> list[CorporateAction]:
    actions = list(actions)
    in_files = {(one.date, one.kind) for one in actions if one.source is ActionSource.CSV}
    return [one for one in actions if one.source is ActionSource.CSV or (one.date, one.kind) not in in_files]


def _by_date(dividends: Iterable[CorporateAction]) -> list[tuple[dt.date, list[CorporateAction]]]:
    grouped: dict[dt.date, list[CorporateAction]] = {}
    for one in dividends:
        grouped.setdefault(one.date, []).append(one)
    return sorted(grouped.items())


def _ratio(split: CorporateAction) -> Fraction:
    """New shares for an old one."""
    return _exact(split.split_to or 1.0) / _exact(split.split_from or 1.0)


def _dividend_factor(
    dividends: Sequence[CorporateAction], before: Close | None, splits: Sequence[tuple[dt.date, Fraction]]
) -> Fraction | str:
    """The multiplier of a day's dividends, or why there is none."""
    foreign = [one.currency for one in dividends if one.currency not in (None, _CURRENCY)]
    if foreign:
        return f"It is paid in {foreign[0]}, and prices are in {_CURRENCY}."
    if before is None:
        return "No close of the ten days before it is stored."
    close = _exact(before.close)
    for date, ratio in splits:
        if before.date < date <= dividends[0].date:
            close /= ratio
    factor = 1 - sum((_exact(one.amount or 0.0) for one in dividends), Fraction(0)) / close if close else Fraction(0)
    return factor if factor > 0 else "It is not below the close before it."


def _products(factors: Sequence[Factor]) -> list[Factor]:
    """Of each step and all that follow."""
    products: list[Factor] = []
    price = volume = Fraction(1)
    for factor in reversed(factors):
        price, volume = price * factor.price, volume * factor.volume
        products.append(Factor(price, volume))
    return products[::-1]


def _exact(number: float) -> Fraction:
    """The decimal that a stored number stands for."""
    return Fraction(repr(number))


def _times(number: float, factor: Fraction) -> float:
    product = _CONTEXT.multiply(Decimal(repr(number)), Decimal(factor.numerator))
    return float(_CONTEXT.divide(product, Decimal(factor.denominator)).quantize(_MICRO, context=_CONTEXT))
