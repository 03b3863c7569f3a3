"""What administrators are told of gaps and of days compared: from the database alone, so right in every process."""

from itertools import islice
from typing import Any

from src.core.domain.market.gaps import GapRow
from src.core.domain.market.reconciliation import Run
from src.core.ports import GapReader, RunLog

Fields = dict[str, Any]
_NAMED = 20  # symbols


class GapReportService:
    """Any thread may call. Methods raise DatabaseUnavailableError."""

    def __init__(self, gaps: GapReader, runs: RunLog) -> None:
        self._gaps = gaps
        self._runs = runs

    def gaps(self, limit: int) -> Fields:
        """Of the gaps that are kept `limit`, those that are not closed first, and totals of all; times are epoch ms.

        As `GET /api/admin/gaps` answers.
        """
        totals = self._gaps.totals()._asdict()
        totals["next_due_at"] = totals.pop("next_due_ms")
        return {"totals": totals, "gaps": [_told(row) for row in self._gaps.listed(limit)]}

    def reconciliations(self, limit: int) -> list[Fields]:
        """The newest `limit` runs that compared a day with the vendor's bars, newest first; times are epoch ms."""
        return [_told_run(run) for run in self._runs.newest(limit)]


def _told_run(run: Run) -> Fields:
    return {
        "id": run.id,
        "date": run.date.isoformat(),
        "source": "rest" if run.file is None else "flat_file",
        "symbols": None if run.symbols is None else list(run.symbols[:_NAMED]),
        "state": run.state.value,
        "started_at": run.started_ms,
        "finished_at": run.finished_ms,
        "symbols_total": run.total,
        "symbols_done": run.done_count,
        "bars": run.bars,
        "added": run.added,
        "differed": run.differed,
        "withdrawn": run.withdrawn,
        "symbols_failed": len(run.failed),
        "failed": dict(islice(sorted(run.failed.items()), _NAMED)),
        "detail": run.detail,
    }


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
