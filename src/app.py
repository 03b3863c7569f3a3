"""The composition root: everything is wired here. `create_app` starts nothing; `build_runtime` gives what runs."""

import contextlib
import functools
import shutil
from collections.abc import Callable
from datetime import date as day_date
from datetime import datetime
from datetime import time as day_time
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import Engine

from src import __version__
from src.cli import register_commands, settings_of_command
from src.config.settings import PROJECT_ROOT, Settings, is_loopback
from src.core.domain.market.quote import QuoteDay
from src.core.domain.market.session import CalendarRangeError, SessionTable, TradingDay, new_york_date, usual_day
from src.core.errors import DatabaseUnavailableError
from src.core.services.bar_history import BarHistory
from src.core.services.connection_status_service import ConnectionStatusService
from src.core.services.coverage_service import CoverageService
from src.core.services.gap_report_service import GapReportService
from src.core.services.health_service import HealthService
from src.core.services.login_service import LoginService
from src.core.services.market_book import MarketStores
from src.core.services.market_state_service import MarketStateService
from src.core.services.measurement_service import MeasurementService
from src.core.services.quality_service import QualityService
from src.core.services.universe_service import UniverseService
from src.infrastructure.cache.relationship_cache import RelationshipCache
from src.infrastructure.data_sources.massive_rest import MassiveRest
from src.infrastructure.database.accounts import DatabaseAccounts
from src.infrastructure.database.bar_archive import DatabaseBarArchive
from src.infrastructure.database.bar_reader import DatabaseBarReader
from src.infrastructure.database.change_reader import DatabaseChangeReader
from src.infrastructure.database.connection_events import DatabaseEventLog
from src.infrastructure.database.coverage_reader import DatabaseCoverage
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.freshness_reader import DatabaseFreshness
from src.infrastructure.database.gap_store import DatabaseGapReader
from src.infrastructure.database.history_store import DatabaseHistory
from src.infrastructure.database.jobs import DatabaseJobDesk
from src.infrastructure.database.market_facts import DatabaseMarketFacts
from src.infrastructure.database.migrate import check_schema
from src.infrastructure.database.panel_reader import DatabasePanelStore
from src.infrastructure.database.pattern_store import DatabasePatternReader
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from src.infrastructure.database.universe_store import DatabaseUniverses
from src.infrastructure.database.write_trouble import write_trouble
from src.infrastructure.passwords import Argon2Passwords
from src.infrastructure.secret_key import kept_secret_key
from src.ingest import build_alerts, build_runtime
from src.parts import CLOCK, load_sessions, rest_config, status_file
from src.presentation.admin.access import AccessDeps, current_account, register_access
from src.presentation.admin.api import AdminDeps, admin_blueprint
from src.presentation.admin.coverage import CoverageDeps, coverage_blueprint
from src.presentation.admin.history import HistoryDeps, history_blueprint
from src.presentation.admin.live import register_live
from src.presentation.admin.live_feed import LiveSources
from src.presentation.admin.pages import admin_pages_blueprint
from src.presentation.admin.universes import universes_blueprint as admin_universes_blueprint
from src.presentation.api.bars import BarsDeps, bars_blueprint
from src.presentation.api.errors import register_errors
from src.presentation.api.market import MarketAnswers, MarketDeps, market_blueprint
from src.presentation.api.metrics import DiskSpace, metrics_blueprint
from src.presentation.api.openapi.blueprint import documentation_blueprint
from src.presentation.api.patterns import PatternsDeps, PollPatterns, patterns_blueprint
from src.presentation.api.quality import QualityDeps, quality_blueprint
from src.presentation.api.status import operations_blueprint, status_blueprint
from src.presentation.api.ticks import TicksDeps, ticks_blueprint
from src.presentation.api.trading_calendar import calendar_blueprint
from src.presentation.api.universes import UniversesDeps, universes_blueprint
from src.presentation.api.whom import Whom
from src.presentation.doors import ask_for_token, limit_sizes, refuse_foreign_hosts, trust_proxy
from src.presentation.pages.dashboard import pages_blueprint
from src.presentation.security_headers import register_security_headers

__all__ = ["build_alerts", "build_runtime", "create_app"]

_NEW_YORK = ZoneInfo("America/New_York")


def _monotonic_ms() -> int:
    return round(CLOCK.monotonic() * 1000)


