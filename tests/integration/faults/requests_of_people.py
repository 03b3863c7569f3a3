"""What people ask of the program in the fault matrix: through its database, as the pages and commands do."""

import csv
import datetime as dt
import gzip
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from src.core.domain.market.reconciliation import Run
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.jobs import DatabaseJobDesk
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from src.simulator.bars import SHARE_MICRO, Bar
from src.simulator.flat_files import HEADER
from tests.integration.faults.scene import Scene
from tests.waiting import wait_for


class Desk(NamedTuple):
    """Where jobs are left, and where runs are kept."""

    jobs: DatabaseJobDesk
    runs: DatabaseReconciliations


@contextmanager
def desk_of(scene: Scene) -> Iterator[Desk]:
    """The desk of a scene's program."""
    read, write = read_engine(scene.database.url), row_engine(scene.database.url)
    try:
        yield Desk(DatabaseJobDesk(read, write, scene.clock.now_ms), DatabaseReconciliations(read, write))
    finally:
        read.dispose()
        write.dispose()


def compared(scene: Scene, date: dt.date, file: Path) -> Run:
    """The run, when it has ended, in which the program compared a day with a flat file."""
    with desk_of(scene) as desk:
        arguments = {"date": date.isoformat(), "symbols": None, "file": str(file)}
        job_id = desk.jobs.ask("reconcile", arguments, "somebody")

        def has_ended() -> bool:
            run = desk.runs.find(job_id)
            answer = desk.jobs.answer(job_id)
            assert answer is None or answer.state != "refused", answer
            return run is not None and run.has_ended

        wait_for(has_ended)
        run = desk.runs.find(job_id)
        assert run is not None
        return run


def write_flat_file(path: Path, bars: Mapping[tuple[str, int], Bar]) -> Path:
    """Writes bars (by symbol and start) as the vendor's flat file of a day, which has no VWAP; `path`."""
    with gzip.open(path, "wt", newline="") as file:
        file.write(HEADER)
        rows = csv.writer(file)
        for (symbol, start_ms), bar in sorted(bars.items()):
            prices = (bar.open, bar.close, bar.high, bar.low)
            rows.writerow([symbol, bar.volume_micro / SHARE_MICRO, *prices, start_ms * 1_000_000, bar.trades])
    return path
