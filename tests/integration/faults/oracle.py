"""The one oracle: the stored bars equal the official ones, none missing, none extra, none different; no gap is open."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError

from src.core.domain.market.bar import Bar as StoredBar
from src.infrastructure.database.engines import read_engine
from src.simulator.bars import SHARE_MICRO
from src.simulator.bars import Bar as OfficialBar
from tests.bars import stored_bars

Key = tuple[str, int]
_SHOWN = 6
_GAPS = "SELECT scope, reason, state, from_ms, to_ms, repaired_bars, detail FROM data_gaps"
_LEFT = f"{_GAPS} WHERE state <> 'repaired'"


class Verdict(NamedTuple):
    """What is not as it should be; nothing of it when all is well."""

    missing: list[Key]
    extra: list[Key]
    different: list[tuple[Key, StoredBar, OfficialBar]]
    gaps: list[str]

    @property
    def is_well(self) -> bool:
        """Whether the stored bars equal the official ones, and no gap is left."""
        return not (self.missing or self.extra or self.different or self.gaps)

    def __str__(self) -> str:
        lines = [f"{len(self.missing)} missing, {len(self.extra)} extra, {len(self.different)} different; "]
        lines += [f"  missing {symbol} {start_ms}" for symbol, start_ms in self.missing[:_SHOWN]]
        lines += [f"  extra {symbol} {start_ms}" for symbol, start_ms in self.extra[:_SHOWN]]
        lines += [f"  {key}\n    stored   {stored}\n    official {bar}" for key, stored, bar in self.different[:_SHOWN]]
        lines += [f"  gap left: {gap}" for gap in self.gaps[:_SHOWN]]
        return "\n".join(lines)


def compare(stored: Sequence[StoredBar], official: Mapping[Key, OfficialBar]) -> Verdict:
    """Compares the stored bars that are not withdrawn with the official ones; no gaps."""
    held = {(bar.symbol, bar.timestamp): bar for bar in stored if not bar.withdrawn}
    return Verdict(
        sorted(official.keys() - held.keys()),
        sorted(held.keys() - official.keys()),
        [(key, held[key], bar) for key, bar in official.items() if key in held and not _equal(held[key], bar)],
        [],
    )


def judge(url: str, official: Mapping[Key, OfficialBar]) -> Verdict:
    """What the database at `url` holds against the official bars; DBAPIError while it does not answer."""
    return compare(stored_bars(url), official)._replace(gaps=gaps(url, _LEFT))


def judged(url: str, official: Mapping[Key, OfficialBar]) -> Verdict | None:
    """The same, None while the database does not answer."""
    try:
        return judge(url, official)
    except DBAPIError:
        return None


def gaps(url: str, query: str = _GAPS) -> list[str]:
    """All gaps that were ever found, as text."""
    return [str(tuple(row)) for row in _rows(url, query)]


def gap_reasons(url: str) -> set[str]:
    """Why gaps were ever opened."""
    return {row.reason for row in _rows(url, _GAPS)}


def gap_rows(url: str, reason: str) -> list[tuple[str | None, int, int | None]]:
    """Of the gaps that were ever opened for that reason the symbols (JSON), the first and the last minute."""
    rows = _rows(url, f"SELECT symbols, from_ms, to_ms FROM data_gaps WHERE reason = '{reason}'")
    return [tuple(row) for row in rows]


def _rows(url: str, query: str) -> Sequence[Row[Any]]:
    engine = read_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(query)).all()
    finally:
        engine.dispose()


def _equal(stored: StoredBar, bar: OfficialBar) -> bool:
    prices = (bar.open, bar.high, bar.low, bar.close, bar.volume_micro / SHARE_MICRO, bar.vwap)
    counted = stored.trade_count in (None, bar.trades)
    return counted and prices == (stored.open, stored.high, stored.low, stored.close, stored.volume, stored.vwap)
