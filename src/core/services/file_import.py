"""Imports flat files: what a reading process tells of them is merged with what is stored, file after file."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec

from src.core.domain.market.flat_file import DayBatch, FileBegun, FileEnded, Message, MinuteBatch
from src.core.domain.market.history import Load
from src.core.errors import DatabaseUnavailableError, FlatFileError
from src.core.history_ports import FileBars, LoadLog, StoredRows
from src.core.ports import Clock
from src.core.services.patience import patiently

logger = logging.getLogger(__name__)

# Opens files (paths, each with the stamp of its evidence) to be read beside this process.
Reading = Callable[[Sequence[tuple[str, int]]], AbstractContextManager[Iterator[Message]]]
_SAVE_INTERVAL_S = 1.0
_MOST_SENTENCES = 50  # about rows that were left out, in the record of an import
_T = TypeVar("_T")


class ImportProgress(NamedTuple):
    """How far an import is: `rows` of `rows_expected` of all its files; the latter is estimated by the files' sizes."""

    load: Load
    rows: int
    rows_expected: int


@dataclass(frozen=True)
class ImportParts:
    """What imports work with. `stamp` gives evidence stamps, `size_of` a file's bytes (0 for one that is not there)."""

    reading: Reading
    bars: FileBars
    log: LoadLog
    clock: Clock
    stamp: Callable[[], int]
    size_of: Callable[[str], int]


@dataclass(frozen=True)
class ImportConduct:
    """How an import is carried out: it ends early once `stopping` is set, and after a file once `is_turn_over`; `tell`
    hears how far it is after each batch. After each it pauses for `pause_share` of the time that took, so that others
    have their turn at the database. `left_out` gathers a sentence for each row that was left out."""

    stopping: threading.Event
    tell: Callable[[ImportProgress], None]
    pause_share: float = 0.0
    is_turn_over: Callable[[], bool] = lambda: False
    left_out: list[str] = field(default_factory=list)


class FileImport:
    """One import, carried out on the caller's thread."""

    def __init__(self, parts: ImportParts, load: Load, conduct: ImportConduct) -> None:
        self._files = files_left(load)
        self._parts = parts
        self._load = load.going_on(len(self._files))
        self._conduct = conduct
        self._bytes_left = sum(map(parts.size_of, self._files))  # of files that are not begun
        self._bytes_begun = 0
        self._rows_begun = 0  # of all files that are begun
        self._rows = 0  # that were read
        self._bars = self._written = 0  # of the present file
        self._saved_s = parts.clock.monotonic()

    def run(self) -> Load:
        """Imports what is left of the load, and gives it as it ended; still running when told to stop before, or when
        its turn is over."""
        self._patiently(lambda: self._parts.log.save(self._load))
        trouble = ""
        try:
            with self._parts.reading([(path, self._parts.stamp()) for path in self._files]) as messages:
                for message in messages:
                    self._take(message)
                    if self._conduct.stopping.is_set():
                        return self._load
                    if isinstance(message, FileEnded) and self._lets_others():
                        return self._load
        except FlatFileError as error:
            trouble = str(error)
        ended = self._load.ended(self._parts.clock.now_ms(), trouble)
        sentences = [*filter(None, [ended.detail]), *self._conduct.left_out]
        ended = msgspec.structs.replace(ended, detail=" ".join(sentences))
        self._patiently(lambda: self._parts.log.save(ended))
        return ended

    def _lets_others(self) -> bool:
        """Whether the rest is left to another turn; then how far it is, is kept."""
        done = self._load.units_done + self._load.units_failed
        is_over = done < self._load.units_total and self._conduct.is_turn_over()
        if is_over:
            self._patiently(lambda: self._parts.log.save(self._load))
        return is_over

    def _take(self, message: Message) -> None:
        match message:
            case FileBegun():
                self._begin(message)
            case FileEnded():
                self._end(message)
            case _:
                self._store(message)
        self._tell()

    def _begin(self, file: FileBegun) -> None:
        logger.info("Importing %s: %d rows of bars of a %s.", file.path, file.rows, file.timespan)
        self._bytes_left -= file.size_bytes
        self._bytes_begun += file.size_bytes
        self._rows_begun += file.rows
        self._bars = self._written = 0
        self._load = msgspec.structs.replace(self._load, timespan=file.timespan, detail=f"{file.path} is imported.")

    def _store(self, batch: MinuteBatch | DayBatch) -> None:
        begun_s = self._parts.clock.monotonic()
        stored = self._patiently(lambda: self._merge(batch))
        if stored is None:
            return
        self._rows += batch.rows
        self._bars += stored.bars
        self._written += stored.written
        self._leave_out([f"The database refused a row: {reason}" for reason in stored.refused])
        if share := self._conduct.pause_share:
            self._parts.clock.wait(self._conduct.stopping, share * (self._parts.clock.monotonic() - begun_s))

    def _merge(self, batch: MinuteBatch | DayBatch) -> StoredRows:
        if isinstance(batch, DayBatch):
            return self._parts.bars.merge_days(batch)
        return self._parts.bars.merge_minutes(batch)

    def _end(self, file: FileEnded) -> None:
        self._patiently(self._parts.bars.tidy)
        if file.trouble:
            logger.warning("Not imported: %s", file.trouble)
            self._load = self._load.with_failure(file.path, file.trouble)
            return
        self._load = self._load.with_unit(self._bars, self._written)
        if file.bad_rows:
            logger.warning("%d rows of %s were left out. %s", file.bad_rows, file.path, " ".join(file.named))
            self._leave_out([f"{file.bad_rows:,} rows of {file.path} cannot be right and were left out.", *file.named])

    def _leave_out(self, sentences: Sequence[str]) -> None:
        told = self._conduct.left_out
        told += sentences[: _MOST_SENTENCES - len(told)]

    def _tell(self) -> None:
        """Tells how far it is, and keeps it once a second."""
        # What is not begun yet is taken to have as many rows a byte as what is.
        more = self._rows_begun * self._bytes_left // self._bytes_begun if self._bytes_begun else 0
        self._conduct.tell(ImportProgress(self._load, self._rows, self._rows_begun + more))
        now_s = self._parts.clock.monotonic()
        if now_s - self._saved_s >= _SAVE_INTERVAL_S:
            self._saved_s = now_s
            words = f"{self._rows:,} of about {self._rows_begun + more:,} rows are read."
            with suppress(DatabaseUnavailableError):
                self._parts.log.save(msgspec.structs.replace(self._load, detail=words))

    def _patiently(self, act: Callable[[], _T]) -> _T | None:
        return patiently(act, self._parts.clock, self._conduct.stopping, "The import waits.")


def files_left(load: Load) -> list[str]:
    """The files that are to be imported still: those that failed, and after them those that were not begun."""
    files = list(load.files or ())
    return [*(path for path in files if path in load.failures), *files[load.units_done + load.units_failed :]]
