"""Which minutes wait to be looked at for patterns. Pure."""

from src.core.domain.market.bar import MINUTE_MS
from src.core.domain.market.pattern_event import Span

# What is read at once, and what was found in it committed together: an hour of each, or a day.
_FRESH_SYMBOLS, _OLDER_SYMBOLS = 100, 4
_FRESH_MS = 60 * MINUTE_MS
_PIECE_MS = 86_400_000


class PatternWork:
    """For each symbol the minutes to look at, from the first to the last: fresh ones before older ones."""

    def __init__(self) -> None:
        self._fresh: dict[str, tuple[int, int]] = {}
        self._older: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._fresh) + len(self._older)

    @property
    def has_fresh(self) -> bool:
        """Whether any of it is of the last hour."""
        return bool(self._fresh)

    def add(self, symbol: str, from_ms: int, to_ms: int, now_ms: int) -> None:
        """Some minutes, of which those within the last hour are fresh."""
        fresh_ms = now_ms - _FRESH_MS
        if to_ms >= fresh_ms:
            _widen(self._fresh, symbol, max(from_ms, fresh_ms), to_ms)
        if from_ms < fresh_ms:
            _widen(self._older, symbol, from_ms, min(to_ms, fresh_ms))

    def take(self) -> list[Span]:
        """The next of them: an hour of 100 symbols, else a day of four, at most; `to_ms` is the last minute."""
        taken: list[Span] = []
        work, most = (self._fresh, _FRESH_SYMBOLS) if self._fresh else (self._older, _OLDER_SYMBOLS)
        while work and len(taken) < most:
            symbol = next(iter(work))
            from_ms, to_ms = work.pop(symbol)
            first_ms = max(from_ms, to_ms - _PIECE_MS)
            taken.append(Span(symbol, first_ms, to_ms))
            if from_ms < first_ms:
                work[symbol] = (from_ms, first_ms - MINUTE_MS)
        return taken


def _widen(work: dict[str, tuple[int, int]], symbol: str, from_ms: int, to_ms: int) -> None:
    known = work.get(symbol, (from_ms, to_ms))
    work[symbol] = (min(known[0], from_ms), max(known[1], to_ms))
