"""How long live bars wait before they are committed."""

_SHORTEST_MS = 20
_LONGEST_MS = 250
# Bars a second at which the wait reaches its longest: the whole market, one bar a symbol and second.
_FULL_LOAD_ROWS_S = 11_000
# The rate is averaged over about this many seconds, so that one burst does not move the wait.
_AVERAGING_S = 2.0


class FlushInterval:
    """The wait between commits of live bars: `fixed_ms`, or from 20 ms at low load to 250 ms at full load.

    Every commit of a forming bar is WAL and disk: at whole-market load, committing without pause writes 208 GB an
    hour on SQLite, with 250 ms 10 GB.
    """

    def __init__(self, fixed_ms: int | None) -> None:
        self._fixed_ms = fixed_ms
        self._rate = 0.0
        self._last_s: float | None = None
        self.current_ms = _SHORTEST_MS if fixed_ms is None else fixed_ms

    def after(self, rows: int, now_s: float) -> float:
        """Seconds to wait after a commit of `rows` live bars at `now_s`."""
        if self._fixed_ms is None:
            self._average(rows, now_s)
            load = min(1.0, self._rate / _FULL_LOAD_ROWS_S)
            self.current_ms = round(_SHORTEST_MS + (_LONGEST_MS - _SHORTEST_MS) * load)
        return max(1, self.current_ms) / 1000

    def _average(self, rows: int, now_s: float) -> None:
        elapsed_s = 0.001 if self._last_s is None else max(0.001, now_s - self._last_s)
        self._last_s = now_s
        weight = min(1.0, elapsed_s / _AVERAGING_S)
        self._rate += weight * (rows / elapsed_s - self._rate)