def create_app(settings: Settings | None = None) -> Flask:
    """The web half. Starts no thread and opens no connection until asked. Without `settings`, as `flask` calls it, they
    are read; a wrong one ends the command."""
    settings = settings or settings_of_command()
    app = Flask(
        "tickstock",
        template_folder=str(PROJECT_ROOT / "web/templates"),
        static_folder=str(PROJECT_ROOT / "web/static"),
    )
    app.context_processor(lambda: {"version": __version__})  # every page's footer
    register_errors(app)
    register_security_headers(app)
    _close_doors(app, settings)
    register_commands(app, settings, lambda stamp: MassiveRest(rest_config(settings), CLOCK, stamp))
    sessions = load_sessions()
    engine = read_engine(settings.database_url)
    changes = DatabaseChangeReader(engine)
    reader = DatabaseBarReader(engine, changes, status_file(settings))
    url = settings.database_url
    health = HealthService(
        reader, sessions, lambda: check_schema(url), CLOCK.now_ms, __version__, lambda: write_trouble(url)
    )
    app.register_blueprint(operations_blueprint(health, __version__))
    disk = DiskSpace(lambda: shutil.disk_usage(settings.data_dir))
    app.register_blueprint(
        metrics_blueprint(MeasurementService(reader, sessions, CLOCK.now_ms).measure, disk, __version__)
    )
    if settings.role != "ingest":
        _register_admin(app, settings, engine, changes, reader)
        register_access(app, _access(settings, engine))
        app.register_blueprint(status_blueprint(health))
        whom = Whom(reader, RelationshipCache(engine))
        day_at = functools.partial(_quote_day, sessions)
        is_simulated = functools.partial(_is_simulated, settings, reader)
        trading_day = functools.partial(_trading_day, sessions, is_simulated)
        market = _market(engine, changes, whom, trading_day)
        app.register_blueprint(market_blueprint(market))
        patterns = DatabasePatternReader(engine)
        app.register_blueprint(
            ticks_blueprint(
                TicksDeps(
                    reader,
                    changes,
                    whom,
                    health.brief_status,
                    CLOCK.now_ms,
                    day_at,
                    PollPatterns(patterns),
                    market.in_poll,
                )
            )
        )
        app.register_blueprint(patterns_blueprint(PatternsDeps(patterns, changes, whom, CLOCK.now_ms)))
        history = BarHistory(
            DatabaseBarArchive(engine),
            trading_day,
            lambda: new_york_date(CLOCK.now_ms()),
        )
        app.register_blueprint(bars_blueprint(BarsDeps(history, whom, changes, CLOCK.now_ms)))
        app.register_blueprint(calendar_blueprint(sessions, is_simulated))
        app.register_blueprint(pages_blueprint(is_simulated))
        app.register_blueprint(admin_pages_blueprint(is_simulated))
        app.register_blueprint(documentation_blueprint(__version__, app.config["SESSION_COOKIE_NAME"]))
    if settings.behind_proxy:
        trust_proxy(app)
    return app


def _market(
    engine: Engine, changes: DatabaseChangeReader, whom: Whom, day_at: Callable[[day_date], TradingDay | None]
) -> MarketAnswers:
    """What answers about market state; its thread starts with the first question."""
    panels = DatabasePanelStore(engine)
    stores = MarketStores(changes, panels, panels, DatabaseMarketFacts(engine), day_at)
    return MarketAnswers(MarketDeps(MarketStateService(stores, CLOCK), whom, changes, CLOCK.now_ms))


def _register_admin(
    app: Flask, settings: Settings, engine: Engine, changes: DatabaseChangeReader, reader: DatabaseBarReader
) -> None:
    """What administrators ask and are told, and readers of what it is made of."""
    connections = ConnectionStatusService(reader, load_sessions(), DatabaseEventLog(engine), CLOCK.now_ms)
    rows = row_engine(settings.database_url)
    gap_reader, runs = DatabaseGapReader(engine), DatabaseReconciliations(engine, rows)
    gaps = GapReportService(gap_reader, runs)
    desk = DatabaseJobDesk(engine, rows, CLOCK.now_ms)
    app.register_blueprint(admin_blueprint(AdminDeps(connections, gaps, reader, changes, desk, CLOCK.now_ms)))
    calendar = load_sessions() if settings.feed == "massive" else None  # the simulated market trades at any hour
    coverage = CoverageService(DatabaseCoverage(engine), calendar, CLOCK.now_ms)
    whom = Whom(reader, RelationshipCache(engine))
    app.register_blueprint(coverage_blueprint(CoverageDeps(coverage, whom, reader, changes, desk)))
    quality = QualityService(coverage, DatabaseFreshness(engine), gap_reader, runs, CLOCK.now_ms)
    app.register_blueprint(quality_blueprint(QualityDeps(quality, whom, changes, CLOCK.now_ms)))
    universes = UniverseService(DatabaseUniverses(engine, rows, CLOCK.now_ms))
    app.register_blueprint(admin_universes_blueprint(universes))
    app.register_blueprint(universes_blueprint(UniversesDeps(universes, whom, reader, CLOCK.now_ms)))
    app.register_blueprint(history_blueprint(HistoryDeps(DatabaseHistory(engine, rows), reader, desk)))
    register_live(app, LiveSources(connections, gaps, reader, changes))


def _access(settings: Settings, engine: Engine) -> AccessDeps:
    accounts = DatabaseAccounts(engine, row_engine(settings.database_url), CLOCK.now_ms)
    login = LoginService(accounts, Argon2Passwords(), _monotonic_ms)
    given = settings.secret_key.get_secret_value()
    return AccessDeps(
        accounts,
        login,
        lambda: given or kept_secret_key(settings.data_dir),
        settings.behind_proxy,
        settings.port,
        CLOCK.now_ms,
    )


def _close_doors(app: Flask, settings: Settings) -> None:
    limit_sizes(app)
    if is_loopback(settings.host) and not settings.behind_proxy:
        refuse_foreign_hosts(app, settings.host)
    if token := settings.api_token.get_secret_value():
        ask_for_token(app, token, current_account if settings.role != "ingest" else lambda: None)


def _is_simulated(settings: Settings, reader: DatabaseBarReader) -> bool:
    """By what filled the database; by the settings while that is not known."""
    feed = None
    with contextlib.suppress(DatabaseUnavailableError):
        feed = reader.state("feed")
    return (feed or settings.feed) == "simulated"


def _trading_day(sessions: SessionTable, is_simulated: Callable[[], bool], date: day_date) -> TradingDay | None:
    """A date's bounds; the simulated market trades every day."""
    return usual_day(date) if is_simulated() else sessions.known_or_usual(date)


def _quote_day(sessions: SessionTable, at_ms: int) -> QuoteDay:
    """The trading day at a time and the one before; outside the calendar the New York date, and none before."""
    try:
        today, before = sessions.latest_days(at_ms, 2)
    except CalendarRangeError:
        midnight = datetime.combine(new_york_date(at_ms), day_time(), _NEW_YORK)
        return QuoteDay(round(midnight.timestamp() * 1000), 0, 0)
    return QuoteDay(today.pre_open_ms, before.open_ms, before.close_ms)
