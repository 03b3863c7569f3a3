"""The ingesting half is wired here. `build_runtime` gives what runs, `build_alerts` what tells when it does not."""

import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date as day_date

from sqlalchemy import Engine

from src import __version__
from src.config.settings import Settings
from src.core.domain.market.bar_book import BarBook
from src.core.domain.market.history import Trading
from src.core.domain.market.last_start import Setup
from src.core.domain.market.reconciliation import date_bounds_ms
from src.core.domain.market.retention import Forecast, forecast
from src.core.domain.market.session import CalendarRangeError, SessionTable, usual_day
from src.core.ports import BarSource, Clock, ConnectionControl, GapRecorder, Job
from src.core.services.alert_service import AlertService, Origin
from src.core.services.background import Background
from src.core.services.bar_intake import BarIntake
from src.core.services.connection_desk import ConnectionDesk
from src.core.services.daily_service import DailyService, MakingParts
from src.core.services.fallback_pattern_detector import FallbackPatternDetector
from src.core.services.file_import_service import FileImportService
from src.core.services.gap_jobs import GapJobs
from src.core.services.gap_service import GapService
from src.core.services.history_loader import HistoryParts
from src.core.services.history_service import HistoryService
from src.core.services.listening import Listener
from src.core.services.market_data_service import FeedCallbacks, MarketDataService, ServiceConfig
from src.core.services.reconciler import Reconciler
from src.core.services.reconciliation_service import ReconciliationService
from src.core.services.repair_service import RepairService
from src.core.services.retention_service import RetentionService
from src.core.services.start_memory import StartMemory
from src.core.services.symbol_refresh import SymbolRefresh
from src.core.services.vendor_days import Urgency, VendorParts
from src.import_process import size_of, starter
from src.infrastructure.cache.relationship_cache import RelationshipCache
from src.infrastructure.data_sources.adapters.realtime_adapter import RealTimeDataAdapter
from src.infrastructure.data_sources.flat_files import FlatFiles
from src.infrastructure.data_sources.massive_rest import MassiveRest
from src.infrastructure.data_sources.vendor_lists import VendorLists
from src.infrastructure.database.action_store import DatabaseActions
from src.infrastructure.database.bar_writer import DatabaseBarWriter
from src.infrastructure.database.connection_events import DatabaseEventRecorder
from src.infrastructure.database.daily_store import DatabaseDays, DatabaseDaysWanted
from src.infrastructure.database.day_maker import DatabaseDayMaker
from src.infrastructure.database.engines import database_errors, read_engine, row_engine, sqlite_file, write_engine
from src.infrastructure.database.flush_interval import FlushInterval
from src.infrastructure.database.gap_store import DatabaseGapStore
from src.infrastructure.database.history_store import DatabaseHistory
from src.infrastructure.database.jobs import DatabaseJobInbox
from src.infrastructure.database.last_start_file import LastStartFile, database_digest
from src.infrastructure.database.migrate import all_revisions
from src.infrastructure.database.ownership import ownership_of
from src.infrastructure.database.pattern_store import DatabasePatterns
from src.infrastructure.database.pruning import DatabasePruner
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from src.infrastructure.database.spool import Spool
from src.infrastructure.database.stored_minutes import DatabaseMinutes
from src.infrastructure.database.symbol_store import DatabaseSymbols
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.infrastructure.doctor.disk import free_bytes
from src.infrastructure.doctor.growth import measure_growth
from src.infrastructure.observability.webhook import AlertFile, Webhook
from src.infrastructure.websocket.feed_line import ConnectionSpec
from src.infrastructure.websocket.massive_client import ClientConfig
from src.infrastructure.websocket.multi_connection_manager import ManagerConfig, MultiConnectionManager
from src.parts import CLOCK, api_key, load_sessions, rest_config, simulator_address, status_file

# When the vendor is first asked for daily bars: a start has enough to do, and who tries the simulator does not wait.
_ASK_FIRST_S = {"massive": 600.0, "simulated": 15.0}


