"""Gaps and how far their repair is, in their tables: what opens them, what repairs them, and what shows them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, text

from src.core.domain.market.gaps import Gap, GapCounts, GapEntry, GapReason, GapRow, GapState, GapTotals
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import database_errors

_NAMED = 20  # symbols that a list of gaps names
_GAP = "id, scope, symbols, from_ms, to_ms, reason, detail, opened_ms, state"
# A gap that was closed or repaired in part and then changed is to be repaired anew; the same one once more is no news.
_RECORD = text(
    f"INSERT INTO data_gaps AS gap ({_GAP}) VALUES"  # noqa: S608  of constants, like all that follow
    " (:id, :scope, :symbols, :from_ms, :to_ms, :reason, :detail, :opened_ms, :state)"
    " ON CONFLICT (id) DO UPDATE SET symbols = excluded.symbols, from_ms = excluded.from_ms, to_ms = excluded.to_ms,"
    " detail = excluded.detail, state = excluded.state, symbols_total = NULL, symbols_done = 0, closed_ms = NULL"
    " WHERE gap.from_ms <> excluded.from_ms OR coalesce(gap.to_ms, -1) <> coalesce(excluded.to_ms, -1)"
    " OR coalesce(gap.symbols, '') <> coalesce(excluded.symbols, '')"
)
_GROWING = text(f"SELECT {_GAP} FROM data_gaps WHERE state = 'open' AND to_ms IS NULL ORDER BY opened_ms, id")  # noqa: S608  of constants
_UNEXPANDED = text(
    f"SELECT {_GAP} FROM data_gaps WHERE state = 'open' AND to_ms IS NOT NULL AND symbols_total IS NULL"  # noqa: S608  of constants
    " ORDER BY opened_ms, id"
)
_EXPANDED = text(
    "UPDATE data_gaps SET symbols_total = :total, state = :state, closed_ms = :closed_ms"
    " WHERE id = :id AND from_ms = :from_ms AND to_ms = :to_ms AND symbols_total IS NULL"
)
_ADD_ENTRIES = (
    "INSERT INTO data_gap_symbols (gap_id, symbol, state, due_ms)"
    " SELECT :id, value, 'open', :due_ms FROM {listed} WHERE true"
    " ON CONFLICT (gap_id, symbol) DO UPDATE SET state = 'open', due_ms = excluded.due_ms, attempts = 0, detail = ''"
)
_UNDONE = "entry.state IN ('open', 'waiting')"
# One look at each entry, and no join of the table with itself: PostgreSQL knows too little of a table that was filled a
# moment ago, and took half a minute for 12,000 symbols by the plan that it chose then.
_ENTRIES = text(
    "SELECT gap_id, symbol, from_ms, to_ms, reason, state, due_ms, attempts"  # noqa: S608  of constants
    " FROM (SELECT due.*, dense_rank() OVER (ORDER BY first_ms, symbol) AS place"
    " FROM (SELECT entry.gap_id, entry.symbol, gap.from_ms, gap.to_ms, gap.reason, entry.state, entry.due_ms,"
    " entry.attempts, min(entry.due_ms) OVER (PARTITION BY entry.symbol) AS first_ms"
    f" FROM data_gap_symbols AS entry JOIN data_gaps AS gap ON gap.id = entry.gap_id WHERE {_UNDONE}) AS due"
    " WHERE first_ms <= :until_ms) AS placed"
    " WHERE place <= :limit ORDER BY place, from_ms, to_ms, gap_id"
)
_UNREPAIRED = text(
    "SELECT entry.gap_id, entry.symbol, gap.from_ms, gap.to_ms, gap.reason, entry.state, entry.due_ms, entry.attempts"
    " FROM data_gap_symbols AS entry JOIN data_gaps AS gap ON gap.id = entry.gap_id"
    " WHERE gap.from_ms <= :last_ms AND gap.to_ms >= :first_ms ORDER BY entry.symbol, gap.from_ms, gap.to_ms, gap.id"
)
# Of a gap that is as it was when the entries were read: a wider one is still to be asked about.
_OF_SAME_GAP = (
    "gap_id = :id AND symbol {among}"
    " AND EXISTS (SELECT 1 FROM data_gaps WHERE id = :id AND from_ms = :from_ms AND to_ms = :to_ms"
    " AND symbols_total IS NOT NULL)"
)
_NOTE = (
    "UPDATE data_gap_symbols SET state = :state, due_ms = coalesce(:due_ms, due_ms), attempts = attempts + 1,"  # noqa: S608  of constants
    f" detail = :detail WHERE {_OF_SAME_GAP} AND state IN ('open', 'waiting')"
)
# Whoever found out that nothing is missing any more may close what was given up as well.
_DROP = f"DELETE FROM data_gap_symbols WHERE {_OF_SAME_GAP} RETURNING state"  # noqa: S608  of constants
_COUNT = text(
    "UPDATE data_gaps SET symbols_done = symbols_done + :done, attempts = attempts + :asked,"
    " repaired_bars = repaired_bars + :repaired, checked_ms = :now_ms WHERE id = :id"
)
_HAS = "EXISTS (SELECT 1 FROM data_gap_symbols WHERE gap_id = :id AND state = '{}')"
_SETTLE = text(
    f"UPDATE data_gaps SET state = CASE WHEN {_HAS.format('open')} THEN 'open'"  # noqa: S608  of constants
    f" WHEN {_HAS.format('waiting')} THEN 'waiting'"
    f" WHEN {_HAS.format('unrepairable')} THEN 'unrepairable' ELSE 'repaired' END,"
    f" closed_ms = CASE WHEN {_HAS.format('open')} OR {_HAS.format('waiting')} THEN NULL ELSE :now_ms END"
    " WHERE id = :id AND symbols_total IS NOT NULL AND (closed_ms IS NULL OR state = 'unrepairable')"
)
_COUNTS = text(
    "SELECT (SELECT count(*) FROM data_gaps WHERE closed_ms IS NULL), count(*), count(DISTINCT symbol), min(due_ms)"  # noqa: S608  of constants
    f" FROM data_gap_symbols AS entry WHERE {_UNDONE}"
)
# What is asked before its time is no attempt: else impatience would give gaps up, and have an empty answer believed.
_SOONER = "due_ms = :now_ms, attempts = CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END"
_ASK_ALL_AGAIN = text(
    f"UPDATE data_gap_symbols AS entry SET {_SOONER} WHERE {_UNDONE} AND due_ms > :now_ms"  # noqa: S608  of constants
)
_ASK_ONE_AGAIN = text(
    f"UPDATE data_gap_symbols SET {_SOONER} WHERE gap_id = :id"  # noqa: S608  of constants
    " AND (due_ms > :now_ms OR state = 'unrepairable')"
)
_TAKE_UP_AGAIN = text(
    "UPDATE data_gap_symbols SET state = 'open', attempts = 0 WHERE gap_id = :id AND state = 'unrepairable'"
)
_REOPEN = text(
    "UPDATE data_gaps SET state = 'open', closed_ms = NULL, symbols_done = symbols_done - :count WHERE id = :id"
)
_FORGET_ENTRIES = text(
    "DELETE FROM data_gap_symbols"
    " WHERE gap_id IN (SELECT id FROM data_gaps WHERE closed_ms < :before_ms AND state = 'repaired')"
)
_FORGET = text("DELETE FROM data_gaps WHERE closed_ms < :before_ms AND state = 'repaired'")
_LISTED = text(
    "SELECT id, scope, symbols, symbols_total, symbols_done, from_ms, to_ms, reason, detail, state, attempts,"  # noqa: S608  of constants
    " repaired_bars, opened_ms, checked_ms, closed_ms,"
    f" (SELECT min(due_ms) FROM data_gap_symbols AS entry WHERE gap_id = gap.id AND {_UNDONE}) AS due_ms,"
    " (SELECT symbol || ': ' || entry.detail FROM data_gap_symbols AS entry WHERE gap_id = gap.id"
    " AND entry.detail <> '' ORDER BY attempts DESC, symbol LIMIT 1) AS trouble"
    " FROM data_gaps AS gap ORDER BY CASE WHEN closed_ms IS NULL THEN 0 ELSE 1 END,"
    " CASE WHEN closed_ms IS NULL THEN opened_ms ELSE -closed_ms END, id LIMIT :limit"
)
_TOTALS = text("SELECT state, count(*) AS gaps, sum(repaired_bars) AS bars FROM data_gaps GROUP BY state")


class DatabaseGapStore:
    """Keeps gaps and how far their repair is (GapRecorder and GapQueue), in short transactions of its own.

    `engine` may write; `now_ms` is the wall clock. Any thread may call, one at a time.
    """

    def __init__(self, engine: Engine, now_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._now_ms = now_ms
        dialect = dialect_of(engine)
        self._bind_list = dialect.bind_list
        self._add_entries = text(_ADD_ENTRIES.format(listed=dialect.listed))
        self._note = text(_NOTE.format(among=dialect.among))
        self._drop = text(_DROP.format(among=dialect.among))

    # -- what opens them -----------------------------------------------------------------------------------------

    def record(self, gaps: Sequence[Gap]) -> None:
        """Keeps gaps, in place of those of the same id; one whose bounds or symbols changed is to be repaired anew."""
        if gaps:
            with database_errors(), self._engine.begin() as connection:
                connection.execute(_RECORD, [{**gap._asdict(), "symbols": _json(gap.symbols)} for gap in gaps])

    def growing(self) -> list[Gap]:
        """Those without an end, oldest first."""
        with database_errors(), self._engine.connect() as connection:
            return [_gap(row) for row in connection.execute(_GROWING)]

    # -- what repairs them ---------------------------------------------------------------------------------------

    def unexpanded(self) -> list[Gap]:
        """Gaps that have ended and are not divided into symbols yet, oldest first."""
        with database_errors(), self._engine.connect() as connection:
            return [_gap(row) for row in connection.execute(_UNEXPANDED)]

    def expand(self, gap: Gap, due: Mapping[str, int]) -> None:
        """Divides a gap into symbols, each with when to ask first (epoch ms); without any the gap is closed."""
        state, closed_ms = (GapState.OPEN, None) if due else (GapState.REPAIRED, self._now_ms())
        values = {"id": gap.id, "from_ms": gap.from_ms, "to_ms": gap.to_ms, "total": len(due)}
        with database_errors(), self._engine.begin() as connection:
            found = connection.execute(_EXPANDED, {**values, "state": state.value, "closed_ms": closed_ms}).rowcount
            for due_ms in set(due.values()) if found else ():
                symbols = self._bind_list([symbol for symbol, one_ms in due.items() if one_ms == due_ms])
                connection.execute(self._add_entries, {"id": gap.id, "wanted": symbols, "due_ms": due_ms})

    def entries(self, until_ms: int, limit: int) -> list[GapEntry]:
        """All open and waiting entries of at most `limit` symbols that have one due by `until_ms`, longest due first;
        a symbol's entries together, oldest minutes first."""
        with database_errors(), self._engine.connect() as connection:
            rows = connection.execute(_ENTRIES, {"until_ms": until_ms, "limit": limit})
            return [_entry(GapEntry(*row)) for row in rows]

    def unrepaired(self, first_ms: int, last_ms: int) -> list[GapEntry]:
        """All entries with a minute from the first to the last, those among them that were given up as unrepairable."""
        with database_errors(), self._engine.connect() as connection:
            rows = connection.execute(_UNREPAIRED, {"first_ms": first_ms, "last_ms": last_ms})
            return [_entry(GapEntry(*row)) for row in rows]

    def note(
        self, entries: Sequence[GapEntry], state: GapState, due_ms: int | None, repaired: int, detail: str
    ) -> None:
        """Keeps what became of entries that were asked for; gaps whose entries all have a last state are closed."""
        values = {"state": state.value, "due_ms": due_ms, "detail": detail, "now_ms": self._now_ms()}
        with database_errors(), self._engine.begin() as connection:
            for (gap_id, from_ms, to_ms), symbols in _by_gap(entries).items():
                bounds = {"id": gap_id, "from_ms": from_ms, "to_ms": to_ms, "wanted": self._bind_list(symbols)}
                self._note_one_gap(connection, state, {**values, **bounds}, repaired)
                repaired = 0

    def _note_one_gap(self, connection: Connection, state: GapState, values: Mapping[str, Any], repaired: int) -> None:
        bounds = {name: values[name] for name in ("id", "from_ms", "to_ms", "wanted")}
        if state is GapState.REPAIRED:
            before = [row.state for row in connection.execute(self._drop, bounds)]
            found, done = len(before), len(before) - before.count(GapState.UNREPAIRABLE)
        else:
            verdict = {name: values[name] for name in ("state", "due_ms", "detail")}
            found = connection.execute(self._note, bounds | verdict).rowcount
            done = found if state is GapState.UNREPAIRABLE else 0
        counts = {"done": done, "asked": found, "repaired": repaired}
        connection.execute(_COUNT, {"id": values["id"], "now_ms": values["now_ms"], **counts})
        connection.execute(_SETTLE, {"id": values["id"], "now_ms": values["now_ms"]})

    def counts(self) -> GapCounts:
        """What is not repaired yet."""
        with database_errors(), self._engine.connect() as connection:
            return GapCounts(*connection.execute(_COUNTS).one())

    def ask_again(self, gap_id: str | None, now_ms: int) -> int:
        """Makes what is open or waiting due now, of one gap or (None) of all; of one gap also what was given up."""
        with database_errors(), self._engine.begin() as connection:
            if gap_id is None:
                return connection.execute(_ASK_ALL_AGAIN, {"now_ms": now_ms}).rowcount
            count = connection.execute(_ASK_ONE_AGAIN, {"id": gap_id, "now_ms": now_ms}).rowcount
            if given_up := connection.execute(_TAKE_UP_AGAIN, {"id": gap_id}).rowcount:
                connection.execute(_REOPEN, {"id": gap_id, "count": given_up})
            return count

    def prune(self, before_ms: int) -> None:
        """Forgets gaps repaired before then; what could not be repaired stays listed."""
        with database_errors(), self._engine.begin() as connection:
            connection.execute(_FORGET_ENTRIES, {"before_ms": before_ms})
            connection.execute(_FORGET, {"before_ms": before_ms})


