"""What administrators are told of gaps: from the database alone, so right in every process."""

from typing import Any

from src.core.domain.market.gaps import GapRow
from src.core.ports import GapReader

Fields = dict[str, Any]


class GapReportService:
    """Any thread may call. Methods raise DatabaseUnavailableError."""

    def __init__(self, gaps: GapReader) -> None:
        self._gaps = gaps

    def gaps(self, limit: int) -> Fields:
        """Of the gaps that are kept `limit`, those that are not closed first, and totals of all; times are epoch ms.

        As `GET /api/admin/gaps` answers.
        """
        totals = self._gaps.totals()._asdict()
        totals["next_due_at"] = totals.pop("next_due_ms")
        return {"totals": totals, "gaps": [_told(row) for row in self._gaps.listed(limit)]}


def _told(row: GapRow) -> Fields:
    return {
        "id": row.id,
        "scope": row.scope,
        "symbols": None if row.symbols is None else list(row.symbols),
        "symbols_total": row.symbols_total,
        "symbols_done": row.symbols_done,
        "from": row.from_ms,
        "to": row.to_ms,
        "reason": row.reason.value,
        "detail": row.detail,
        "state": row.state.value,
        "attempts": row.attempts,
        "repaired_bars": row.repaired_bars,
        "trouble": row.trouble,
        "opened_at": row.opened_ms,
        "checked_at": row.checked_ms,
        "due_at": row.due_ms,
        "closed_at": row.closed_ms,
    }
