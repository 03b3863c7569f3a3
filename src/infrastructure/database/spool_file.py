"""One file of the spool: bars by symbol and minute in SQLite, each change of them on disk when the call returns.

Rows travel as one JSON text in both directions: a call for each row would take the interpreter's lock once a row.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from src.core.domain.market.bar import Bar, Tier, merge_evidence
from src.core.errors import TickStockError
from src.infrastructure.database.spool_record import (
    DamagedRecordError,
    Key,
    Tally,
    decode,
    decode_tally,
    encode,
    encode_tally,
    key_of,
)

VERSION = 1
_BUSY_TIMEOUT_S = 0.5
# FULL: what was put is there after a loss of power. A journal instead of a log: what is damaged in the file itself is
# noticed, where a damaged log would be cut short in silence. EXCLUSIVE: one process at a time.
_PRAGMAS = ("locking_mode = EXCLUSIVE", "journal_mode = DELETE", "synchronous = FULL")
_TABLES = (
    "CREATE TABLE bars (symbol TEXT, minute_ms INTEGER, record TEXT, PRIMARY KEY (symbol, minute_ms)) WITHOUT ROWID",
    "CREATE TABLE tally (id INTEGER PRIMARY KEY, record TEXT)",
    f"PRAGMA user_version = {VERSION}",
)
_PUT = (
    "INSERT INTO bars SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')"
    " FROM json_each(?) WHERE true ON CONFLICT DO UPDATE SET record = excluded.record"
)
# A row as it is read: its key, so that a row is noticed that stands in another's place, and its record.
_ROW = "symbol || ' ' || minute_ms || ' ' || record"
_KNOWN = (
    f"SELECT json_group_array({_ROW}) FROM json_each(?) AS wanted CROSS JOIN bars"  # noqa: S608  of constants
    " ON bars.symbol = json_extract(wanted.value, '$[0]') AND bars.minute_ms = json_extract(wanted.value, '$[1]')"
)
_FIRST = f"SELECT json_group_array({_ROW}) FROM (SELECT * FROM bars ORDER BY symbol, minute_ms LIMIT ?)"  # noqa: S608  of constants
_SINCE = f"SELECT json_group_array({_ROW}) FROM bars WHERE minute_ms >= ?"  # noqa: S608  of constants
_DROP = (
    "DELETE FROM bars WHERE (symbol, minute_ms) IN"
    " (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:rows))"
    " AND record IN (SELECT json_extract(value, '$[2]') FROM json_each(:rows))"
)
_SET_TALLY = "INSERT INTO tally VALUES (1, ?) ON CONFLICT DO UPDATE SET record = excluded.record"
# What SQLite says where the machine is at fault; anything else is the file's.
_UNAVAILABLE = (
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_AUTH,
)  # fmt: skip


class SpoolUnavailableError(TickStockError):
    """The spool cannot be used now: no room, no right, or another process has it. That may change."""


class SpoolDamagedError(TickStockError):
    """The spool's file is not as it was written."""


