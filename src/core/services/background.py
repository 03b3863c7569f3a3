"""What the process that ingests does beside listening: each on a thread of its own, all at its mercy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from src.core.domain.market.bar import Bar
from src.core.ports import Repair
from src.core.services.daily_service import DailyService
from src.core.services.fallback_pattern_detector import FallbackPatternDetector
from src.core.services.file_import_service import FileImportService
from src.core.services.history_service import HistoryService
from src.core.services.reconciliation_service import ReconciliationService
from src.core.services.retention_service import RetentionService
from src.core.services.symbol_refresh import SymbolRefresh


class _Beside(Protocol):
    def close(self) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True)
class Background:
    """Works from `start`, once this process owns an answering database, until `stop`."""

    repair: Repair
    reconciliations: ReconciliationService
    histories: HistoryService
    daily: DailyService
    imports: FileImportService
    retention: RetentionService
    symbols: SymbolRefresh
    patterns: FallbackPatternDetector

    def start(self, submit: Callable[[Sequence[Bar]], bool]) -> None:
        """Starts the threads, but for the repair's, which its caller runs; `submit` has bars committed."""
        self.reconciliations.start(submit)
        self.histories.start(submit)
        self.daily.start()
        self.imports.start()
        self.retention.start()
        self.symbols.start()
        self.patterns.start()

    def close(self) -> None:
        """Tells the threads to end, before the repair closes the vendor's side, which then fails nothing."""
        for one in self._workers():
            one.close()
        self.repair.close()

    def stop(self) -> None:
        """Ends the threads; what is under way goes on at a next start. Where the database does not answer, that takes
        some seconds for each."""
        self.close()
        for one in self._workers():
            one.stop()

    def _workers(self) -> Sequence[_Beside]:
        return (
            self.reconciliations,
            self.histories,
            self.daily,
            self.symbols,
            self.imports,
            self.retention,
            self.patterns,
        )

    def snapshot(self) -> dict[str, Any]:
        """What the status tells of it."""
        return {
            "repair": self.repair.snapshot(),
            "reconciliation": self.reconciliations.snapshot(),
            "history": self.histories.snapshot(),
            "daily": self.daily.snapshot(),
            "retention": self.retention.snapshot(),
            "patterns": self.patterns.snapshot(),
        }
