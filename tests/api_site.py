"""The whole web half on a database that ingestion fills, with accounts, and a desk that carries out what is asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from src.app import create_app
from src.config.settings import Settings, parse_settings
from src.core.domain.market.reconciliation import RunState
from src.core.services.connection_desk import ConnectionDesk
from src.core.services.gap_jobs import GapJobs
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.connection_events import DatabaseEventRecorder
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.jobs import DatabaseJobInbox
from tests.accounts import log_in, make_admin
from tests.admin_site import Ingestion, now_ms, started
from tests.bars import MINUTE, bar
from tests.connection_control import Control


class ApiSite:
    """An application, and clients of it: `nobody`, somebody logged in with the role `user`, and an `admin`."""

    def __init__(self, settings: Settings, ingestion: Ingestion) -> None:
        self.settings = settings
        self.app: Flask = create_app(settings)
        self.ingestion = ingestion
        self.clients: dict[str, FlaskClient] = {"nobody": self.app.test_client()}
        self.tokens: dict[str, str] = {"nobody": ""}
        for login, role in (("user", "user"), ("admin", "admin")):
            make_admin(settings.database_url, login, role=role)  # type: ignore[arg-type]  # each of the two is a role
            self.clients[login] = self.app.test_client()
            self.tokens[login] = log_in(self.clients[login], login)

    def ask(self, who: str, method: str, path: str, **options: object) -> TestResponse:
        """An answer to `who`, with the CSRF token where something is changed."""
        headers = {} if method == "GET" else {"X-CSRFToken": self.tokens[who]}
        return self.clients[who].open(path, method=method, headers=headers, **options)  # type: ignore[arg-type]  # Flask's own options

    def cookie(self, who: str) -> str:
        """The session's cookie, as a header's value."""
        cookies = self.clients[who]._cookies.values()
        return "; ".join(f"{cookie.key}={cookie.value}" for cookie in cookies)


def _report(ingestion: Ingestion, stopping: threading.Event) -> None:
    """As the ingesting half does, each second."""
    while not stopping.wait(1):
        ingestion.report()


@contextmanager
def api_site(folder: Path, url: str) -> Iterator[ApiSite]:
    """The site; `url` is that of a migrated database, as settings give it."""
    ingestion = started(url)
    ingestion.database.merge([bar("AAPL", MINUTE + place * 60_000, observed_at=place) for place in range(3)])
    ingestion.database.merge([bar("BRK.B", vwap=None)])
    ingestion.find("AAPL", MINUTE)
    ingestion.log("for a test")
    ingestion.miss("one", "AAPL", "MSFT")
    ingestion.compare("one", state=RunState.FAILED, failed={"MSFT": "It is not known."}, file="/data/day.csv.gz")
    ingestion.load("load")
    ingestion.load("of-files", kind="files", symbols=None, files=("/data/day.csv.gz",), from_date=None, to_date=None)
    settings = parse_settings({"DATA_DIR": str(folder), "DATABASE_URL": url, "SIMULATOR_PORT": "1"})
    engines = [read_engine(url), row_engine(url)]
    gap_jobs = GapJobs(ingestion.gaps, lambda *_gap: None, lambda: None, now_ms)
    jobs = {
        "gaps.repair": gap_jobs.repair,
        "coverage.repair": gap_jobs.ask_for,
        "symbols.refresh": lambda _job: "Being loaded.",
        "history.cancel": lambda _job: "Done.",
    }
    inbox, recorder = DatabaseJobInbox(*engines, now_ms), DatabaseEventRecorder(engines[1])
    desk = ConnectionDesk(Control(), inbox, recorder, SystemClock(), lambda: None, jobs)
    desk.start()
    stopping = threading.Event()
    reporter = threading.Thread(target=_report, args=(ingestion, stopping))
    reporter.start()
    yield ApiSite(settings, ingestion)
    stopping.set()
    reporter.join(60)
    desk.stop()
    ingestion.close()
    for engine in engines:
        engine.dispose()