class SpoolFile:
    """The file at `path`, made if it is absent; its bars are of the database `owner`.

    Calls raise SpoolUnavailableError and SpoolDamagedError. Not safe for threads: its owner serialises the calls.
    """

    def __init__(self, path: Path, owner: str) -> None:
        self._path = path
        self._owner = owner
        if not path.exists():
            self._make(path)
        self.tally = self._opened(path, is_new=False)

    def _make(self, path: Path) -> None:
        """Under another name first: what has the right one is whole, so that one without content was cut."""
        begun = path.with_suffix(".begun")
        for left in (begun, begun.with_name(begun.name + "-journal")):
            left.unlink(missing_ok=True)
        self._opened(begun, is_new=True)
        self.close()
        begun.rename(path)

    def _opened(self, path: Path, is_new: bool) -> Tally:
        with _errors():
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        try:
            return self._begin(is_new)
        except (SpoolUnavailableError, SpoolDamagedError):
            self.close()
            raise

    def _begin(self, is_new: bool) -> Tally:
        self._connection.text_factory = bytes
        with _errors():
            for pragma in _PRAGMAS:
                self._connection.execute(f"PRAGMA {pragma}")
            with self._transaction():
                version = self._connection.execute("PRAGMA user_version").fetchone()[0]
                if is_new:
                    for statement in _TABLES:
                        self._connection.execute(statement)
                    self._keep(Tally(self._owner))
                elif not self._path.stat().st_size:
                    raise SpoolDamagedError("The spool is empty: something has cut its file.")
                elif version != VERSION:
                    raise SpoolDamagedError(f"The spool has the version {version}; this program knows {VERSION}.")
            return self._stored_tally()

    def _stored_tally(self) -> Tally:
        try:
            return decode_tally(self._connection.execute("SELECT record FROM tally WHERE id = 1").fetchone()[0])
        except (DamagedRecordError, TypeError) as error:  # TypeError: the row is gone, or its type is another one
            raise SpoolDamagedError("The spool's own row is damaged.") from error

    def check(self) -> None:
        """SpoolDamagedError unless every page is sound and no row has gone."""
        with _errors():
            found = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0].decode(errors="replace")
            rows = self._connection.execute("SELECT count(*) FROM bars").fetchone()[0]
        if found != "ok":
            raise SpoolDamagedError(f"SQLite says of the spool: {found}.")
        if rows != self.tally.rows:
            raise SpoolDamagedError(f"The spool has {rows} bars, and should have {self.tally.rows}.")

    def put(self, bars: Sequence[Bar]) -> None:
        """Adds bars, each merged with what is known of its minute: at most one for each symbol and minute."""
        with _errors(), self._transaction():
            known = self._known(bars) if self.tally.rows else {}
            merged = [merge_evidence(known[key_of(bar)], bar) if key_of(bar) in known else bar for bar in bars]
            self._connection.execute(_PUT, (self._rows(merged),))
            minutes = [bar.timestamp for bar in bars]
            bounds = [edge for edge in (self.tally.first_ms, self.tally.last_ms) if edge is not None]
            stamps = [bar.observed_at for bar in bars if bar.tier != Tier.LIVE]  # a live stamp is event time
            tally = msgspec.structs.replace(
                self.tally,
                sequence=self.tally.sequence + 1,
                rows=self.tally.rows + len(bars) - len(known),
                first_ms=min(minutes + bounds),
                last_ms=max(minutes + bounds),
                newest_stamp_us=max([self.tally.newest_stamp_us, *stamps]),
            )
            self._keep(tally)
        self.tally = tally

    def _known(self, bars: Sequence[Bar]) -> dict[Key, Bar]:
        keys = msgspec.json.encode([key_of(bar) for bar in bars]).decode()
        return {key_of(bar): bar for bar in self._bars(_KNOWN, (keys,))}

    def take(self, limit: int) -> list[Bar]:
        """The first bars by symbol and minute, at most `limit`; they stay until they are dropped."""
        with _errors():
            return self._bars(_FIRST, (limit,))

    def since(self, from_ms: int) -> list[Bar]:
        """The bars of the minutes from `from_ms` on."""
        with _errors():
            return self._bars(_SINCE, (from_ms,))

    def drop(self, bars: Sequence[Bar]) -> None:
        """Takes these bars away, but for those of which another account was put meanwhile."""
        with _errors(), self._transaction():
            dropped = self._connection.execute(_DROP, {"rows": self._rows(bars)}).rowcount
            tally = msgspec.structs.replace(
                self.tally,
                sequence=self.tally.sequence + 1,
                rows=self.tally.rows - dropped,
                dropped=self.tally.dropped + dropped,
            )
            self._keep(tally)
        self.tally = tally
        if dropped < len(bars):  # another account was put meanwhile; or it stands where it is not found
            self.check()

    def _keep(self, tally: Tally) -> None:
        self._connection.execute(_SET_TALLY, (encode_tally(tally),))

    def _rows(self, bars: Sequence[Bar]) -> str:
        rows = [(bar.symbol, bar.timestamp, encode(self._owner, bar)) for bar in bars]
        return msgspec.json.encode(rows).decode()

    def _bars(self, query: str, parameters: Sequence[object]) -> list[Bar]:
        answer = self._connection.execute(query, parameters).fetchone()[0]
        try:
            return [_bar_of(row) for row in msgspec.json.decode(answer, type=list[str])]
        except (DamagedRecordError, msgspec.DecodeError, UnicodeError) as error:
            raise SpoolDamagedError("A row of the spool is not as it was written.") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @property
    def size_bytes(self) -> int:
        """The file's size."""
        return self._path.stat().st_size

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()


def _bar_of(row: str) -> Bar:
    key, space, record = row.partition(" TSB1")
    bar = decode(f"{space[1:]}{record}".encode())
    if key != f"{bar.symbol} {bar.timestamp}":
        raise DamagedRecordError
    return bar


@contextmanager
def _errors() -> Iterator[None]:
    """Turns what SQLite raises into ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        kind = SpoolUnavailableError if code in _UNAVAILABLE else SpoolDamagedError
        raise kind(f"The spool cannot be used ({error}).") from error
    except UnicodeError as error:  # of SQLite's message, which tells what it found in the file
        raise SpoolDamagedError("The spool cannot be used (its schema is damaged).") from error