class DatabaseGapReader:
    """Reads gaps for people. Any thread may call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def listed(self, limit: int) -> list[GapRow]:
        """What is open or waiting, oldest first, then what is closed, newest first; `limit` in all."""
        with database_errors(), self._engine.connect() as connection:
            return [_row(row) for row in connection.execute(_LISTED, {"limit": limit})]

    def totals(self) -> GapTotals:
        """All gaps that are kept, by state, and what waits."""
        with database_errors(), self._engine.connect() as connection:
            found = {row.state: row for row in connection.execute(_TOTALS)}
            counts = GapCounts(*connection.execute(_COUNTS).one())
        by_state = [found[state.value].gaps if state.value in found else 0 for state in GapState]
        bars = sum(int(row.bars) for row in found.values())
        open_, waiting, repaired, unrepairable = by_state
        return GapTotals(open_, waiting, repaired, unrepairable, bars, counts.symbols, counts.next_due_ms)


def _json(symbols: Iterable[str] | None) -> str | None:
    return None if symbols is None else msgspec.json.encode(tuple(symbols)).decode()


def _symbols(stored: str | None) -> tuple[str, ...] | None:
    return None if stored is None else msgspec.json.decode(stored, type=tuple[str, ...])


def _gap(row: Row[Any]) -> Gap:
    kinds = {"reason": GapReason(row.reason), "state": GapState(row.state)}
    return Gap(**{**row._asdict(), "symbols": _symbols(row.symbols), **kinds})


def _entry(entry: GapEntry) -> GapEntry:
    return entry._replace(reason=GapReason(entry.reason), state=GapState(entry.state))


def _row(row: Row[Any]) -> GapRow:
    symbols = _symbols(row.symbols)
    named = None if symbols is None else symbols[:_NAMED]
    kinds = {"reason": GapReason(row.reason), "state": GapState(row.state)}
    return GapRow(**{**row._asdict(), "symbols": named, **kinds})


def _by_gap(entries: Iterable[GapEntry]) -> dict[tuple[str, int, int], list[str]]:
    """The symbols of each gap, as it was when they were read."""
    found: dict[tuple[str, int, int], list[str]] = {}
    for entry in entries:
        found.setdefault((entry.gap_id, entry.from_ms, entry.to_ms), []).append(entry.symbol)
    return found
