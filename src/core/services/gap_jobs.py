"""What administrators ask of the ingesting half about gaps."""

from collections.abc import Callable

from src.core.ports import GapQueue, Job

_ALL = "All that waits will be asked about as soon as the rate allows."


class GapJobs:
    """Carries out jobs about gaps; `wake` tells whoever repairs them, `now_ms` is the wall clock.

    Raises DatabaseUnavailableError while the database is away.
    """

    def __init__(self, gaps: GapQueue, wake: Callable[[], None], now_ms: Callable[[], int]) -> None:
        self._gaps = gaps
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
