"""Bars that wait on local disk for a database that is away: bounded, checked when it is opened, gone when it is empty.

What is damaged is never trusted and never in the way: what can be read of it is kept, the file is set aside, and what
is lost is told.
"""

import contextlib
import datetime as dt
import functools
import logging
import mmap
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from src.core.domain.market.bar import MINUTE_MS, Bar
from src.infrastructure.database.spool_file import SpoolDamagedError, SpoolFile, SpoolUnavailableError
from src.infrastructure.database.spool_record import Key, Recovered, Tally, recover

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
OnLost = Callable[[Sequence[Key], str], None]
EVERY_SYMBOL = "*"

# What a bar takes of the file: measured 198 bytes, with what the pages leave empty.
_ROW_BYTES = 250
_ROWS_A_TRANSACTION = 20_000
_WARN_INTERVAL_MS = 60_000
# How far back something may be missing when a damaged spool does not even tell since when it was used.
_UNKNOWN_SPAN_MS = 86_400_000


class SpoolLimits(NamedTuple):
    """What the spool may take: rows, bytes of its file, and what it leaves free on the disk."""

    rows: int = 5_000_000
    size_bytes: int = 1_000_000_000
    free_bytes: int = 200_000_000


_LIMITS = SpoolLimits()


class Spool:
    """The spool in the file `path`. `on_lost` is told the symbol and minute of bars that were lost, and a sentence; a
    symbol `*` stands for every one, from the first to the last minute that is told. `now_ms` reads the wall clock.

    Any thread may call. What cannot be done, for want of room or rights, is said in `trouble` and by what is returned.
    """

    def __init__(self, path: Path, on_lost: OnLost, now_ms: Callable[[], int], limits: SpoolLimits = _LIMITS) -> None:
        self._path = path
        self._on_lost = on_lost
        self._now_ms = now_ms
        self.limits = limits
        self._owner = ""
        self._is_taken_up = True  # until it is opened, nothing waits for anybody
        self._file: SpoolFile | None = None
        self._tally = Tally("")  # as it was last seen
        self._lock = threading.RLock()
        self._warned_ms = 0
        self.trouble: str | None = None
        self.damaged_rows = 0

    # -- what is there ---------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many bars wait."""
        return self._tally.rows

    @property
    def size_bytes(self) -> int:
        """The size of its file; 0 when there is none."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    @property
    def newest_stamp_us(self) -> int:
        """The newest stamp of evidence above tier live, in microseconds; 0 for none."""
        return self._tally.newest_stamp_us

    def room(self) -> int:
        """For how many more bars there is room, by its own limits and the disk's."""
        try:
            free_bytes = shutil.disk_usage(self._path.parent).free - self.limits.free_bytes
        except OSError:
            return 0
        # Twice: SQLite's journal keeps the pages of before beside the new ones.
        room_bytes = min(self.limits.size_bytes - self.size_bytes, free_bytes // 2)
        return max(0, min(self.limits.rows - self.count, room_bytes // _ROW_BYTES))

    # -- use -------------------------------------------------------------------------------------------------------

    def open(self, database_id: str) -> None:
        """Takes up what waits for that database; bars of another one are set aside until it is used again."""
        with self._lock:
            self.close()
            self._owner = database_id.replace("-", "")[:8]
            self._tally = Tally(self._owner)
            self._is_taken_up = not self._is_there()
            with contextlib.suppress(SpoolUnavailableError):
                if not self._is_taken_up:
                    self._attempt(lambda file: None)
            self._remove_if_empty()

    def put(self, bars: Sequence[Bar]) -> int:
        """Takes bars, at most one of each symbol and minute; gives how many of them, from the first on, are on disk.

        Each is merged with what waits of its minute.
        """
        done = 0
        with self._lock, contextlib.suppress(SpoolUnavailableError):
            wanted = min(len(bars), self.room())
            while done < wanted:
                group = bars[done : min(wanted, done + _ROWS_A_TRANSACTION)]
                self._attempt(functools.partial(SpoolFile.put, bars=group))
                done += len(group)
            if wanted < len(bars):
                self._fail("There is no room left on disk for bars that wait.")
        return done

    def take(self, limit: int) -> list[Bar]:
        """The first bars by symbol and minute, at most `limit`; they stay until they are dropped."""
        return self._bars(lambda file: file.take(limit))

    def newest(self, span_ms: int) -> list[Bar]:
        """The bars of its newest minutes, `span_ms` back from the last one."""
        last_ms = self._tally.last_ms
        return [] if last_ms is None else self._bars(lambda file: file.since(last_ms - span_ms))

    def drop(self, bars: Sequence[Bar]) -> None:
        """Takes these bars away, but for those of which another account was put meanwhile."""
        with self._lock, contextlib.suppress(SpoolUnavailableError):
            if bars:
                self._attempt(lambda file: file.drop(bars))
            self._remove_if_empty()

    def close(self) -> None:
        """Lets go of the file; the next call opens it again."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    # -- one call --------------------------------------------------------------------------------------------------

    def _bars(self, read: Callable[[SpoolFile], list[Bar]]) -> list[Bar]:
        with self._lock, contextlib.suppress(SpoolUnavailableError):
            return self._attempt(read) if self.count or not self._is_taken_up else []
        return []

    def _attempt(self, act: Callable[[SpoolFile], _T]) -> _T:
        """What `act` gives; on a damaged file after that was mended. SpoolUnavailableError, when that was noted."""
        try:
            try:
                return self._done(act)
            except SpoolDamagedError as error:
                self._salvage(str(error))
                return self._done(act)
        except (SpoolDamagedError, SpoolUnavailableError, OSError) as error:
            self._fail(str(error))
            raise SpoolUnavailableError(str(error)) from error

    def _done(self, act: Callable[[SpoolFile], _T]) -> _T:
        file = self._opened()
        answer = act(file)
        self._tally, self.trouble = file.tally, None
        return answer

    def _opened(self) -> SpoolFile:
        if not self._owner:
            raise SpoolUnavailableError("The spool has not been opened for a database yet.")
        if self._file is None:
            if self.count and not self._path.exists():
                self._lose_all()
            if not self._is_taken_up:
                self._finish_salvage()
                self._exchange()
            self._file = SpoolFile(self._path, self._owner)
            if not self._is_taken_up:
                self._file.check()
                self._is_taken_up = True
        return self._file

    def _is_there(self) -> bool:
        """Whether something may wait; so, too, where that cannot be seen."""
        try:
            return any(path.exists() for path in (self._path, self._fresh(), self._of(self._owner)))
        except OSError:
            return True

    def _lose_all(self) -> None:
        nothing, self._tally = Recovered({}, set(), self._tally), Tally(self._owner)
        self._tell(nothing, self._now_ms(), "Its file was removed.")

    def _fail(self, trouble: str) -> None:
        self.trouble = trouble
        if self._now_ms() - self._warned_ms >= _WARN_INTERVAL_MS:
            self._warned_ms = self._now_ms()
            logger.warning("%s Bars that wait stay in memory.", trouble)
        self.close()

    def _remove_if_empty(self) -> None:
        if self._file is not None and self.count == 0:
            self.close()
            self._path.unlink(missing_ok=True)
            self._tally = Tally(self._owner)

    # -- other databases -------------------------------------------------------------------------------------------

    def _exchange(self) -> None:
        """Sets aside what waits for another database, and takes back what waited for this one."""
        try:
            file = SpoolFile(self._path, self._owner) if self._path.exists() else None
        except SpoolDamagedError:
            return  # what can be read of it tells whose it is
        if file is not None:
            file.close()
            if file.tally.owner == self._owner:
                return
            aside = self._of(file.tally.owner)
            self._path.rename(aside)
            text = "%d bars that wait for another database are kept as %s until that one is used again."
            logger.warning(text, file.tally.rows, aside.name)
        if self._of(self._owner).exists():
            self._of(self._owner).rename(self._path)

    def _of(self, owner: str) -> Path:
        return self._path.with_name(f"{self._path.stem}-of-{owner}{self._path.suffix}")

    # -- damage ----------------------------------------------------------------------------------------------------

    def _salvage(self, reason: str) -> None:
        """Makes a new file of what can be read of the damaged one, which is set aside."""
        self.close()
        found = self._read_damaged()
        now_ms, changed_ms = self._now_ms(), self._path.stat().st_mtime_ns // 1_000_000
        fresh = self._fresh()
        fresh.unlink(missing_ok=True)
        self._write_fresh(fresh, list(found.bars.values()))
        aside = self._set_aside()
        fresh.rename(self._path)
        words = f"{reason} {len(found.bars)} bars of it are kept; the file is now {aside.name}."
        self._tell(found, min(now_ms, changed_ms), words)

    def _read_damaged(self) -> Recovered:
        with self._path.open("rb") as file:
            if not self._path.stat().st_size:
                return recover(self._owner, b"")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return recover(self._owner, content)

    def _write_fresh(self, path: Path, bars: Sequence[Bar]) -> None:
        file = SpoolFile(path, self._owner)
        try:
            for start in range(0, len(bars), _ROWS_A_TRANSACTION):
                file.put(bars[start : start + _ROWS_A_TRANSACTION])
        finally:
            file.close()

    def _set_aside(self) -> Path:
        """Renames the file, and its journal first: beside a new file it would be played back into that one."""
        now = dt.datetime.fromtimestamp(self._now_ms() / 1000, dt.UTC)
        aside = self._path.with_name(f"{self._path.stem}-damaged-{now:%Y%m%dT%H%M%S%fZ}{self._path.suffix}")
        journal = self._path.with_name(self._path.name + "-journal")
        if journal.exists():
            journal.rename(aside.with_name(aside.name + "-journal"))
        return self._path.rename(aside)

    def _fresh(self) -> Path:
        return self._path.with_suffix(".new")

    def _finish_salvage(self) -> None:
        """Ends a salvage that was killed: a new file counts once the damaged one has made room for it."""
        if self._fresh().exists():
            if self._path.exists():
                self._fresh().unlink()
            else:
                self._fresh().rename(self._path)

    def _tell(self, found: Recovered, changed_ms: int, words: str) -> None:
        tally = found.tally
        unknown = None if tally is None else tally.rows - len(found.bars) - len(found.lost)
        self.damaged_rows += len(found.lost) + max(0, unknown or 0)
        logger.error("The spool was damaged. %s", words)
        if found.lost:
            self._on_lost(sorted(found.lost), f"The spool was damaged. {words}")
        # Once rows were dropped, some that are found again can stand for others that are gone.
        if tally is None or unknown or tally.dropped:
            first_ms, last_ms = _bounds(found, changed_ms - _UNKNOWN_SPAN_MS, self._now_ms())
            self._on_lost([(EVERY_SYMBOL, first_ms), (EVERY_SYMBOL, last_ms)], f"The spool was damaged. {words}")


def _bounds(found: Recovered, from_ms: int, to_ms: int) -> tuple[int, int]:
    """The first and the last minute of which a damaged spool may have lost something; if it does not tell, those from
    `from_ms` to `to_ms` and of what was found."""
    if found.tally is not None and found.tally.first_ms is not None and found.tally.last_ms is not None:
        return found.tally.first_ms, found.tally.last_ms
    minutes = [minute_ms for _, minute_ms in (*found.bars, *found.lost)]
    return min([*minutes, from_ms - from_ms % MINUTE_MS]), max([*minutes, to_ms - to_ms % MINUTE_MS])