def build_runtime(
    settings: Settings, on_crash: Callable[[], None] = lambda: None, clock: Clock = CLOCK
) -> MarketDataService | None:
    """The ingesting half, not started; None in the role `web`. `on_crash` is for whoever can start it again; `clock` is
    all the time that it knows."""
    if settings.role == "web":
        return None
    engine = write_engine(settings.database_url)
    database = TickStockDatabase(engine, clock.now_us)
    sessions = load_sessions()
    intake = BarIntake(BarBook(database.clock.stamp, "AM" in settings.massive_channels), clock)
    rest = MassiveRest(rest_config(settings), clock, database.clock.stamp, intake.surely_behind_ms)
    queue = DatabaseGapStore(row_engine(settings.database_url), clock.now_ms)
    rows = row_engine(settings.database_url)
    gaps = _gap_service(settings, sessions, DatabaseGapStore(rows, clock.now_ms), intake, clock)
    minutes = DatabaseMinutes(read_engine(settings.database_url))
    repair = RepairService(
        rest, queue, minutes, clock, intake.surely_behind_ms, lambda gap: intake.day_volumes(gap.from_ms)
    )
    reconciliations = _reconciliations(settings, database, rest, sessions, clock, repair, intake)
    histories = _histories(settings, database, rest, sessions, clock, repair)
    kept = DatabaseSymbols(read_engine(settings.database_url), rows, clock.now_ms)
    symbols = SymbolRefresh(rest, kept, clock, repair.is_urgent, by_itself=settings.feed == "massive")
    imports = _imports(settings.database_url, clock)
    gap_jobs = GapJobs(queue, gaps.open, repair.wake, clock.now_ms)

    def is_rest_needed() -> bool:
        """The simulator answers as many as ask."""
        others = (reconciliations, histories)
        is_busy = repair.is_urgent() or any(other.snapshot()["state"] != "idle" for other in others)
        return is_busy and settings.feed == "massive"

    urgency = Urgency(repair.is_urgent, is_rest_needed, _ASK_FIRST_S[settings.feed])
    daily = _daily(settings, database, rest, sessions, clock, intake, urgency)
    jobs = {
        "gaps.repair": gap_jobs.repair,
        "coverage.repair": gap_jobs.ask_for,
        "reconcile": reconciliations.ask,
        "symbols.refresh": symbols.ask,
        "history.load": histories.ask,
        "history.cancel": lambda job: (imports if imports.knows(job.arguments["id"]) else histories).cancel(job),
        "history.import": imports.ask,
        "daily.rebuild": daily.rebuild,
    }

    def make_adapter(callbacks: FeedCallbacks) -> RealTimeDataAdapter:
        config = ManagerConfig(
            api_key(settings),
            _client_config(settings, sessions, clock),
            _connections(settings),
            callbacks.on_incomplete,
            callbacks.on_interrupted,
            callbacks.on_resumed,
            callbacks.on_event,
        )
        maximum = settings.websocket_connections_max
        return RealTimeDataAdapter(
            lambda: MultiConnectionManager(config, callbacks.on_ticks, callbacks.on_status, maximum)
        )

    return MarketDataService(
        ServiceConfig(settings.feed, _mode(settings), _listeners(settings)),
        ownership_of(settings.database_url),
        database,
        StartMemory(LastStartFile(settings.data_dir), _setup(settings), database.clock.stamp, clock),
        RelationshipCache(read_engine(settings.database_url)),
        intake,
        gaps,
        make_adapter,
        lambda control: _desk(settings.database_url, rows, control, clock, gaps, jobs),
        lambda source: _writer(settings, database, source, gaps, clock),
        Background(
            repair,
            reconciliations,
            histories,
            daily,
            imports,
            _retention(settings, rows, clock),
            symbols,
            _patterns(settings, database, sessions, clock, intake),
        ),
        clock,
        on_crash,
    )


