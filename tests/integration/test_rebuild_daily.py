"""`flask history rebuild-daily`, by itself and by the process that ingests."""

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from src.cli_history_daily import rebuild_command
from src.config.settings import parse_settings
from src.core.domain.market.bar import Tier
from src.core.ports import JobAnswer
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.jobs import DatabaseJobInbox
from src.infrastructure.database.ownership import ownership_of
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests import status_rows
from tests.bars import MINUTE, bar, day, stored_days
from tests.waiting import wait_for

THURSDAY = dt.date(2025, 11, 20)
CLOCK = SystemClock()


class Rebuilding:
    """A database of the real feed with some minutes, and the command on it."""

    def __init__(self, folder: Path, url: str) -> None:
        keys = {"DATA_DIR": str(folder), "DATABASE_URL": url, "MASSIVE_API_KEY": "key"}
        self.settings = parse_settings(keys)
        self.url = self.settings.database_url
        self.database = TickStockDatabase(write_engine(self.url), CLOCK.now_us)
        self.database.claim_feed("massive")
        for back in (0, 1, 2):
            self.database.merge([bar(timestamp=MINUTE - back * 86_400_000), bar("IBM", MINUTE - back * 86_400_000)])

    def run(self, *options: str) -> Result:
        return CliRunner().invoke(rebuild_command(self.settings), list(options))


@pytest.fixture
def rebuilding(tmp_path: Path, sqlite_database_url: str) -> Iterator[Rebuilding]:
    rebuilding = Rebuilding(tmp_path, sqlite_database_url)
    yield rebuilding
    rebuilding.database.close()


def test_days_are_made_where_nobody_ingests(rebuilding: Rebuilding) -> None:
    rebuilding.database.merge_daily([day("IBM", THURSDAY), day("AAPL", THURSDAY, close=1.0, tier=Tier.LIVE.value)])
    rebuilding.database.close()
    done = rebuilding.run("--from", "2025-11-19", "--to", "2025-11-20")
    assert done.exit_code == 0, done.output
    assert "4 days of 2 symbols were made of their minutes." in done.output
    assert [(one.symbol, str(one.date), one.tier) for one in stored_days(rebuilding.url)] == [
        ("AAPL", "2025-11-19", Tier.LIVE),
        ("AAPL", "2025-11-20", Tier.LIVE),
        ("IBM", "2025-11-19", Tier.LIVE),
        ("IBM", "2025-11-20", Tier.OFFICIAL),  # the vendor's own stays
    ]
    assert stored_days(rebuilding.url)[1].close == 150.25


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--from", "2025-11-20", "--to", "2025-11-19"), "Nothing lies from 2025-11-20 to 2025-11-19"),
        (("--from", "2024-01-01", "--to", "2024-01-05"), "No symbol has minutes"),
        (("--from", "2025-11-20", "--symbols", "NONE"), "knows no symbol NONE"),
    ],
)
def test_what_cannot_be_rebuilt_says_why(rebuilding: Rebuilding, options: tuple[str, ...], says: str) -> None:
    done = rebuilding.run(*options)
    assert done.exit_code == 1
    assert says in done.output


def test_the_process_that_ingests_is_asked_and_followed(rebuilding: Rebuilding) -> None:
    owner = ownership_of(rebuilding.url)
    assert owner.acquire()
    engines = read_engine(rebuilding.url), row_engine(rebuilding.url)
    inbox = DatabaseJobInbox(*engines, CLOCK.now_ms)

    waiting, done = [2], list[Result]()
    command = threading.Thread(
        target=lambda: done.append(rebuilding.run("--from", "1970-01-01", "--symbols", "AAPL,IBM"))
    )

    def tell() -> None:
        told = {"waiting_symbols": waiting[0], "rebuilding": waiting[0] > 0, "vendor_date": None, "last_error": None}
        rebuilding.database.set_state("status", {**status_rows.single_live(CLOCK.now_ms()), "daily": told})

    def asked() -> bool:
        tell()
        return bool(inbox.waiting())

    def ended() -> bool:
        tell()
        command.join(0.2)
        return not command.is_alive()

    tell()
    command.start()
    wait_for(asked)
    (job,) = inbox.waiting()
    assert (job.kind, job.arguments["symbols"]) == ("daily.rebuild", ["AAPL", "IBM"])
    # Of all the dates that were named those with minutes.
    assert (job.arguments["from_date"], job.arguments["to_date"]) == ("2025-11-18", "2025-11-20")
    inbox.finish(job.id, JobAnswer("done", "They will be made."))
    assert not ended()
    waiting[0] = 0
    wait_for(ended)
    owner.release()
    for engine in engines:
        engine.dispose()
    assert done[0].exit_code == 0, done[0].output
    assert "They will be made." in done[0].output
    assert "The days of 2 symbols were made of their minutes." in done[0].output
