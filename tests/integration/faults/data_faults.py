"""Rows of the table: what the feed and its data do."""

from collections.abc import Callable, Iterable

from src.core.domain.market.gaps import GapReason
from src.simulator.bars import SHARE_MICRO
from src.simulator.faults import Outage
from src.simulator.feed_faults import Duplicate, Reorder, Respell
from src.simulator.newyork import MINUTE_MS
from src.simulator.script import Line
from tests.integration.faults.market import MINUTE, SECOND, Market, revised
from tests.integration.faults.table import Fault, Window, begin, drop

# The minutes that data faults are about, by index: the third to the fifth; and the symbol, where it is one only.
_HIT = range(2, 5)
_ONE = 1


def _is_hit(market: Market, line: Line, minutes: range = _HIT) -> bool:
    return (line.start_ms - market.start_ms) // MINUTE_MS in minutes


def changed(
    change: Callable[[Line], Iterable[Line]], channel: str, *, of_one: bool = False, minutes: range = _HIT
) -> Callable[[Market], Market]:
    """Changes the bars of a channel in some minutes (by index), of all symbols or of one; no withdrawals."""

    def alter(market: Market) -> Market:
        symbols = market.symbols[_ONE : _ONE + 1] if of_one else market.symbols

        def is_meant(line: Line) -> bool:
            is_bar = line.channel == channel and line.bar is not None
            return is_bar and line.symbol in symbols and _is_hit(market, line, minutes)

        return market.altered(lambda line: change(line) if is_meant(line) else [line])

    return alter


def _later(line: Line, after_s: float) -> Line:
    assert line.bar is not None
    return line._replace(at_ms=line.at_ms + round(after_s * 1000), bar=revised(line.bar))


def _resent(after_s: float) -> Callable[[Market], Market]:
    return changed(lambda line: [line, _later(line, after_s)], MINUTE)


def _unsent(line: Line) -> list[Line]:
    return [line._replace(sent=False)]


def _without(_line: Line) -> list[Line]:
    return []


def _with_volume(line: Line) -> list[Line]:
    """A fractional volume; the day's goes with it."""
    assert line.bar is not None
    more_micro = line.start_ms // 1000 % SHARE_MICRO
    bar = line.bar._replace(volume_micro=line.bar.volume_micro + more_micro)
    return [line._replace(bar=bar._replace(day_volume_micro=bar.day_volume_micro + more_micro))]


def _with_vwap_outside(line: Line) -> list[Line]:
    assert line.bar is not None
    return [line._replace(bar=line.bar._replace(vwap=round(line.bar.high + 0.5, 4)))]


def _no_trades(market: Market) -> Market:
    """The day's volume does not count them either."""
    symbol = market.symbols[_ONE]
    gone = [line for line in market.lines if line.symbol == symbol and _is_hit(market, line)]
    minutes = {line.start_ms: line.bar.volume_micro for line in gone if line.bar is not None and line.channel == MINUTE}
    gone_micro = sum(minutes.values())
    last_ms = market.minute(_HIT[-1])
    kept = (line for line in market.lines if line.symbol != symbol or not _is_hit(market, line))
    lines = [_of_less(line, gone_micro) if line.symbol == symbol and line.start_ms > last_ms else line for line in kept]
    return market._replace(lines=tuple(lines))


def _of_less(line: Line, by_micro: int) -> Line:
    assert line.bar is not None
    return line._replace(bar=line.bar._replace(day_volume_micro=line.bar.day_volume_micro - by_micro))


def _missed(market: Market) -> Market:
    """Neither seconds nor minutes of some minutes are sent, which did trade."""
    lines = [
        line._replace(sent=False) if line.symbol == market.symbols[_ONE] and _is_hit(market, line) else line
        for line in market.lines
    ]
    return market._replace(
        lines=tuple(line for line in lines if line.sent or line.channel == MINUTE or market.is_past(line))
    )


def _at_an_edge(name: str, at_s: float, window: Window) -> Fault:
    """Minutes around an edge of the session are missed."""
    return Fault(
        name,
        lambda _at_s: [begin(at_s - 1, Outage(for_s=100)), drop(at_s)],
        window=window,
        alone=True,
        opens=(GapReason.DROP,),
    )


FAULTS = [
    Fault("AM sent again after 1 s", alters=_resent(1)),
    Fault("AM sent again after 60 s", alters=_resent(60)),
    Fault("AM sent again after 14 min", alters=_resent(14 * 60)),
    Fault("AM sent again after 16 min", alters=_resent(16 * 60)),
    Fault("AM sent again after a repair", lambda at_s: [drop(at_s)], alters=_resent(10 * 60), fast="postgresql"),
    Fault("A corrected after its AM", alters=changed(lambda line: [line, _later(line, 65)], SECOND)),
    Fault(
        "A corrected after its minute was sealed",
        alters=changed(lambda line: [line, _later(line, 330)], SECOND),
        opens=(GapReason.LATE,),
    ),
    Fault("AM without A", alters=changed(_without, SECOND, of_one=True)),
    Fault("A without AM", alters=changed(_unsent, MINUTE, of_one=True), fast="sqlite", opens=(GapReason.UNOFFICIAL,)),
    Fault("everything twice", lambda _at_s: [begin(0, Duplicate(share=1.0))], fast="postgresql"),
    Fault("reordered across minutes", lambda _at_s: [begin(0, Reorder(within_s=100))]),
    Fault("other spellings", lambda _at_s: [begin(0, Respell(share=1.0))]),
    Fault("a minute without trades", alters=_no_trades, opens=()),
    Fault("a minute missed that traded", alters=_missed, opens=(GapReason.SUSPECT,)),
    Fault(
        "a minute missed that traded, after a drop",
        lambda _at_s: [begin(120, Outage(for_s=40)), drop(121)],
        alters=_missed,
        alone=True,
        opens=(GapReason.DROP, GapReason.SUSPECT),
    ),
    Fault("VWAP outside of low and high", alters=changed(_with_vwap_outside, MINUTE)),
    Fault("fractional volumes", alters=changed(_with_volume, MINUTE)),
    Fault("dropped at the opening", lambda _at_s: [drop(118), drop(130)], window=Window("09:28", 8), alone=True),
    Fault("dropped in the pre-market", lambda _at_s: [drop(118)], window=Window("09:15", 10), alone=True),
    _at_an_edge("away as the pre-market begins", 3, Window("09:30", 8, "2025-11-20", "2025-11-19", at="04:00")),
    _at_an_edge("away as the post-market ends", 478, Window("15:52", 8, "2025-11-20", "2025-11-19", at="19:52")),
    _at_an_edge("away at an early close", 225, Window("12:56", 8, "2025-11-28", "2025-11-26")),
    _at_an_edge("away as an early post-market ends", 478, Window("15:52", 8, "2025-11-28", "2025-11-26", at="16:52")),
    _at_an_edge("away on the Monday after clocks went forward", 110, Window("09:28", 8, "2025-03-10", "2025-03-07")),
    _at_an_edge("away on the Monday after clocks went back", 110, Window("09:28", 8, "2025-11-03", "2025-10-31")),
]