def _setup(settings: Settings) -> Setup:
    """What a start has to be for, to rely on the last one."""
    listeners = tuple((one.connection_id, one.universe_key, one.symbols) for one in _listeners(settings))
    return Setup(database_digest(settings.database_url), all_revisions()[-1], settings.feed, listeners)


def _writer(
    settings: Settings, database: TickStockDatabase, source: BarSource, gaps: GapService, clock: Clock
) -> DatabaseBarWriter:
    spool = Spool(settings.data_dir / "spool.db", gaps.lost, clock.now_ms)
    interval = FlushInterval(settings.live_flush_ms)
    return DatabaseBarWriter(database, source, interval, clock, spool, status_file(settings), gaps.lost)


def _reconciliations(
    settings: Settings,
    database: TickStockDatabase,
    rest: MassiveRest,
    sessions: SessionTable,
    clock: Clock,
    repair: RepairService,
    intake: BarIntake,
) -> ReconciliationService:
    url, files = settings.database_url, FlatFiles()
    read, rows = read_engine(url), row_engine(url)
    log = DatabaseReconciliations(read, rows)
    gaps = DatabaseGapStore(rows, clock.now_ms)
    reconciler = Reconciler(lambda: rest, files, DatabaseMinutes(read), log, gaps, clock, database.clock.stamp)
    calendar = sessions if settings.feed == "massive" else None  # the simulated market trades at any hour
    return ReconciliationService(reconciler, log, files, calendar, clock, intake.surely_behind_ms, repair.is_urgent)


def _histories(
    settings: Settings,
    database: TickStockDatabase,
    rest: MassiveRest,
    sessions: SessionTable,
    clock: Clock,
    repair: RepairService,
) -> HistoryService:
    url = settings.database_url
    read = read_engine(url)
    trading = Trading(sessions if settings.feed == "massive" else None)  # the simulated market trades at any hour
    rows = row_engine(url)
    log, gaps = DatabaseHistory(read, rows), DatabaseGapStore(rows, clock.now_ms)
    parts = HistoryParts(lambda: rest, DatabaseMinutes(read), DatabaseDays(read), gaps, log, trading, clock)
    return HistoryService(parts, lambda days: database.merge_daily(days).refused == 0, repair.is_urgent)


def _retention(settings: Settings, rows: Engine, clock: Clock) -> RetentionService:
    url = settings.database_url
    reader = read_engine(url)

    def measure() -> Forecast:
        now_ms = clock.now_ms()
        with database_errors():
            growth = measure_growth(reader, url, now_ms)
        free = free_bytes(sqlite_file(url).parent) if growth.here else None
        return forecast(growth, free, settings.retention_days, now_ms)

    return RetentionService(DatabasePruner(rows, clock.now_ms), settings.retention_days, measure, clock)


def _imports(url: str, clock: Clock) -> FileImportService:
    return FileImportService(DatabaseHistory(read_engine(url), row_engine(url)), starter(url), size_of, clock)


def _daily(
    settings: Settings,
    database: TickStockDatabase,
    rest: MassiveRest,
    sessions: SessionTable,
    clock: Clock,
    intake: BarIntake,
    urgency: Urgency,
) -> DailyService:
    read = read_engine(settings.database_url)
    log, days_wanted = DatabaseReconciliations(read, read), DatabaseDaysWanted(read)

    def kept(date: day_date) -> frozenset[str] | None:
        wanted = days_wanted.symbols()
        return None if wanted is None else wanted | {*log.kept_symbols(*date_bounds_ms(date)).symbols}

    actions = DatabaseActions(row_engine(settings.database_url), clock.now_ms)

    day_of = usual_day if settings.feed == "simulated" else sessions.known_or_usual
    parts = MakingParts(DatabaseDayMaker(read), database, clock, intake.surely_behind_ms)
    return DailyService(
        parts, VendorParts(VendorLists(rest), days_wanted.symbols, kept, actions.keep_splits, urgency), day_of
    )


