"""What administrators ask of the ingesting half about gaps."""

from collections.abc import Callable, Sequence

from src.core.domain.market.bar import MINUTE_MS
from src.core.domain.market.gaps import GapReason
from src.core.ports import GapQueue, Job

# Symbols, the first and the last minute (event time, epoch ms), why, whose it is, and a sentence.
OpenGap = Callable[[Sequence[str], int, int, GapReason, str, str], None]
_ALL = "All that waits will be asked about as soon as the rate allows."


class GapJobs:
    """Carries out jobs about gaps. `open_gap` opens one of symbols and minutes, `wake` tells whoever repairs them,
    `now_ms` is the wall clock.

    Raises DatabaseUnavailableError while the database is away.
    """

    def __init__(self, gaps: GapQueue, open_gap: OpenGap, wake: Callable[[], None], now_ms: Callable[[], int]) -> None:
        self._gaps = gaps
        self._open_gap = open_gap
        self._wake = wake
        self._now_ms = now_ms

    def repair(self, job: Job) -> str:
        """Has the gap `gap_id` (None: all) asked about before its time; the sentence that says so."""
        gap_id = job.arguments["gap_id"]
        count = self._gaps.ask_again(gap_id, self._now_ms())
        self._wake()
        if gap_id is None:
            return _ALL if count else "Nothing waits for later: what is open is asked about as fast as the rate allows."
        if count == 0:
            return "Nothing of this gap waits for later: it is closed, or still grows, or is next in the queue."
        return f"{count:,} {'ticker' if count == 1 else 'tickers'} will be asked about as soon as the rate allows."

    def ask_for(self, job: Job) -> str:
        """Has minutes of `symbols` asked for, from `from_ms` to `to_ms` (both included); the sentence that says so."""
        symbols, from_ms = job.arguments["symbols"], job.arguments["from_ms"]
        to_ms = min(job.arguments["to_ms"], self._now_ms() // MINUTE_MS * MINUTE_MS - MINUTE_MS)
        if to_ms < from_ms:
            return "Nothing of this day is over yet."
        scope = symbols[0] if len(symbols) == 1 else f"{len(symbols)} symbols"
        self._open_gap(symbols, from_ms, to_ms, GapReason.ASKED, scope, f"Asked for by {job.actor}.")
        self._wake()
        return f"{scope} will be asked for as soon as the rate allows."
