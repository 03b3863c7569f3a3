"""What was not listened to before a start, as gaps: the history of new symbols, and what was missed of known ones."""

import uuid
from collections.abc import Callable, Mapping, Sequence

from src.core.domain.market.bar import MINUTE_MS
from src.core.domain.market.gaps import Gap, GapReason
from src.core.domain.market.rest_evidence import SETTLED_AFTER_MS
from src.core.ports import Clock, GapRecorder


class FirstHistory:
    """Opens these gaps at a start. `from_ms` gives the beginning of a new symbol's history, epoch ms."""

    def __init__(self, gaps: GapRecorder, from_ms: Callable[[], int], clock: Clock) -> None:
        self._gaps = gaps
        self._from_ms = from_ms
        self._clock = clock

    def open(self, symbols: Sequence[str], filled_to: Mapping[str, int]) -> dict[str, int]:
        """Opens a gap for all symbols that were filled up to the same time; gives the new `filled_to`.

        Raises DatabaseUnavailableError.
        """
        now_ms = self._clock.now_ms()
        groups: dict[int | None, list[str]] = {}
        for symbol in symbols:
            groups.setdefault(filled_to.get(symbol), []).append(symbol)
        self._gaps.record([self._gap(filled_ms, of_group, now_ms) for filled_ms, of_group in groups.items()])
        return {**filled_to, **dict.fromkeys(symbols, now_ms)}

    def _gap(self, filled_ms: int | None, symbols: Sequence[str], now_ms: int) -> Gap:
        new = filled_ms is None
        from_ms = self._from_ms() if filled_ms is None else filled_ms - SETTLED_AFTER_MS
        return Gap(
            uuid.uuid4().hex,
            f"{len(symbols)} symbols",
            tuple(symbols),
            from_ms // MINUTE_MS * MINUTE_MS,
            now_ms // MINUTE_MS * MINUTE_MS,
            GapReason.HISTORY if new else GapReason.RESTART,
            "Not listened to before." if new else "Nothing listened before this start.",
            now_ms,
        )