def _patterns(
    settings: Settings, database: TickStockDatabase, sessions: SessionTable, clock: Clock, intake: BarIntake
) -> FallbackPatternDetector:
    store = DatabasePatterns(read_engine(settings.database_url), database)
    day_of = usual_day if settings.feed == "simulated" else sessions.known_or_usual
    return FallbackPatternDetector(store, clock, intake.surely_behind_ms, day_of)


def _desk(
    database_url: str,
    rows: Engine,
    control: ConnectionControl,
    clock: Clock,
    gaps: GapService,
    jobs: Mapping[str, Callable[[Job], str]],
) -> ConnectionDesk:
    inbox = DatabaseJobInbox(read_engine(database_url), rows, clock.now_ms)
    return ConnectionDesk(control, inbox, DatabaseEventRecorder(rows), clock, gaps.flush, jobs)


def _gap_service(
    settings: Settings, sessions: SessionTable, recorder: GapRecorder, intake: BarIntake, clock: Clock
) -> GapService:
    """The simulated feed is never closed."""
    clip = sessions.trading_minutes if settings.feed == "massive" else lambda from_ms, to_ms: (from_ms, to_ms)
    history = (lambda: _history_start_ms(settings, sessions, clock.now_ms())) if settings.backfill_days else None
    return GapService(recorder, intake, clock, clip, history)


def _mode(settings: Settings) -> str:
    return "multi" if settings.use_multi_connection else "single"


def _connections(settings: Settings) -> tuple[ConnectionSpec, ...]:
    if not settings.use_multi_connection:
        return (ConnectionSpec("connection_1", "primary", True),)
    return tuple(
        ConnectionSpec(f"connection_{number}", one.name, one.enabled)
        for number, one in enumerate(settings.connections, 1)
    )


def _listeners(settings: Settings) -> tuple[Listener, ...]:
    """What each enabled connection is to listen to; the only one of single mode takes SYMBOLS before the universe."""
    if not settings.use_multi_connection:
        key = "" if settings.symbols else settings.symbol_universe_key
        return (Listener("connection_1", key, settings.symbols, "SYMBOL_UNIVERSE_KEY"),)
    return tuple(
        Listener(f"connection_{number}", one.universe_key, one.symbols, f"WEBSOCKET_CONNECTION_{number}_UNIVERSE_KEY")
        for number, one in enumerate(settings.connections[: settings.websocket_connections_max], 1)
        if one.enabled
    )


def build_alerts(settings: Settings, service: MarketDataService | None) -> AlertService | None:
    """What posts to the webhook when bars stop, not started; None without a webhook, and where nothing ingests."""
    url = settings.alert_webhook_url.get_secret_value()
    if service is None or not url:
        return None
    memory = AlertFile(settings.data_dir / "alert.json")
    origin = Origin(__version__, socket.gethostname())
    rng = random.SystemRandom()
    return AlertService(service.snapshot, load_sessions(), Webhook(url), memory, origin, CLOCK.now_ms, rng.random)


def _client_config(settings: Settings, sessions: SessionTable, clock: Clock) -> ClientConfig:
    url = settings.massive_ws_url if settings.feed == "massive" else f"ws://{simulator_address(settings)}/stocks"
    config = ClientConfig(url, settings.massive_channels, settings.connect_timeout_s, clock=clock)
    return replace(config, phase=sessions.phase_or_closed) if settings.feed == "massive" else config


def _history_start_ms(settings: Settings, sessions: SessionTable, at_ms: int) -> int:
    """From when on the history of a new symbol is loaded: BACKFILL_DAYS trading days before the one at `at_ms`."""
    try:
        return sessions.latest_days(at_ms, settings.backfill_days + 1)[-1].pre_open_ms
    except CalendarRangeError:
        return at_ms - settings.backfill_days * 86_400_000
